"""How sure a cell is: the same metric over samples drawn again from those that were measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from i2vbench.attempt import describe
from i2vbench.metrics.base import Metric
from i2vbench.metrics.resampled import Counts
from i2vbench.progress import Progress, Quiet
from i2vbench.rows import MeasurementRow
from i2vbench.statistics import LEAST_FOR_PERCENTILES, REPLICATES, Interval, bootstrap_interval, resamples
from i2vbench.store import REFERENCE, Store
from i2vbench.tables.kept_cells import kept_interval
from i2vbench.types import Measurement

BySample = Mapping[str, Sequence[Measurement]]
"""Measurements by sample: one for each seed."""

LEAST_SAMPLES = 5
"""Of fewer there is no interval: all that they can be drawn to is too little to tell."""

SLOW_SHARE, SLOW_LEAST = 10, 100
"""Of metrics that are slow to resample one in so many resamples is drawn, and at least so many: enough for a standard
error (Efron and Tibshirani, 1993, section 6.4)."""

NUMBERS_NEEDED = 0.9
"""Share of the resamples that must have a number."""

_SECONDS_BETWEEN_TICKS = 0.5


def read_measurements(folder: Path, metric: str, model: str) -> dict[str, list[Measurement]]:
    """What a run measured of a model's clips (`REFERENCE`: of the real ones), features in memory.

    Args:
        folder: The run's.
        metric: Its id.
        model: As its column is called.
    """
    with Store.open(folder) as store:
        rows = [row for row in store.measurements(metric, model) if row.state == "done"]
        if model == REFERENCE:  # one each
            rows = list({row.sample_id: row for row in reversed(rows)}.values())[::-1]
        return by_sample(store, rows)


def by_sample(store: Store, rows: Iterable[MeasurementRow]) -> dict[str, list[Measurement]]:
    """What records hold, features in memory, by sample."""
    found: dict[str, list[Measurement]] = {}
    for row in rows:
        found.setdefault(row.sample_id, []).append(store.load_measurement(row))
    return found


def replicate(
    metric: Metric,
    models: Sequence[BySample],
    reference: BySample | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> npt.NDArray[np.float64]:
    """The cells [models, replicates] of resampled samples, which are the same for all models in each column.

    Differences between the rows of a column are therefore paired: what a sample adds to all models cancels. Equal sets
    of samples are resampled alike wherever this is called.

    Args:
        metric: Whose `replicates` makes the cells.
        models: What it measured of each model.
        reference: What it measured of the real clips, for a metric that compares with them.
        replicates: How often; `affordable` says how many a metric can have in bearable time.
        seed: Of the drawing.

    Returns:
        NaN where a resample has no number.

    Raises:
        ValueError: No sample was measured of all of them.
    """
    everything = [*models, *([reference] if reference is not None else [])]
    samples = sorted(set.intersection(*(set(some) for some in everything)))
    if not samples:
        raise ValueError("no sample was measured of all models")
    counts = draws(len(samples), replicates, seed)
    real = None if reference is None else [reference[sample] for sample in samples]
    cells = [_cells(metric, [measured[sample] for sample in samples], real, counts) for measured in models]
    return np.stack([np.fromiter(some, float, count=replicates) for some in cells])


@lru_cache(maxsize=64)  # all columns and metrics have much the same numbers of samples
def draws(samples: int, replicates: int, seed: int = 0) -> Counts:
    """How often each sample is drawn, [replicates, samples]; read-only."""
    counts = np.stack([np.bincount(drawn, minlength=samples) for drawn in resamples(samples, replicates, seed)])
    counts.setflags(write=False)
    return counts


def affordable(metric: Metric, replicates: int) -> int:
    """How many resamples a metric has where others have so many."""
    return max(replicates // SLOW_SHARE, min(replicates, SLOW_LEAST)) if metric.slow_to_resample else replicates


def too_few(cells: npt.NDArray[np.float64]) -> str:
    """Why these cells of resamples give no interval; "" if enough of them are numbers."""
    numbers = int(np.isfinite(cells).sum())
    return (
        f"{len(cells) - numbers} of {len(cells)} resamples have no number"
        if numbers < NUMBERS_NEEDED * len(cells)
        else ""
    )


def _cells(
    metric: Metric,
    generated: Sequence[Sequence[Measurement]],
    reference: Sequence[Sequence[Measurement]] | None,
    counts: Counts,
) -> Iterable[float]:
    """By the metric's `replicates`, unless a subclass has changed `aggregate` alone: that one is then called."""
    faithful = issubclass(_owner(metric, "replicates"), _owner(metric, "aggregate"))
    make = type(metric).replicates if faithful else Metric.replicates
    return make(metric, generated, reference, counts)


def details_read(metric: Metric) -> frozenset[str] | None:
    """The details that a metric's cells are made of, unless a subclass has changed how: it may look at any."""
    said = _owner(metric, "reads_details")
    faithful = all(issubclass(said, _owner(metric, method)) for method in ("aggregate", "replicates"))
    return metric.reads_details if faithful else None


def _owner(metric: Metric, name: str) -> type:
    return next(class_ for class_ in type(metric).__mro__ if name in vars(class_))


@dataclass(frozen=True, slots=True)
class Resampling:
    """What intervals of tables are made by.

    Attributes:
        replicates: How many resamples of the samples stand behind each.
        progress: Is told of every cell, and how far a slow one is.
    """

    replicates: int
    progress: Progress
    stage: str = "intervals"

    @classmethod
    def begin(cls, replicates: int, progress: Progress | None, cells: int) -> Resampling | None:
        """For so many cells; None where no intervals are asked for."""
        if not replicates:
            return None
        resampling = cls(replicates, progress or Quiet())
        resampling.progress.start(resampling.stage, cells, 0, "cells")
        return resampling

    def interval(
        self, metric: Metric, store: Store, rows: Sequence[MeasurementRow], real: Sequence[MeasurementRow] | None,
        value: float,
    ) -> tuple[Interval | None, str]:  # fmt: skip
        """Over resampled samples, each with the clips of all its seeds and its real clip; or why there is none.

        Args:
            metric: Whose cell it is.
            store: Of the run.
            rows: Everything that the cell stands on.
            real: The same of the real clips, if it compares with them.
            value: The cell's.
        """
        samples = len({row.sample_id for row in rows})
        if metric.no_intervals:
            return None, metric.no_intervals
        if samples < LEAST_SAMPLES:
            return None, f"of fewer than {LEAST_SAMPLES} samples"
        count = affordable(metric, self.replicates)

        def compute() -> Interval:
            ours, theirs = by_sample(store, rows), None if real is None else by_sample(store, real)
            found = self._ticking(metric, ours, theirs, count)
            if few := too_few(found):
                raise _TooFew(few)
            return bootstrap_interval(value, found, samples=samples, bounds=metric.bounds)

        try:
            return kept_interval(metric, store.folder, [*rows, *(real or ())], [value, count], compute), ""
        except _TooFew as error:
            return None, str(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a metric raises, its number is there
            return None, f"resampling failed: {describe(error)}"

    def _ticking(self, metric: Metric, ours: BySample, theirs: BySample | None, count: int) -> npt.NDArray[np.float64]:
        samples = sorted(ours)
        real = None if theirs is None else [theirs[sample] for sample in samples]
        found = _cells(metric, [ours[sample] for sample in samples], real, draws(len(samples), count))
        return np.fromiter(self._tell(found, metric.info.title, count), float, count=count)

    def _tell(self, cells: Iterable[float], title: str, count: int) -> Iterator[float]:
        told = time.monotonic()
        for position, cell in enumerate(cells):
            yield cell
            if time.monotonic() - told > _SECONDS_BETWEEN_TICKS:
                told = time.monotonic()
                self.progress.advance(self.stage, 0, f"{title}: {position + 1} of {count} resamples")


class _TooFew(Exception):
    """Too few resamples have a number."""


def note(metric: Metric, replicates: int, intervals: Iterable[Interval]) -> list[str]:
    """What stands under a table about its brackets.

    Args:
        metric: Whose table it is.
        replicates: As asked for.
        intervals: Those that are there.
    """
    some = list(intervals)
    if not some:
        return []
    count = affordable(metric, replicates)
    by = "percentiles" if count >= LEAST_FOR_PERCENTILES else "standard errors"
    real = " and its real clip" if "reference" in metric.info.reads else ""
    drawn = f"{count:,} resamples of the samples, each with all its seeds{real}"
    found = [f"Brackets: 95% bootstrap intervals ({by} of {drawn})."]
    if any(interval.low == interval.high for interval in some):
        found.append(
            "Brackets without width: all samples score alike, so all resamples do. Of samples like these up to 3 in n "
            "may still score otherwise (the rule of three, 95%)."
        )
    return found
