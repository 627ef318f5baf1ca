"""What stands under a report's tables: how it was counted, of whose answers, and how far raters agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from i2vbench.human.agreement import Agreement
from i2vbench.human.counted import RULE
from i2vbench.human.report import Answered, Report
from i2vbench.human.shares import Estimate
from i2vbench.human.study import Mode
from i2vbench.statistics import Interval
from i2vbench.texts import amount

_KEPT_LIMIT = (
    f"{RULE.repeats:.0%} of their answers to repeated tasks, of {RULE.least_repeats} or more, and more than "
    f"{RULE.beside_others:g} times as often as the median of the other raters"
)
RULE_SAID = {
    "choice": f"chose the damaged video in more than {RULE.broken:.0%} of their answers to tasks with one, or chose "
    f"nothing again that they had chosen before in more than {_KEPT_LIMIT}",
    "pairs": f"preferred the damaged video to the same video undamaged, or called it as good, in more than "
    f"{RULE.broken:.0%} of their answers to tasks with one, or preferred the other model in more than {_KEPT_LIMIT}",
}
"""Who is left out, by mode."""


def asked(answered: Sequence[Answered]) -> list[str]:
    """The questions."""
    return [f'{one.question.title}: "{one.question.text}"' for one in answered]


def how_counted(mode: Mode) -> str:
    """What a share is."""
    if mode == "choice":
        return (
            "Shares: the responses that chose the model, of all responses, as the paper counts them. A response may "
            "choose several models, so that the shares of a question may add up to more than 100%."
        )
    return "Won: of the comparisons of the model, those that it won, ties half. How many depends on whom it met."


SCORE = (
    "Score: of Bradley and Terry's model (1952) by maximum likelihood, a tie half a win for both; log-odds with "
    "mean 0, so that a model that scores 1 more than another is preferred to it by e to 1, 2.7 to 1."
)


def whose_answers(report: Report) -> list[str]:
    """Of how many raters and items, who was left out, and of what videos."""
    counted, study = report.counted, report.study
    answered = Counter(response.task.item for response in counted.responses)
    times = sorted({min(answered.values()), max(answered.values())})
    each = " to ".join(f"{number:,}" for number in times)
    sources = Counter(study.items[item].source for item in answered)
    of = "; ".join(f"{count:,} of {study.sources[source].title}" for source, count in sorted(sources.items()))
    return [
        f"{amount(len(counted.responses), 'response')} of {amount(len(counted.raters), 'rater')} to "
        f"{len(answered):,} of the study's {amount(len(study.items), 'item')}, {each} each. Items: {of}.",
        _left_out(report),
        f"Videos as raters saw them: {study.width}x{study.height}, {study.num_frames} frames at {study.fps:g} a "
        f"second. The runs' profile: {study.profile.rstrip('.')}.",
    ]


def how_drawn(report: Report, estimates: Iterable[Estimate]) -> list[str]:
    """What the intervals are, if there are some."""
    if not any(one.interval for one in estimates):
        return []
    return [
        f"Intervals: 95%, of {report.draws.replicates:,} resamples of raters and items, both drawn with replacement "
        "(the pigeonhole bootstrap, Owen 2007), widened for few of either (Hesterberg 2015). They say how far other "
        "raters and items would move a number, not other seeds of the models."
    ]


def agreement_said(one: Answered, mode: Mode) -> str:
    """How far raters agree on a question."""
    found, unit = one.agreement, "videos" if mode == "choice" else "pairs of videos"
    if found.alpha is None:
        alike = "" if found.alike is None else f" ({_alike(found)})"
        return f"{one.question.title}, agreement: no alpha, {found.note}{alike}."
    between = f" {_between(found.interval)} over items" if found.interval else ""
    level = "nominal" if mode == "choice" else "ordinal"
    note = f"; {found.note}" if found.note else ""
    return (
        f"{one.question.title}, agreement: Krippendorff's alpha {found.alpha:.2f}{between} ({level}; "
        f"{found.units:,} {unit} of {found.items:,} items that two raters or more answered{note}); {_alike(found)}."
    )


def without(columns: Sequence[tuple[str, Sequence[tuple[str, Estimate]]]]) -> list[str]:
    """Why numbers or intervals are not there, each reason once with what it is said of.

    Args:
        columns: By heading, the estimates of its rows by label.
    """
    where: dict[str, dict[str, list[str]]] = {}
    for heading, rows in columns:
        for label, one in rows:
            if one.note:
                where.setdefault(one.note, {}).setdefault(heading, []).append(label)
    everything = {heading: len(rows) for heading, rows in columns}
    found = []
    for note, said in where.items():
        if {heading: len(labels) for heading, labels in said.items()} == everything:
            found.append(f"{note[:1].upper()}{note[1:]}.")
            continue
        listed = [
            heading if len(labels) == everything[heading] else f"{heading}{' of ' * bool(heading)}{', '.join(labels)}"
            for heading, labels in said.items()
        ]
        found.append(f"{'; '.join(listed)}: {note}.")
    return found


def _left_out(report: Report) -> str:
    if not report.study.checks:
        return "The study has no checks: nobody is left out."
    rule = RULE_SAID[report.study.mode]
    checked = sum(1 for checks in report.counted.checks.values() if checks.broken or checks.repeats)
    if not report.failed:
        return f"Left out: raters who {rule}. None of {amount(checked, 'rater')} with checks."
    named = "; ".join(f"{report.names.get(rater, f'rater {rater}')} {why}" for rater, why in report.failed.items())
    kept = not report.counted.left_out
    word = "Everybody is kept. Left out would be raters who" if kept else "Left out: raters who"
    return f"{word} {rule}. {len(report.failed)} of {amount(checked, 'rater')} with checks: {named}."


def _alike(found: Agreement) -> str:
    return f"{found.alike:.0%} of the pairs of raters answered alike"


def _between(interval: Interval) -> str:
    return f"[{interval.low:.2f}, {interval.high:.2f}]"
