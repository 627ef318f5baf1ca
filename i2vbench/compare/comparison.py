"""What a comparison is made of: a difference between A and B for every metric, per category and over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from i2vbench.compare.paired import superiority
from i2vbench.compare.seeds import Noise
from i2vbench.compare.sides import Sides
from i2vbench.statistics import LEAST_FOR_PERCENTILES, Interval
from i2vbench.types import MetricInfo

SIGNIFICANT = 0.05
"""Of a corrected p-value."""


Noises = tuple[Noise | None, Noise | None, Noise | None]
"""What seeds add: of A, of B, and of the differences; None where it cannot be told."""

NO_NOISE: Noises = (None, None, None)


@dataclass(frozen=True, slots=True)
class Draws:
    """How much is drawn.

    Attributes:
        replicates: Resamples, and draws of signs, for metrics with a number a clip.
        distances: The same for metrics that have to make their number again each time, of which those that are slow
            have a tenth (`tables.intervals.affordable`); 0 for none.
        seed: Of all of them.
    """

    replicates: int = 10_000
    distances: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One metric's difference between A and B on some samples, unscaled.

    Attributes:
        planned: How many samples A and B were to be shown.
        n: Of them, how many have a number from both.
        a: A's number on these n samples; None if there is none.
        b: B's.
        interval: 95%, of a - b.
        effect: Cohen's d_z; None for a distance, and where differences do not differ.
        wins: Samples on which A is better; None for a distance.
        ties: On which the difference prints as 0.
        losses: On which B is better.
        p: Two-sided; None if it was not asked for.
        exact: Whether p is exact.
        draws: How many it was drawn from, if not.
        corrected: p after Holm's correction.
        note: What must be said of it, or why it is empty.
    """

    planned: tuple[int, int]
    n: int = 0
    a: float | None = None
    b: float | None = None
    interval: Interval | None = None
    effect: float | None = None
    wins: int | None = None
    ties: int | None = None
    losses: int | None = None
    p: float | None = None
    exact: bool = False
    draws: int = 0
    corrected: float | None = None
    note: str = ""

    @property
    def difference(self) -> float | None:
        return None if self.a is None or self.b is None else self.a - self.b

    @property
    def superiority(self) -> float | None:
        """The share of samples on which A is better, ties counted half."""
        if self.wins is None or self.ties is None or self.losses is None:
            return None
        return superiority(self.wins, self.ties, self.losses)

    @property
    def by_error(self) -> bool:
        """Whether a distance has been drawn so few times that its interval and p are of a standard error."""
        return self.p is not None and not self.exact and self.draws < LEAST_FOR_PERCENTILES

    @property
    def significant(self) -> bool:
        return self.corrected is not None and self.corrected < SIGNIFICANT

    def better(self, info: MetricInfo) -> int | None:
        """0 if A has the better number, 1 if B has; None where neither has."""
        if not self.difference:
            return None
        return int((self.difference > 0) != (info.direction == "higher"))


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric.

    Attributes:
        info: Its facts.
        distance: Whether its number is one of all clips together.
        rows: One per category and, last, the total; only the total without categories.
        noise: What seeds add.
        notes: What happened to its clips.
    """

    info: MetricInfo
    distance: bool
    rows: Sequence[Difference]
    noise: Noises
    notes: Sequence[str]

    @property
    def total(self) -> Difference:
        return self.rows[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes:
        sides: A and B.
        categories: Names of the rows; the total last.
        metrics: In the order asked for.
        draws: What it was computed with.
        notes: What the numbers were made with, and where the runs differ.
    """

    sides: Sides
    categories: Sequence[str]
    metrics: Sequence[MetricComparison]
    draws: Draws
    notes: Sequence[str]

    @property
    def labels(self) -> tuple[str, str]:
        a, b = self.sides.columns
        return a.label, b.label
