"""What models are given: the share of the responses that chose them, of the comparisons that they won.

Source: the paper counts, for each question, the responses that chose a model by all responses (Table 1). One response
may choose several, so that shares of a question may add up to more than 100%.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from i2vbench.human.resampling import weight_blocks
from i2vbench.human.study import Mode
from i2vbench.human.votes import Response
from i2vbench.statistics import REPLICATES, Interval, bootstrap_interval

Array = npt.NDArray[np.float64]

LEAST = 5
"""Of fewer raters or items there is no interval: 4 raters all lie on one side of the truth in an eighth of all studies,
and so do their resamples."""


@dataclass(frozen=True, slots=True)
class Draws:
    """How many resamples an interval stands on, and their seed."""

    replicates: int = REPLICATES
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of a model.

    Attributes:
        value: None if there is none.
        interval: Where it lies, as far as raters and items tell; None if that cannot be told.
        note: Why one of them is not there.
        n: How many responses it stands on.
        raters: Whose.
    """

    value: float | None
    interval: Interval | None = None
    note: str = ""
    n: int = 0
    raters: int = 0


def points_of(mode: Mode, models: int, responses: Sequence[Response], question: str) -> Array:
    """What each response to a question gives to each model, [responses, models].

    1 to one that is chosen, 0 to one that is not, half to both of a tie, NaN to one that was not shown.
    """
    points = np.full((len(responses), models), np.nan)
    for line, response in zip(points, responses, strict=True):
        chosen, shown = response.chosen[question], response.task.shown
        line[list(shown)] = 0.5 if mode == "pairs" and not chosen else 0.0
        line[[shown[position] for position in chosen]] = 1.0
    return points


def preferences_of(points: Array) -> Array:
    """Which model each response prefers, [responses, models, models].

    1 where it gives more to the row's model than to the column's, half where it gives both the same, 0 where it gives
    less; NaN where it was not shown both, and for a model and itself.
    """
    row, column = points[:, :, None], points[:, None, :]
    found = np.where(row > column, 1.0, np.where(row == column, 0.5, 0.0))
    found[np.isnan(row + column)] = np.nan
    found[:, np.arange(points.shape[1]), np.arange(points.shape[1])] = np.nan
    return found


def shares(points: Array, weights: Array) -> Array:
    """What models are given, of what they could be.

    Args:
        points: From `points_of`, [responses, models].
        weights: How often each response counts, [k, responses].

    Returns:
        [k, models]; NaN where no response was shown the model.
    """
    given = weights @ np.nan_to_num(points)
    could = weights @ (~np.isnan(points)).astype(np.float64)
    found = np.full(given.shape, np.nan)
    np.divide(given, could, out=found, where=could > 0)
    return found


def share_estimates(points: Array, raters: Sequence[int], items: Sequence[int], draws: Draws) -> list[Estimate]:
    """The shares of all columns with intervals over raters and items.

    An interval is as wide as the scarcer of both asks for: the few raters of a study are mostly what it stands on.

    Args:
        points: [responses, columns]; columns of several questions may stand side by side.
        raters: Whose each response is.
        items: What each is of.
        draws: Of the resamples.
    """
    (values,) = shares(points, np.ones((1, len(points))))
    drawn = resampled(lambda weights: shares(points, weights), raters, items, draws)
    whose, of = np.asarray(raters), np.asarray(items)
    found = []
    for value, numbers, shown in zip(values, drawn.T, ~np.isnan(points).T, strict=True):
        counts = len(set(whose[shown])), len(set(of[shown]))
        found.append(_estimate(float(value), numbers, int(shown.sum()), *counts))
    return found


def resampled(statistic: Callable[[Array], Array], raters: Sequence[int], items: Sequence[int], draws: Draws) -> Array:
    """What a statistic comes to when raters and items are drawn again: [replicates, columns].

    Args:
        statistic: Of weights [k, responses] gives [k, columns].
        raters: Whose each response is.
        items: What each is of.
        draws: Of the resamples.
    """
    return np.concatenate(
        [statistic(weights) for weights in weight_blocks(raters, items, draws.replicates, draws.seed)]
    )


def too_few(raters: int, items: int) -> str:
    """Why there is no interval of so many; "" if there is one."""
    few = [name for name, count in (("raters", raters), ("items", items)) if count < LEAST]
    return f"no interval: fewer than {LEAST} {' and '.join(few)}" if few else ""


def _estimate(value: float, drawn: Array, n: int, raters: int, items: int) -> Estimate:
    if math.isnan(value):
        return Estimate(None, note="no response is of it")
    if why := too_few(raters, items):
        return Estimate(value, None, why, n, raters)
    interval = bootstrap_interval(value, drawn, samples=min(raters, items), bounds=(0, 1))
    return Estimate(value, interval, "", n, raters)
