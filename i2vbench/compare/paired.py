"""Statistics of paired differences: one number a sample, what A scores on it less what B scores on it.

Positions are samples, so everything here is paired: what makes a sample easy or hard for both cancels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.statistics import LEAST_FOR_PERCENTILES, Numbers, around

EXACT_UP_TO = 16
"""Differences other than 0 whose sign flips are all gone through: 65,536."""

AT_ONCE = 1 << 20
"""Numbers drawn at a time: some 20 MiB, however many samples and replicates there are."""

LEAST_P = 1e-4
"""Of a standard error: what 10,000 draws give at least. Further out no number is as normal as that."""

ROUNDING = 1e-12
"""Of the sum of absolute differences: sums that lie nearer are equal, added up in another order."""


def resampled_means(values: Numbers, replicates: int, seed: int = 0) -> Numbers:
    """The mean over as many samples drawn with replacement, for each replicate.

    The draws are those of `statistics.resamples`, many at a time.

    Args:
        values: One a sample, [n].
        replicates: How often.
        seed: Of the drawing.

    Returns:
        float64 [replicates].
    """
    random = np.random.default_rng(seed)
    count = len(values)
    means = [values[random.integers(count, size=(some, count))].mean(axis=1) for some in _parts(replicates, count)]
    return np.concatenate(means)


def sign_flip_p(differences: Numbers, replicates: int, seed: int = 0) -> tuple[float, bool]:
    """Two-sided p-value of a mean difference: how often one as far from 0 comes of differences with random signs.

    If A and B were alike on every sample, each difference had its sign by chance (Fisher 1935; Good 2005, chapter 3).
    Differences of 0 say nothing either way. Where all others are of one size, as between numbers that are 0 or 1,
    this is McNemar's exact test, a binomial one. Few are gone through, 2^n of them; of many, `replicates` are drawn,
    and the observed one is counted among them, so that no p is 0 (Phipson and Smyth 2010).

    Args:
        differences: One a sample, [n].
        replicates: How many draws.
        seed: Of the drawing.

    Returns:
        The p-value, and whether it is exact.
    """
    sizes = np.abs(differences[differences != 0])
    if len(sizes) == 0:
        return 1.0, True
    if sizes.min() == sizes.max():
        positive = int((differences > 0).sum())
        return binomial_p(positive, len(sizes) - positive), True
    least = abs(float(differences.sum())) - ROUNDING * float(sizes.sum())
    if len(sizes) <= EXACT_UP_TO:
        flipped = (np.arange(1 << len(sizes))[:, None] >> np.arange(len(sizes))) & 1
        return float((_far_sums(flipped, sizes) >= least).mean()), True
    random = np.random.default_rng(seed)
    as_far = sum(
        int((_far_sums(random.integers(2, size=(some, len(sizes)), dtype=np.int8), sizes) >= least).sum())
        for some in _parts(replicates, len(sizes))
    )
    return (as_far + 1) / (replicates + 1), False


def binomial_p(some: int, others: int) -> float:
    """Two-sided p-value of so many of one kind and so many of the other, where both are as likely (McNemar 1947)."""
    total = some + others
    ways = tail = 1
    for i in range(min(some, others)):
        ways = ways * (total - i) // (i + 1)
        tail += ways
    return min(1.0, float(2 * tail / 2**total))  # whole numbers, however large: nothing is rounded before the division


def resample_p(difference: float, replicates: Numbers) -> float:
    """Two-sided p-value of a difference from what it comes to over resamples: which level of interval just holds 0.

    That interval is `statistics.bootstrap_interval`, so that p is below 5% where the 95% interval leaves out 0: by
    percentiles of the replicates, moved where they lie off the difference and counted as in `sign_flip_p`; of fewer
    than `LEAST_FOR_PERCENTILES` by their standard deviation and the normal distribution.

    Args:
        difference: Of all samples.
        replicates: Of each resample; of many, one that is not finite speaks for both sides.
    """
    known = replicates[np.isfinite(replicates)]
    if 1 < len(known) < LEAST_FOR_PERCENTILES and (error := float(known.std(ddof=1))) > 0:
        return max(LEAST_P, 2 * NormalDist().cdf(-abs(difference) / error))
    moved = around(difference, known) if len(known) else known
    lost = len(replicates) - len(known)
    below, above = int((moved <= 0).sum()) + lost, int((moved >= 0).sum()) + lost
    return min(1.0, 2 * (min(below, above) + 1) / (len(replicates) + 1))


def effect_size(differences: Numbers) -> float | None:
    """Cohen's d_z: the mean of the differences by their standard deviation (ddof 1); None where they do not differ."""
    if len(differences) < 2:
        return None
    deviation = float(differences.std(ddof=1))
    # Equal differences have a deviation of rounding alone.
    return float(differences.mean()) / deviation if deviation > ROUNDING * float(np.abs(differences).max()) else None


def superiority(wins: int, ties: int, losses: int) -> float:
    """The share of samples on which one is better, ties counted half (McGraw and Wong 1992, for pairs)."""
    return (wins + ties / 2) / (wins + ties + losses)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for being several (Holm 1979): the chance that any of the true nulls among them is rejected.

        corrected (i-th smallest of m) = max over j <= i of min(1, (m - j + 1) p (j-th smallest))

    Args:
        p_values: The family; None is no test and is not counted.

    Returns:
        In the same order.
    """
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None for _ in p_values]
    highest = 0.0
    for rank, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        corrected[i] = highest
    return corrected


def _far_sums(flipped: npt.NDArray[np.integer[Any]], sizes: Numbers) -> Numbers:
    """How far from 0 the differences add up, with these signs, [draws, n]."""
    sums: Numbers = np.abs(sizes.sum() - 2 * (flipped.astype(np.float64) @ sizes))
    return sums


def _parts(replicates: int, count: int) -> Iterator[int]:
    at_once = max(1, AT_ONCE // count)
    for begin in range(0, replicates, at_once):
        yield min(at_once, replicates - begin)
