"""How metrics answer known damage: every metric on every clip under every grade, and what that says of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from i2vbench.errors import UserError
from i2vbench.metrics.base import Metric
from i2vbench.progress import Progress
from i2vbench.statistics import spearman
from i2vbench.types import Cell, Clip, Measurement
from i2vbench.validate.damages import DAMAGES, Answer, Damage, Shown
from i2vbench.validate.subjects import Subject

LEAST_EFFECT = 0.2
"""Below so many deviations between clips, an effect is none (Cohen's "small")."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """How a metric answers a damage.

    Attributes:
        metric: Its id.
        damage: Its name.
        grades: 0 and those of the damage.
        values: The metric's number at each grade, over all clips.
        clips: How many they stand on.
        spread: What the effect is held against: the deviation between undamaged clips (ddof 1); for a distance between
            distributions, that between two halves of the undamaged clips; for the Inception Score, that of its splits.
        worse: 1 if a greater number is a worse one, else -1.
    """

    metric: str
    damage: str
    grades: tuple[float, ...]
    values: tuple[float, ...]
    clips: int
    spread: float
    worse: int

    @property
    def monotone(self) -> float:
        """Spearman's correlation of grade and badness over the grades; NaN where nothing changes."""
        return self.worse * spearman(self.grades, self.values)

    @property
    def effect(self) -> float:
        """How much worse the strongest damage is than none, in spreads; infinite where clips do not differ."""
        change = self.worse * (self.values[-1] - self.values[0])
        if self.spread == 0:
            return math.copysign(math.inf, change) if change else 0.0
        return change / self.spread

    @property
    def answer(self) -> Answer:
        if abs(self.effect) < LEAST_EFFECT:
            return "blind"
        return "worse" if self.effect > 0 else "better"


def study(
    metrics: Mapping[str, Metric],
    subjects: Sequence[Subject],
    progress: Progress,
    damages: Sequence[Damage] = tuple(DAMAGES.values()),
    device: str = "cpu",
    stated_only: bool = False,
) -> Iterator[Reaction]:
    """Show every metric every damage, damage by damage.

    Args:
        metrics: By id, prepared and not loaded. One that aggregates another's features comes with that one.
        subjects: At least two.
        progress: Told how far it is.
        damages: What is done to the clips.
        device: As torch names it.
        stated_only: Only metrics whose answer was stated beforehand are asked.

    Raises:
        UserError: Fewer than two subjects, or a metric without a number for undamaged clips, with its reason.
    """
    if len(subjects) < 2:
        raise UserError(f"metrics are put to the test on at least two clips, got {len(subjects)}")
    sources = {id_: metric for id_, metric in metrics.items() if not metric.info.features_of}
    for source in sources.values():
        source.load(device, "float32")
    try:
        progress.start("undamaged", len(subjects), 0)
        clean = []
        for subject in subjects:
            clean.append(_measure(sources, Shown(subject.video(), subject.sample)))
            progress.advance("undamaged", doing=subject.sample.id)
        for damage in damages:
            asked = {id_: metric for id_, metric in metrics.items() if not stated_only or id_ in damage.answers}
            needed = {id_: sources[id_] for id_ in {m.info.features_of or id_ for id_, m in asked.items()}}
            rows = _damaged(damage, needed, subjects, clean, progress)
            for id_, metric in asked.items():
                if reaction := _reaction(metric, damage, rows[metric.info.features_of or id_]):
                    yield reaction
    finally:
        for source in sources.values():
            source.unload()


def _damaged(
    damage: Damage,
    metrics: Mapping[str, Metric],
    subjects: Sequence[Subject],
    clean: Sequence[Mapping[str, Measurement]],
    progress: Progress,
) -> dict[str, list[list[Measurement]]]:
    """By metric, of each subject that can be damaged so and judged, what is measured at grade 0 and at every other."""
    rows: dict[str, list[list[Measurement]]] = {id_: [] for id_ in metrics}
    progress.start(damage.name, len(subjects), 0)
    for subject, undamaged in zip(subjects, clean, strict=True):
        shown = [damage.apply(subject, grade) for grade in damage.grades]
        measured = [undamaged, *(_measure(metrics, one) for one in shown if one)]
        for id_ in metrics:
            row = [found[id_] for found in measured]
            if len(row) == len(damage.grades) + 1 and all(m.value is not None or m.features is not None for m in row):
                rows[id_].append(row)
        progress.advance(damage.name, doing=subject.sample.id)
    return rows


def _reaction(metric: Metric, damage: Damage, rows: Sequence[Sequence[Measurement]]) -> Reaction | None:
    """What these rows, one of each clip, say; None of fewer than two."""
    if len(rows) < 2:
        return None
    undamaged = [row[0] for row in rows]
    reference = undamaged if "reference" in metric.info.reads else None
    cells = [metric.aggregate(grade, reference) for grade in zip(*rows, strict=True)]
    values = tuple(cell.value for cell in cells if cell.value is not None)
    if len(values) < len(cells):
        raise UserError(f"metric {metric.info.id}: {next(cell.note for cell in cells if cell.value is None)}")
    return Reaction(
        metric=metric.info.id,
        damage=damage.name,
        grades=(0, *damage.grades),
        values=values,
        clips=len(rows),
        spread=_spread(metric, undamaged, cells[0]),
        worse=1 if metric.info.direction == "lower" else -1,
    )


def _spread(metric: Metric, undamaged: Sequence[Measurement], cell: Cell) -> float:
    """See `Reaction.spread`."""
    if undamaged[0].value is None and "reference" in metric.info.reads:
        half = len(undamaged) // 2
        return metric.aggregate(undamaged[:half], undamaged[half:]).value or 0.0
    return cell.spread or 0.0


def _measure(metrics: Mapping[str, Metric], shown: Shown) -> dict[str, Measurement]:
    clip = Clip(shown.sample, shown.video)  # one for all, as in a run
    return {id_: metric.measure([clip])[0] for id_, metric in metrics.items()}
