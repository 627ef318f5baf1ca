"""Model noise and sample noise: what of a mean's uncertainty comes of the seeds, and what of the samples.

One-way random effects: a clip's number is the model's mean, plus what its sample adds, plus what its seed adds.

    value(sample, seed) = mean + between(sample) + within(sample, seed)

Variances by analysis of variance, which takes any number of seeds a sample (Searle, Casella and McCulloch 1992,
chapter 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SMALL_SHARE = 0.1
"""Seeds are enough where they make no more than this of the variance of a mean."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Where the uncertainty of a mean over samples comes from.

    Attributes:
        mean: Over samples, each with the mean over its seeds.
        samples: How many, n.
        seeds: Per sample, k: the harmonic mean, which is what the variance of a mean goes with.
        between: Variance that samples add.
        within: Variance that seeds add.
    """

    mean: float
    samples: int
    seeds: float
    between: float
    within: float

    @property
    def error_of_samples(self) -> float:
        """Standard error of the mean as other samples would have it: sqrt(between / n)."""
        return math.sqrt(self.between / self.samples)

    @property
    def error_of_seeds(self) -> float:
        """Standard error of the mean as the same samples under other seeds would have it: sqrt(within / (n k))."""
        return math.sqrt(self.within / (self.samples * self.seeds))

    @property
    def correlation(self) -> float | None:
        """Of two clips of one sample, ICC(1): between / (between + within); None where nothing varies."""
        total = self.between + self.within
        return self.between / total if total > 0 else None

    def share(self, seeds: float | None = None) -> float | None:
        """What seeds make of the variance of the mean, with so many a sample (None: as many as there are)."""
        noise = self.within / (self.seeds if seeds is None else seeds)
        return noise / (self.between + noise) if self.between + noise > 0 else None

    @property
    def enough(self) -> int | None:
        """The fewest seeds a sample with which their share is at most `SMALL_SHARE`; None where no number is enough."""
        if self.within == 0:
            return 1
        if self.between == 0:
            return None
        return max(1, math.ceil(self.within / self.between * (1 - SMALL_SHARE) / SMALL_SHARE - 1e-9))


def noise(values: Sequence[Sequence[float]]) -> Noise | None:
    """The two variances of one model's numbers, or of differences between two.

    Args:
        values: Of each sample, one a seed.

    Returns:
        None with fewer than two samples, or where none has two seeds: then the two cannot be told apart.
    """
    groups = [np.asarray(some, dtype=float) for some in values if len(some)]
    counts = np.array([len(group) for group in groups], dtype=float)
    if len(groups) < 2 or counts.max() < 2:
        return None
    means = np.array([group.mean() for group in groups])
    total = counts.sum()
    within = sum(float(((g - m) ** 2).sum()) for g, m in zip(groups, means, strict=True)) / (total - len(groups))
    grand = (counts * means).sum() / total
    squares = float((counts * (means - grand) ** 2).sum()) / (len(groups) - 1)
    size = (total - (counts**2).sum() / total) / (len(groups) - 1)
    return Noise(
        mean=float(means.mean()),
        samples=len(groups),
        seeds=round(float(1 / (1 / counts).mean()), 9),  # 3 seeds are 3, not 2.999...
        between=max(0.0, (squares - float(within)) / float(size)),
        within=float(within),
    )
