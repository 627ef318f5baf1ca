"""Statistics over numbers that are there already."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Numbers = npt.NDArray[np.floating[Any]]

REPLICATES = 1000
LEVEL = 0.95

LEAST_FOR_PERCENTILES = 400
"""Of fewer replicates less than ten lie beyond either end of an interval."""

NOISE = 4
"""Standard errors of their mean that replicates may be off by chance: once in 16,000 times."""

SAME_MEAN = 1e-9
"""How far a metric's number may be from the mean over clips and still be that mean, rounded otherwise."""

_NORMAL = NormalDist()


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


def bootstrap_interval(
    value: float,
    replicates: npt.ArrayLike,
    level: float = LEVEL,
    *,
    samples: int | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """An interval for a number, from what it comes to over resampled samples (Efron and Tibshirani, 1993).

    The percentiles of the replicates, which `around` moves where they lie off the number.

    Of fewer than `LEAST_FOR_PERCENTILES` replicates the tails are a few numbers: these give a standard error, and the
    interval is that of a normal distribution (the same, sections 6.4 and 13.3). Of few samples both are too narrow, and
    are widened as Student's interval is wider than the normal one with the deviation divided by n (Hesterberg, The
    American Statistician 69, 2015, "expanded percentiles").

    Args:
        value: Of all clips.
        replicates: Of each resample; NaN where it has none.
        level: The share of samples of clips whose interval holds the number.
        samples: How many are drawn from, at least 2; None for so many that nothing need be widened.
        bounds: What the number cannot be below and above; the interval ends there.

    Returns:
        NaN on both sides where fewer than two replicates are numbers.
    """
    numbers = np.asarray(replicates, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < 2:
        return Interval(math.nan, math.nan)
    reach = _NORMAL.inv_cdf((1 + level) / 2)  # in standard errors
    if samples is not None:
        reach = student_quantile((1 + level) / 2, samples - 1) * math.sqrt(samples / (samples - 1))
    if len(numbers) < LEAST_FOR_PERCENTILES:
        half = reach * numbers.std(ddof=1)
        low, high = value - half, value + half
    else:
        low, high = np.quantile(around(value, numbers), [_NORMAL.cdf(-reach), _NORMAL.cdf(reach)])
    return Interval(float(np.clip(low, *bounds)), float(np.clip(high, *bounds)))


def around(value: float, replicates: Numbers) -> Numbers:
    """Replicates moved so that their mean lies at the number, if drawing alone does not explain that it does not.

    A mean's replicates stay: moved by the noise of the draws, the ends of a share of few clips would be no such shares,
    and one that is 0 would leave 0 out. A Fréchet distance is larger in each resample than in the clips themselves,
    since clips that are there twice make its Gaussian narrower, and percentiles as they are would lie above the number
    that they are about.

    Args:
        value: Of all clips.
        replicates: Of each resample, all numbers.
    """
    off = value - float(replicates.mean())
    noise = float(replicates.std()) / math.sqrt(len(replicates))
    return replicates + off if abs(off) > NOISE * noise else replicates


def student_quantile(probability: float, freedom: int) -> float:
    """Of Student's t distribution, by the expansion around the normal one (Abramowitz and Stegun, 26.7.5).

    Off by 0.03 % at 4 degrees of freedom and 97.5 %, and by less above.
    """
    z = _NORMAL.inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))
