"""How metrics answer known damage: every metric on every clip under every grade, and what that says of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from i2vbench.errors import UserError
from i2vbench.metrics.base import Metric
from i2vbench.progress import Progress
from i2vbench.statistics import spearman
from i2vbench.types import Cell, Clip, Measurement
from i2vbench.validate.damages import DAMAGES, Answer, Damage, Expected, Shown
from i2vbench.validate.subjects import Subject

LEAST_EFFECT = 0.2
"""Below so many deviations between clips, an effect is none (Cohen's "small")."""

SPLITS = 10
"""Of the Inception Score, of which each needs clips enough."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """How a metric answers a damage.

    Attributes:
        metric: Its id.
        damage: Its name.
        grades: 0 and those of the damage.
        values: The metric's number at each grade, over all clips.
        clips: How many they stand on.
        spread: What the effect is held against: the deviation between undamaged clips (ddof 1). For a distance between
            distributions the root of half its mean between two undamaged clips, which for points is the same; for the
            Inception Score the deviation of its splits, times the root of the clips in one.
        worse: 1 if a greater number is a worse one, else -1.
        stated: What the metric was held to; None where nothing was stated.
        squared: Whether the number is a square, as of distances between distributions; then its root counts.
    """

    metric: str
    damage: str
    grades: tuple[float, ...]
    values: tuple[float, ...]
    clips: int
    spread: float
    worse: int
    stated: Expected | None = None
    squared: bool = False

    @property
    def monotone(self) -> float:
        """Spearman's correlation of grade and badness over the grades; NaN where nothing changes, or of one grade."""
        return self.worse * spearman(self.grades, self.values) if len(self.grades) > 2 else math.nan

    @property
    def effect(self) -> float:
        """How much worse the strongest damage is than none, in spreads; infinite where clips do not differ."""
        change = self.worse * (self.values[-1] - self.values[0])
        if self.squared:
            change = math.copysign(math.sqrt(abs(change)), change)
        if self.spread == 0:
            return math.copysign(math.inf, change) if change else 0.0
        return change / self.spread

    @property
    def answer(self) -> Answer:
        if abs(self.effect) < LEAST_EFFECT:
            return "blind"
        return "worse" if self.effect > 0 else "better"

    @property
    def as_stated(self) -> bool | None:
        """Whether it is the answer that was stated beforehand; None where it was held to none."""
        return None if self.stated is None or self.stated.answer == "open" else self.answer == self.stated.answer


@dataclass(frozen=True, slots=True)
class Study:
    """What metrics make of damage.

    Attributes:
        reactions: Damage by damage, metric by metric.
        left_out: Metrics without a number for the undamaged clips, with the reason.
        unanswered: By damage, the others that were shown it and have no reaction, with the reason.
    """

    reactions: Sequence[Reaction]
    left_out: Mapping[str, str]
    unanswered: Mapping[str, Mapping[str, str]]


def study(
    metrics: Mapping[str, Metric],
    subjects: Sequence[Subject],
    progress: Progress,
    damages: Sequence[Damage] = tuple(DAMAGES.values()),
    device: str = "cpu",
    stated_only: bool = False,
) -> Study:
    """Show every metric every damage, damage by damage.

    Args:
        metrics: By id, prepared and not loaded. One that aggregates another's features comes with that one.
        subjects: At least two.
        progress: Told how far it is.
        damages: What is done to the clips.
        device: As torch names it.
        stated_only: Only metrics that are held to a statement are asked.

    Raises:
        UserError: Fewer than two subjects.
    """
    if len(subjects) < 2:
        raise UserError(f"metrics are put to the test on at least two clips, got {len(subjects)}")
    sources = {id_: metric for id_, metric in metrics.items() if not metric.info.features_of}
    for source in sources.values():
        source.load(device, "float32")
    try:
        clean = _undamaged(sources, subjects, progress)
        left_out = {id_: why for id_, metric in metrics.items() if (why := _no_number(id_, metric, clean))}
        judging = {id_: metric for id_, metric in metrics.items() if id_ not in left_out}
        reactions: list[Reaction] = []
        unanswered: dict[str, dict[str, str]] = {}
        for damage in damages:
            stated = {id_: damage.expected(id_, metric.info.checkpoints) for id_, metric in judging.items()}
            asked = {id_: metrics[id_] for id_, it in stated.items() if not stated_only or (it and it.answer != "open")}
            needed = {source: sources[source] for source in {_source(id_, metric) for id_, metric in asked.items()}}
            rows = _damaged(damage, needed, subjects, clean, progress)
            for id_, metric in asked.items():
                found = _reaction(metric, damage, rows[_source(id_, metric)], len(subjects), stated[id_])
                if isinstance(found, Reaction):
                    reactions.append(found)
                else:
                    unanswered.setdefault(damage.name, {})[id_] = found
    finally:
        for source in sources.values():
            source.unload()
    return Study(reactions, left_out, unanswered)


def _undamaged(
    metrics: Mapping[str, Metric], subjects: Sequence[Subject], progress: Progress
) -> list[dict[str, Measurement]]:
    """Of each subject, what is measured as it is."""
    progress.start("undamaged", len(subjects), 0)
    clean = []
    for subject in subjects:
        clean.append(_measure(metrics, Shown(subject.video(), subject.sample)))
        progress.advance("undamaged", doing=subject.sample.id)
    return clean


def _source(id_: str, metric: Metric) -> str:
    """Whose measurements it aggregates."""
    return metric.info.features_of or id_


def _no_number(id_: str, metric: Metric, clean: Sequence[Mapping[str, Measurement]]) -> str:
    """Why a metric cannot be put to the test on these clips; "" where it can."""
    measured = [found[_source(id_, metric)] for found in clean]
    judged = [m for m in measured if _judged(m)]
    if len(judged) < 2:
        return f"{len(judged)} of {len(measured)} clips can be judged{_reasons(measured)}"
    cell = _cell(metric, judged, judged)
    return "" if cell.value is not None else cell.note or "it gives no number"


def _judged(measured: Measurement) -> bool:
    return measured.value is not None or measured.features is not None


def _reasons(measured: Iterable[Measurement]) -> str:
    """In brackets, why those of them were not judged that were not."""
    reasons = dict.fromkeys(m.error or m.not_applicable for m in measured if not _judged(m))
    return f" ({'; '.join(filter(None, reasons))})" if any(reasons) else ""


def _damaged(
    damage: Damage,
    metrics: Mapping[str, Metric],
    subjects: Sequence[Subject],
    clean: Sequence[Mapping[str, Measurement]],
    progress: Progress,
) -> dict[str, list[list[Measurement]]]:
    """By metric, of each subject that can be damaged so, what is measured at grade 0 and at every other."""
    rows: dict[str, list[list[Measurement]]] = {id_: [] for id_ in metrics}
    progress.start(damage.name, len(subjects), 0)
    for subject, undamaged in zip(subjects, clean, strict=True):
        shown = [one for grade in damage.grades if (one := damage.apply(subject, grade))]
        if len(shown) == len(damage.grades):
            measured = [undamaged, *_measure_grades(metrics, undamaged, subject, shown)]
            for id_ in metrics:
                rows[id_].append([found[id_] for found in measured])
        progress.advance(damage.name, doing=subject.sample.id)
    return rows


def _measure_grades(
    metrics: Mapping[str, Metric], undamaged: Mapping[str, Measurement], subject: Subject, shown: Sequence[Shown]
) -> list[dict[str, Measurement]]:
    """What is measured at every grade.

    Where only the caption is damaged, a metric that declares to read none is shown the strongest grade, and the weaker
    ones only if it then says something else than of the clip as it is.
    """
    if not all(np.array_equal(one.video.frames, subject.video().frames) for one in shown):
        return [_measure(metrics, one) for one in shown]
    strongest = _measure(metrics, shown[-1])
    same = {
        id_: strongest[id_]
        for id_, metric in metrics.items()
        if "prompt" not in metric.info.reads and _equal(strongest[id_], undamaged[id_])
    }
    others = {id_: metric for id_, metric in metrics.items() if id_ not in same}
    return [*(_measure(others, one) | same for one in shown[:-1]), strongest]


def _equal(one: Measurement, other: Measurement) -> bool:
    if one.features is None or other.features is None:
        return one.value == other.value and one.features is other.features
    return np.array_equal(one.features, other.features)


def _reaction(
    metric: Metric, damage: Damage, damaged: Sequence[Sequence[Measurement]], clips: int, stated: Expected | None
) -> Reaction | str:
    """What these rows, one of each clip that could be damaged, say; else why they say nothing."""
    if len(damaged) < 2:
        return f"{len(damaged)} of {clips} clips can be damaged so"
    rows = [row for row in damaged if all(map(_judged, row))]
    if len(rows) < 2:
        return f"{len(rows)} of {len(damaged)} damaged clips can be judged{_reasons(chain.from_iterable(damaged))}"
    undamaged = [row[0] for row in rows]
    cells = [_cell(metric, grade, undamaged) for grade in zip(*rows, strict=True)]
    values = tuple(cell.value for cell in cells if cell.value is not None)
    if len(values) < len(cells):
        return next(filter(None, (cell.note for cell in cells if cell.value is None)), "it gives no number")
    return Reaction(
        metric=metric.info.id,
        damage=damage.name,
        grades=(0, *damage.grades),
        values=values,
        clips=len(rows),
        spread=_spread(metric, undamaged, cells[0]),
        worse=1 if metric.info.direction == "lower" else -1,
        stated=stated,
        squared=_is_distance(metric, undamaged),
    )


def _is_distance(metric: Metric, measured: Sequence[Measurement]) -> bool:
    return measured[0].features is not None and "reference" in metric.info.reads


def _cell(metric: Metric, measured: Sequence[Measurement], undamaged: Sequence[Measurement]) -> Cell:
    """The metric's number; of a score that is made of splits, on `SPLITS` draws of as many clips as there are."""
    if _is_distance(metric, measured):
        return metric.aggregate(measured, undamaged)
    return metric.aggregate(measured if measured[0].features is None else [*measured] * SPLITS)


def _spread(metric: Metric, undamaged: Sequence[Measurement], cell: Cell) -> float:
    """See `Reaction.spread`."""
    if _is_distance(metric, undamaged):
        others = [*undamaged[1:], undamaged[0]]
        apart = [metric.aggregate([a, a], [b, b]).value or 0.0 for a, b in zip(undamaged, others, strict=True)]
        return math.sqrt(max(0.0, math.fsum(apart)) / len(apart) / 2)
    return (cell.spread or 0.0) * (1 if undamaged[0].features is None else math.sqrt(len(undamaged)))


def _measure(metrics: Mapping[str, Metric], shown: Shown) -> dict[str, Measurement]:
    clip = Clip(shown.sample, shown.video)  # one for all, as in a run
    return {id_: metric.measure([clip])[0] for id_, metric in metrics.items()}
