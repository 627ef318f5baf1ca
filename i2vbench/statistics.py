"""Statistics over numbers that are there already."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

REPLICATES = 1000
LEVEL = 0.95


def spearman(some: Sequence[float], others: Sequence[float]) -> float:
    """Spearman's rank correlation, equal values sharing their mean rank; NaN where one side is all one value."""
    ranks = [pd.Series(values, dtype=float).rank() for values in (some, others)]
    if any(rank.nunique() < 2 for rank in ranks):
        return math.nan
    return float(ranks[0].corr(ranks[1]))


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a number lies, as far as the clips that it stands on tell."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def resamples(count: int, replicates: int = REPLICATES, seed: int = 0) -> Iterator[npt.NDArray[np.int64]]:
    """Positions of as many clips drawn with replacement, [count], once for each replicate."""
    random = np.random.default_rng(seed)
    for _ in range(replicates):
        yield random.integers(count, size=count)


def bootstrap_interval(value: float, replicates: npt.ArrayLike, level: float = LEVEL) -> Interval:
    """An interval for a number, from what it comes to over resampled clips (Efron and Tibshirani, 1993).

    The percentiles of the replicates, moved so that their mean lies at the number. For a mean that is the percentile
    interval; a Fréchet distance is larger in each resample than in the clips themselves, since clips that are there
    twice make its Gaussian narrower, and percentiles as they are would lie above the number that they are about.

    Args:
        value: Of all clips.
        replicates: Of each resample; NaN where it has none.
        level: The share of samples of clips whose interval holds the number.

    Returns:
        NaN on both sides where fewer than two replicates are numbers.
    """
    numbers = np.asarray(replicates, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < 2:
        return Interval(math.nan, math.nan)
    low, high = np.quantile(numbers, [(1 - level) / 2, (1 + level) / 2]) - numbers.mean() + value
    return Interval(float(low), float(high))
