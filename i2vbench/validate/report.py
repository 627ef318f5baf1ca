"""What came out, as text, CSV and Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

import pandas as pd

from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.texts import csv_lines, csv_text
from i2vbench.validate.study import Reaction
from i2vbench.validate.truth import Score

STEADY = 0.9
"""Of Spearman's correlation; from here on an answer goes with the grades: of five, two neighbours may be exchanged."""

GROUPS = {"worse": "sees", "blind": "blind to", "better": "fooled by"}
"""What an answer says of a metric."""


def reaction_table(reactions: Sequence[Reaction], profile: str) -> pd.DataFrame:
    """A row for every metric and damage, as a file that stands alone has it."""
    return pd.DataFrame(
        {
            "metric": [csv_text(r.metric) for r in reactions],
            "damage": [r.damage for r in reactions],
            "answer": [r.answer for r in reactions],
            "monotone": [r.monotone for r in reactions],
            "effect": [r.effect for r in reactions],
            "stated": [r.stated.answer if r.stated else "" for r in reactions],
            "why": [r.stated.why if r.stated else "" for r in reactions],
            "stated in general": [(r.stated.in_general or "") if r.stated else "" for r in reactions],
            "clips": [r.clips for r in reactions],
            "spread": [r.spread for r in reactions],
            "grades": [" ".join(f"{grade:g}" for grade in r.grades) for r in reactions],
            "values": [" ".join(f"{value:.6g}" for value in r.values) for r in reactions],
            "profile": [csv_text(profile)] * len(reactions),
        }
    )


def score_table(scores: Sequence[Score], profile: str) -> pd.DataFrame:
    """A row for every number with a truth, likewise."""
    rows = ((csv_text(s.metric), s.what, s.value, s.rival, s.rival_value, csv_text(profile)) for s in scores)
    return pd.DataFrame(rows, columns=["metric", "number", "value", "rival", "its value", "profile"])


def _csv(table: pd.DataFrame) -> str:
    """What is not a number is empty."""
    cells = table.astype(object).where(table.notna(), "")
    return csv_lines([list(table.columns), *cells.itertuples(index=False, name=None)])


def summary(reactions: Sequence[Reaction]) -> dict[str, dict[str, list[Reaction]]]:
    """By metric and word of `GROUPS`, the damage it answers so, the strongest effect first."""
    found: dict[str, dict[str, list[Reaction]]] = {}
    for r in sorted(reactions, key=lambda r: -abs(r.effect)):
        found.setdefault(r.metric, {word: [] for word in GROUPS.values()})[GROUPS[r.answer]].append(r)
    return {metric: found[metric] for metric in dict.fromkeys(r.metric for r in reactions)}


def lines(
    reactions: Sequence[Reaction], scores: Sequence[Score], notes: Sequence[str] = (), width: int = 100
) -> Iterator[str]:
    """For a terminal: metric by metric, then the truth, then all in short."""
    summed = summary(reactions)
    graded = any(len(r.grades) > 2 for r in reactions)
    for metric, groups in summed.items():
        yield f"{metric:29}{'effect':>9}" + graded * f"{'rho':>7}"
        for word, some in groups.items():
            for place, r in enumerate(some):
                numbers = f"{_signed(r.effect):>9}" + graded * f"{_signed(r.monotone):>7}"
                yield f"  {'' if place else word:11}{r.damage:16}{numbers}  {_mark(r)}".rstrip()
        yield ""
    if scores:
        yield f"{'networks against the truth':62}{'it':>9}{'rival':>9}"
        for s in scores:
            yield f"  {s.metric:20}{s.what:40}{s.value:9.3f}{s.rival_value:9.3f}  {s.rival}"
        yield ""
    yield "In short" + graded * " (~: the number does not go with the grades)"
    for metric, groups in summed.items():
        text = "; ".join(f"{word} {_names(some)}" for word, some in groups.items() if some)
        yield from wrap(
            f"{metric}: {text}", width, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False
        )
    for note in notes:
        yield from wrap(f"note: {note}", width, subsequent_indent="      ")


def write_report(
    out: Path,
    reactions: Sequence[Reaction],
    scores: Sequence[Score],
    title: str,
    profile: str,
    notes: Sequence[str] = (),
) -> list[Path]:
    """damage.csv, truth.csv and report.md; the tables name the profile by its label.

    Raises:
        UserError: The folder cannot be written to.
    """
    files = {
        "damage.csv": _csv(reaction_table(reactions, profile)),
        "truth.csv": _csv(score_table(scores, profile)),
    }
    files["report.md"] = "\n".join([*_markdown(reactions, scores, title, notes), ""])
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_bytes(out / name, text.encode())
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written to: {error.strerror}") from error
    return [out / name for name in files]


def _markdown(
    reactions: Sequence[Reaction], scores: Sequence[Score], title: str, notes: Sequence[str]
) -> Iterator[str]:
    yield f"# {title}\n"
    yield "The strongest effect comes first; ~: the number does not go with the grades.\n"
    yield from _table(
        ["metric", *GROUPS.values()],
        [[metric, *map(_names, groups.values())] for metric, groups in summary(reactions).items()],
    )
    yield ""
    yield from (f"- {note}" for note in notes)
    yield "\n## Effects\n"
    yield "Of the strongest grade, in spreads between undamaged clips; positive is worse, less than 0.2 either way is"
    yield "blind, and inf is where these do not differ. In brackets Spearman's correlation of grade and badness. Bold:"
    yield "not as was stated beforehand.\n"
    metrics = list(dict.fromkeys(r.metric for r in reactions))
    cells = {(r.damage, r.metric): _cell(r) for r in reactions}
    yield from _table(
        ["damage", *(metric.replace("_", " ") for metric in metrics)],
        [[damage, *(cells.get((damage, m), "") for m in metrics)] for damage in dict.fromkeys(d for d, _ in cells)],
    )
    yield from _held_to(reactions)
    if scores:
        yield "\n## Networks against the truth\n"
        rows = [[s.metric, s.what, f"{s.value:.3f}", s.rival, f"{s.rival_value:.3f}"] for s in scores]
        yield from _table(["network of", "number", "it", "rival", "its number"], rows)


def _held_to(reactions: Sequence[Reaction]) -> Iterator[str]:
    """What was not as stated, and what was stated of these small networks alone."""
    rows = [
        [r.metric, r.damage, r.answer, r.stated.answer, r.stated.why]
        for r in reactions
        if r.stated and r.as_stated is False
    ]
    if rows:
        yield "\n## Not as stated\n"
        yield from _table(["metric", "damage", "answer", "stated", "because"], rows)
    rows = [
        [r.metric, r.damage, r.stated.in_general, r.stated.answer, r.stated.why]
        for r in reactions
        if r.stated and r.stated.in_general
    ]
    if rows:
        yield "\n## Stated of these small networks alone\n"
        yield from _table(["metric", "damage", "stated in general", "here", "because"], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|---" * len(header) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _steady(reaction: Reaction) -> bool:
    return math.isnan(reaction.monotone) or abs(reaction.monotone) > STEADY - 1e-9


def _names(some: Sequence[Reaction]) -> str:
    return ", ".join(r.damage + ("~" if r.answer != "blind" and not _steady(r) else "") for r in some)


def _mark(reaction: Reaction) -> str:
    if reaction.stated is None:
        return ""
    if reaction.as_stated is False:
        return f"STATED: {reaction.stated.answer}"
    if reaction.stated.in_general:
        here = "not held to any" if reaction.stated.answer == "open" else "as stated"
        return f"{here} (in general: {reaction.stated.in_general})"
    return "as stated"


def _cell(reaction: Reaction) -> str:
    text = _signed(reaction.effect) + (f" ({_signed(reaction.monotone)})" if len(reaction.grades) > 2 else "")
    return f"**{text}**" if reaction.as_stated is False else text


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{round(value, 2) + 0.0:+.2f}"  # no -0.00
