"""How a metric, or a rater, agrees with people: numbers, their intervals, and why some are not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from i2vbench.human.shares import too_few
from i2vbench.human.votes_per_clip import Array
from i2vbench.statistics import Interval, bootstrap_interval
from i2vbench.tables.intervals import NUMBERS_NEEDED
from i2vbench.types import MetricInfo

Columns = Mapping[str, Array]
"""By column, its number in each replicate."""

OF_CLIPS = ("sample_rho", "sample_tau", "pooled_rho", "pooled_tau", "vbench_rho", "agreement")
"""Columns that need a number a clip."""

OF_SAMPLES = ("sample_rho", "sample_tau")

OF_MODELS = ("model_rho", "model_tau")

_ONE_VALUE = "one side is all one value"


@dataclass(frozen=True, slots=True)
class Number:
    """A number and its 95% interval, None if it has none."""

    value: float
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How a metric, or a rater, agrees with people.

    Attributes:
        info: The metric; None for a rater against the others.
        items: How many items it stands on.
        varying: On how many of them both sides vary within the item, as correlations within items need it; of a rater,
            how many responses.
        models: How many models.
        numbers: By column; those that are there.
        too_few: Why they have no intervals, if the raters or items are so few.
        why: By column, why there is none.
        notes: What else is to be said.
    """

    info: MetricInfo | None
    items: int = 0
    varying: int = 0
    models: int = 0
    numbers: Mapping[str, Number] = field(default_factory=dict)
    too_few: str = ""
    why: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """What a line stands on; `items` and the rest are as `Line` has them."""

    raters: int
    items: int
    varying: int
    models: int


def line_of(
    info: MetricInfo | None,
    counts: Counts,
    columns: Columns,
    why: Mapping[str, str],
    notes: Sequence[str] = (),
) -> Line:
    """A line of columns; `why` says why others are not there, or a column has no number."""
    few = too_few(counts.raters, counts.items)
    samples = None if few else min(counts.raters, counts.items)
    numbers, reasons = {}, {}
    for name in (*OF_CLIPS, *OF_MODELS):
        if name not in columns:
            reasons[name] = why[name]
        elif np.isnan(columns[name][0]):
            reasons[name] = why.get(name) or _ONE_VALUE
        else:
            bounds = (0.0, 1.0) if name == "agreement" else (-1.0, 1.0)
            numbers[name] = _number(columns[name], samples, bounds)
    return Line(
        info=info,
        items=counts.items,
        varying=counts.varying,
        models=counts.models,
        numbers=numbers,
        too_few=few if numbers else "",
        why=reasons,
        notes=tuple(notes),
    )


def _number(replicates: Array, samples: int | None, bounds: tuple[float, float]) -> Number:
    """The first replicate with the interval that the others make, none of so few samples that it is None."""
    value, drawn = float(replicates[0]), replicates[1:]
    enough = len(drawn) > 1 and np.isfinite(drawn).mean() >= NUMBERS_NEEDED
    made = bootstrap_interval(value, drawn, samples=samples, bounds=bounds) if enough and samples else None
    return Number(value, made)
