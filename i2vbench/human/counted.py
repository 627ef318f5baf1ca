"""Which answers count: those to plain tasks, of raters who pass the checks.

The rule, `Rule`, is fixed before anybody answers and the same for every study; a report says what it left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from i2vbench.errors import UserError
from i2vbench.human.study import Study, read_study
from i2vbench.human.votes import FILE, Rater, Response, Task, Votes


@dataclass(frozen=True, slots=True)
class Rule:
    """When a rater's answers are left out. What is counted is answers to single questions.

    Attributes:
        broken: More than this share of the answers to checks prefer the damaged video, or in pairs call it as good.
        repeats: More than this share of the answers to repeated tasks contradict the first ones: in choice nothing is
            chosen in common, in pairs the other model is preferred.
        beside_others: And so many times the share that is the median of the other raters: where models are as good as
            alike, everybody contradicts themselves.
        least_repeats: Of fewer answers to repeated tasks, or of a rater without others, nothing is concluded.
    """

    broken: float = 0.25
    repeats: float = 0.5
    beside_others: float = 2.0
    least_repeats: int = 4


RULE = Rule()


@dataclass(frozen=True, slots=True)
class Checks:
    """How a rater did in the checks, in answers to single questions.

    Attributes:
        broken_failed: Those that the damaged video has misled.
        broken: Those to tasks with a damaged video.
        repeats_failed: Those that contradict the first answer.
        repeats: Those to repeated tasks.
    """

    broken_failed: int = 0
    broken: int = 0
    repeats_failed: int = 0
    repeats: int = 0

    @property
    def contradicting(self) -> float:
        """The share of answers to repeated tasks that contradict the first one; 0 of none."""
        return self.repeats_failed / max(1, self.repeats)


@dataclass(frozen=True, slots=True)
class Counted:
    """What a study's results are made of.

    Attributes:
        study: The study.
        responses: To plain tasks, of raters who are kept; in the order of raters and their tasks.
        left_out: By rater who is not kept, why.
        checks: By rater who answered anything.
    """

    study: Study
    responses: tuple[Response, ...]
    left_out: Mapping[int, str]
    checks: Mapping[int, Checks]

    @property
    def raters(self) -> list[int]:
        """Those whose responses count."""
        return sorted({response.task.rater for response in self.responses})

    @property
    def items(self) -> list[int]:
        """Those that the responses are of."""
        return sorted({response.task.item for response in self.responses})


def open_votes(folder: Path) -> tuple[Study, list[Response]]:
    """A study and all its responses, checks too; another process may be writing more.

    Raises:
        UserError: There is no study or no file of votes, or one of them is damaged.
    """
    study = read_study(folder)
    with _reading(folder) as votes:
        return study, votes.responses()


def rater_names(folder: Path) -> dict[int, str]:
    """What all raters are called in a report, by their ids, also of those who answered nothing.

    Raises:
        UserError: As `open_votes`.
    """
    with _reading(folder) as votes:
        raters = votes.raters()
    return {rater.id: _name(rater) for rater in raters}


def _name(rater: Rater) -> str:
    numbered = f"rater {rater.id}"
    return numbered if rater.nickname in (None, "", numbered) else f"{rater.nickname} ({numbered})"


def count_votes(study: Study, responses: Sequence[Response], rule: Rule = RULE, *, keep_all: bool = False) -> Counted:
    """Leave out checks, and raters who fail them.

    Args:
        study: What was asked.
        responses: All of them, of all kinds.
        rule: Who is left out.
        keep_all: Nobody is left out; the checks themselves still do not count.

    Raises:
        UserError: Responses are to tasks that this study cannot have.
    """
    first: dict[tuple[int, int], Response] = {}
    by_rater: dict[int, list[Response]] = {}
    for response in responses:
        check_response(study, response, first)
        first[response.task.rater, response.task.number] = response
        by_rater.setdefault(response.task.rater, []).append(response)
    _check_once(responses)
    checks = {rater: _checks(study, some, first) for rater, some in by_rater.items()}
    left_out = {rater: why for rater in checks if (why := _why(checks, rater, rule)) and not keep_all}
    kept = [r for r in responses if r.task.kind == "plain" and r.task.rater not in left_out]
    return Counted(study, tuple(kept), left_out, checks)


def check_response(study: Study, response: Response, first: Mapping[tuple[int, int], Response]) -> None:
    """Refuse what this study's page cannot have asked or sent; the files may be somebody else's.

    Args:
        study: What was asked.
        response: The answer.
        first: Earlier ones by rater and number, of which a repeated task shows one again.

    Raises:
        UserError: With what is wrong, and of which task.
    """
    task = response.task
    wrong = _wrong_task(study, task, first) or _wrong_answer(study, response)
    if wrong:
        raise UserError(
            f"{FILE} does not fit study.json: rater {task.rater}, task {task.number}: {wrong}; use the two files of "
            "one study"
        )


def _check_once(responses: Sequence[Response]) -> None:
    """A rater who answers the same plain task twice would count twice.

    Raises:
        UserError: With the rater and the task.
    """
    seen = set()
    for task in (response.task for response in responses if response.task.kind == "plain"):
        what = task.rater, task.item, frozenset(task.shown)
        if what in seen:
            raise UserError(f"{FILE} counts something twice: rater {task.rater}, task {task.number}: answered before")
        seen.add(what)


def _wrong_task(study: Study, task: Task, first: Mapping[tuple[int, int], Response]) -> str:
    if not _is_below(task.item, len(study.items)):
        return f"there is no item {task.item}"
    if not all(_is_below(model, len(study.models)) for model in task.shown):
        return f"models {list(task.shown)}, but there are {len(study.models)}"
    broken = study.items[task.item].broken if task.kind == "broken" else None
    both = study.mode == "pairs" and task.kind == "broken"
    if len(task.shown) != (len(study.models) if study.mode == "choice" else 2) or (
        len({*task.shown}) != (1 if both else len(task.shown))
    ):
        return f"it shows models {list(task.shown)}, which is not what a task in mode {study.mode} shows"
    if task.kind == "broken" and not (
        _is_below(task.broken, len(task.shown)) and task.shown[task.broken or 0] == broken
    ):
        return "it is a check whose damaged video is not its item's"
    if task.kind == "repeat":
        again = first.get((task.rater, task.repeats or 0))
        same = again is not None and (again.task.item, {*again.task.shown}) == (task.item, {*task.shown})
        if again is None or again.task.kind != "plain" or not same:
            return f"it does not repeat an earlier answer (task {task.repeats})"
    return "" if task.kind in ("plain", "repeat", "broken") else f"a task of kind {task.kind}"


def _wrong_answer(study: Study, response: Response) -> str:
    asked = [question.id for question in study.questions]
    if sorted(response.chosen) != sorted(asked):
        return f"answers to {', '.join(response.chosen) or 'nothing'}, but it asks {', '.join(asked)}"
    least, most = (1, len(response.task.shown)) if study.mode == "choice" else (0, 1)
    for question, positions in response.chosen.items():
        known = all(_is_below(position, len(response.task.shown)) for position in positions)
        if not known or len({*positions}) != len(positions) or not least <= len(positions) <= most:
            return f"{question}: positions {list(positions)} chosen, of {len(response.task.shown)} shown"
    return ""


def _is_below(number: object, end: int) -> bool:
    return type(number) is int and 0 <= number < end


def _checks(study: Study, responses: Sequence[Response], first: Mapping[tuple[int, int], Response]) -> Checks:
    counts = {"broken_failed": 0, "broken": 0, "repeats_failed": 0, "repeats": 0}
    for response in responses:
        task = response.task
        for question in (question.id for question in study.questions):
            if task.kind == "broken":
                counts["broken"] += 1
                counts["broken_failed"] += _misled(study, response, question)
            elif task.kind == "repeat":
                counts["repeats"] += 1
                earlier = first[task.rater, task.repeats or 0]
                counts["repeats_failed"] += _contradicts(study, response, earlier, question)
    return Checks(**counts)


def _misled(study: Study, response: Response, question: str) -> bool:
    tie = study.mode == "pairs" and not response.chosen[question]
    return tie or response.task.broken in response.chosen[question]


def _contradicts(study: Study, response: Response, earlier: Response, question: str) -> bool:
    now, then = response.models(question), earlier.models(question)
    tie = study.mode == "pairs" and not (now and then)
    return not tie and not now & then


def _why(checks: Mapping[int, Checks], rater: int, rule: Rule) -> str:
    """Why a rater is left out, "" if they are not."""
    own, why = checks[rater], []
    if own.broken_failed > rule.broken * own.broken:
        why.append(f"was misled by the damaged video in {own.broken_failed} of {own.broken} answers")
    others = [c.contradicting for id_, c in checks.items() if id_ != rater and c.repeats >= rule.least_repeats]
    if others and own.repeats >= rule.least_repeats:
        usual = median(others)
        if own.contradicting > max(rule.repeats, rule.beside_others * usual):
            why.append(
                f"contradicted the first answer in {own.repeats_failed} of {own.repeats} answers to repeated tasks "
                f"(the others: {usual:.0%})"
            )
    return "; ".join(why)


@contextmanager
def _reading(folder: Path) -> Iterator[Votes]:
    try:
        with Votes(folder, read_only=True) as votes:
            yield votes
    except (AttributeError, TypeError, ValueError) as error:  # JSON of another form
        raise UserError(f"{folder / FILE} is damaged ({error}): restore it from a copy of {folder}") from error
