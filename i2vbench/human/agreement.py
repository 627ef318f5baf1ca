"""How far raters agree: Krippendorff's alpha, and the share of pairs of raters who answer alike.

Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011). 1 is full agreement, 0 what raters would agree
on by chance. In choice a unit is an item's video by one model and its values are chosen or not (nominal). In pairs it
is an item's two videos and its values are the one, a tie, the other (ordinal: a tie lies between); each unit stands
there both ways round, since which model is the first of the two says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from i2vbench.human.shares import LEAST, Array, Draws
from i2vbench.human.study import Mode
from i2vbench.statistics import Interval, bootstrap_interval, resamples

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far raters agree on a question.

    Attributes:
        alpha: Krippendorff's; None if it cannot be computed.
        interval: Over resampled items; None if there is none.
        alike: Of pairs of raters with the same unit, the share that gave it one value; None if there are no such pairs.
        units: How many were given to two raters or more.
        items: How many items these are of.
        note: Why something is not there.
    """

    alpha: float | None
    interval: Interval | None
    alike: float | None
    units: int
    items: int
    note: str = ""


def agreement(mode: Mode, points: Array, items: Sequence[int], draws: Draws) -> Agreement:
    """How far raters agree on a question.

    Args:
        mode: The study's.
        points: From `shares.points_of`, [responses, models]; a rater is shown a unit once.
        items: What each response is of.
        draws: Of the resamples.
    """
    counts, of = value_counts(mode, points, items)
    several = counts.sum(axis=1) >= 2
    counts, of = counts[several], of[several]
    ids, starts = np.unique(of, return_index=True)
    if not len(ids):
        return Agreement(None, None, None, 0, 0, "nothing was shown to two raters")
    alike = share_alike(counts)
    value = alpha(mode, counts)
    if math.isnan(value):
        return Agreement(None, None, alike, len(counts), len(ids), _same(mode))
    if len(ids) < LEAST:
        note = f"no interval: fewer than {LEAST} items with two raters"
        return Agreement(value, None, alike, len(counts), len(ids), note)
    by_item = np.split(np.arange(len(counts)), starts[1:])
    drawn = [
        alpha(mode, counts[np.concatenate([by_item[item] for item in some])])
        for some in resamples(len(ids), draws.replicates, draws.seed)
    ]
    interval = bootstrap_interval(value, drawn, samples=len(ids), bounds=(-1, 1))
    return Agreement(value, interval, alike, len(counts), len(ids))


def value_counts(mode: Mode, points: Array, items: Sequence[int]) -> tuple[Counts, Counts]:
    """How many raters gave each value to each unit.

    Returns:
        [units, values] in the order 0, (a half,) 1 of the points of the unit's model, or of the one of its two models
        that stands first in the study; and the unit's item, [units], ascending.
    """
    found: dict[tuple[int, ...], list[int]] = {}
    values = (0.0, 1.0) if mode == "choice" else (0.0, 0.5, 1.0)
    for item, line in zip(items, points, strict=True):
        shown = np.flatnonzero(~np.isnan(line)).tolist()
        units = [(item, model) for model in shown] if mode == "choice" else [(item, *shown)]
        for unit in units:
            found.setdefault(unit, [0] * len(values))[values.index(line[unit[1]])] += 1
    ordered = sorted(found)
    return (
        np.array([found[unit] for unit in ordered], dtype=np.int64).reshape(-1, len(values)),
        np.array([unit[0] for unit in ordered], dtype=np.int64),
    )


def alpha(mode: Mode, counts: Counts) -> float:
    """Krippendorff's alpha of units that two raters or more gave values to; NaN if all values are one.

    Args:
        mode: Says how far values differ.
        counts: From `value_counts`.
    """
    if mode == "pairs":
        counts = np.concatenate([counts, counts[:, ::-1]])
    times = counts.sum(axis=0)
    if np.count_nonzero(times) < 2:
        return math.nan
    # How often two values meet [values, values]: in units, each weighing as much as it has raters; and by chance.
    shares = counts / (counts.sum(axis=1, keepdims=True) - 1)
    observed = shares.T @ counts - np.diag(shares.sum(axis=0))
    expected = (np.outer(times, times) - np.diag(times)) / (times.sum() - 1)
    differ = _ordinal(times) if mode == "pairs" else 1 - np.eye(len(times))
    return float(1 - (differ * observed).sum() / (differ * expected).sum())


def _ordinal(times: Counts) -> Array:
    """How far values differ [values, values]: the square of how many ranks lie between them, a half of each end's."""
    ranks = np.cumsum(times) - times / 2
    return np.asarray((ranks[:, None] - ranks) ** 2)


def _same(mode: Mode) -> str:
    return "all videos were chosen, or none" if mode == "choice" else "all answers are ties"


def share_alike(counts: Counts) -> float:
    """Of all pairs of raters with the same unit, the share that gave it the same value."""
    totals = counts.sum(axis=1)
    return float((counts * (counts - 1)).sum() / (totals * (totals - 1)).sum())
