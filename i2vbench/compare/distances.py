"""Differences of metrics that have one number for all clips, as distances between distributions have.

The number is made again for each resample of samples, the same for A and B. p is the level of interval that just holds
0. Letting A's and B's clips of random samples change sides would be a test too, of another thing: whether it matters
which model made which clip. Two models that differ and are as far from the real clips fail it too often
(docs/compare.md).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from i2vbench.attempt import describe
from i2vbench.compare.comparison import Difference, Draws
from i2vbench.compare.paired import resample_p
from i2vbench.compare.sides import Sides
from i2vbench.metrics.base import Metric
from i2vbench.rows import MeasurementRow
from i2vbench.statistics import bootstrap_interval
from i2vbench.store import REFERENCE, Store
from i2vbench.tables.intervals import (
    LEAST_SAMPLES,
    BySample,
    affordable,
    by_sample,
    read_measurements,
    replicate,
    too_few,
)
from i2vbench.tables.runs import Record
from i2vbench.types import Measurement

LONG_SECONDS = 30.0
"""What takes longer is told of beforehand."""


class Distances:
    """The differences of a metric that has one number for all clips, with what they are made of in memory."""

    def __init__(
        self,
        sides: Sides,
        metric: Metric,
        records: Sequence[Sequence[Record]],
        draws: Draws,
        tell: Callable[[str], None],
    ) -> None:
        self.metric, self._seed, self._tell = metric, draws.seed, tell
        self._draws = affordable(metric, draws.distances) if draws.distances else 0
        self.remarks: list[str] = []
        self._category_of = {record.sample.id: record.sample.category for some in records for record in some}
        done = [[r.row for r in some if r.state == "done" and r.row is not None] for some in records]
        self._reference = self._read_reference(sides, done)
        if self._reference is not None:
            unmet = {row.sample_id for rows in done for row in rows} - set(self._reference)
            if unmet:
                self.remarks.append(f"{len(unmet)} samples are left out: their real clips have no measurement.")
        measured = []
        for side, rows in enumerate(done):
            there = [row for row in rows if self._reference is None or row.sample_id in self._reference]
            with Store.open(sides.run_of(side).folder) as store:
                measured.append(by_sample(store, there))
        self._a, self._b = with_equal_seeds(*measured)
        left_out = sum(len(m[s]) - len(self._a[s]) for m in measured for s in self._a)
        if left_out:
            self.remarks.append(
                f"{left_out} clips are left out, so that each sample has as many of {sides.columns[0].label} as of "
                f"{sides.columns[1].label}: a distance between distributions shrinks with the number of clips."
            )

    def _read_reference(self, sides: Sides, done: Sequence[Sequence[MeasurementRow]]) -> BySample | None:
        """What was measured of the real clips: in either run, whose data set and profile are the same."""
        if "reference" not in self.metric.info.reads or not any(row.features for rows in done for row in rows):
            return None
        source = self.metric.info.features_of or self.metric.info.id
        found: dict[str, list[Measurement]] = {}
        for run in reversed(sides.runs):
            found |= read_measurements(run.folder, source, REFERENCE)
        return found

    def difference(self, category: str | None, planned: tuple[int, int]) -> Difference:
        """On the samples of one category, or on all of them (None)."""
        a, b = self._of(self._a, category), self._of(self._b, category)
        info = self.metric.info
        least = info.least_per_category if category is not None else 0
        empty = Difference(planned=planned, n=len(a))
        if len(a) < max(2, least):
            few = f"of fewer than {least} samples it would be mostly bias"
            return replace(empty, note=few if least else "fewer than two samples that both measured")
        try:
            begun = time.monotonic()
            ours, theirs = (self._value(some) for some in (a, b))
            if ours is None or theirs is None or not math.isfinite(ours - theirs):
                return replace(empty, note="the metric has no number for these clips")
            made = replace(empty, a=ours, b=theirs)
            if why := self._why_not_drawn(len(a)):
                return replace(made, note=f"no interval and no p-value: {why}")
            self._tell_cost((time.monotonic() - begun) * self._draws, len(a), category)
            return self._with_draws(made, a, b)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a metric raises empties its cell
            return replace(empty, note=f"aggregate failed: {describe(error)}")

    def _why_not_drawn(self, samples: int) -> str:
        if not self._draws:
            return "none was asked for (--distance-replicates 0)"
        return self.metric.no_intervals or (f"of fewer than {LEAST_SAMPLES} samples" if samples < LEAST_SAMPLES else "")

    def _with_draws(self, made: Difference, a: BySample, b: BySample) -> Difference:
        real = None if self._reference is None else {sample: self._reference[sample] for sample in a}
        cells = replicate(self.metric, [a, b], real, self._draws, self._seed)
        difference, drawn = made.difference or 0.0, cells[0] - cells[1]
        if few := too_few(drawn):
            return replace(made, note=f"no interval and no p-value: {few}")
        interval = bootstrap_interval(difference, drawn)
        return replace(made, interval=interval, p=resample_p(difference, drawn), draws=self._draws)

    def _value(self, measured: BySample) -> float | None:
        real = None if self._reference is None else [one for s in measured for one in self._reference[s]]
        value = self.metric.aggregate([one for clips in measured.values() for one in clips], real).value
        return None if value is None else float(value)

    def _tell_cost(self, seconds: float, clips: int, category: str | None) -> None:
        if seconds > LONG_SECONDS:
            of = "all clips" if category is None else category
            self._tell(
                f"{self.metric.info.title}, {of}: {self._draws:,} resamples of {clips:,} samples, "
                f"about {seconds / 60:.0f} min; --distance-replicates takes fewer, 0 none"
            )

    def _of(self, measured: BySample, category: str | None) -> BySample:
        return {s: some for s, some in measured.items() if category in (None, self._category_of[s])}


def with_equal_seeds(a: BySample, b: BySample) -> tuple[BySample, BySample]:
    """Both with the samples that they share, in A's order, and as many clips on each: a distance shrinks with more."""
    shared = [sample for sample in a if sample in b]
    counts = {sample: min(len(a[sample]), len(b[sample])) for sample in shared}
    return {s: a[s][: counts[s]] for s in shared}, {s: b[s][: counts[s]] for s in shared}
