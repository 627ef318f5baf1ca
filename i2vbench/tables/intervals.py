"""How sure a cell is: the same metric over clips drawn again from those that were measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from i2vbench.metrics.base import Metric
from i2vbench.statistics import REPLICATES, resamples
from i2vbench.store import REFERENCE, Store
from i2vbench.types import Measurement

BySample = Mapping[str, Sequence[Measurement]]
"""Measurements by sample: one for each seed."""


def read_measurements(folder: Path, metric: str, model: str) -> dict[str, list[Measurement]]:
    """What a run measured of a model's clips (`REFERENCE`: of the real ones), features in memory.

    Args:
        folder: The run's.
        metric: Its id.
        model: As its column is called.
    """
    found: dict[str, list[Measurement]] = {}
    with Store.open(folder) as store:
        for row in store.measurements(metric, model):
            if row.state == "done" and not (model == REFERENCE and row.sample_id in found):
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

    Differences between the rows of a column are therefore paired: what a sample adds to all models cancels.

    Args:
        metric: Whose `aggregate` makes the cells.
        models: What it measured of each model.
        reference: What it measured of the real clips, for a metric that compares with them.
        replicates: How often.
        seed: Of the drawing.

    Returns:
        NaN where `aggregate` has no number.

    Raises:
        ValueError: No sample was measured of all of them.
    """
    everything = [*models, *([reference] if reference is not None else [])]
    samples = sorted(set.intersection(*(set(some) for some in everything)))
    if not samples:
        raise ValueError("no sample was measured of all models")
    cells = np.full((len(models), replicates), np.nan)
    for column, chosen in enumerate(resamples(len(samples), replicates, seed)):
        drawn = [samples[position] for position in chosen]
        real = None if reference is None else list(_of(reference, drawn))
        for row, measured in enumerate(models):
            value = metric.aggregate(_of(measured, drawn), real).value
            if value is not None:
                cells[row, column] = value
    return cells


def _of(measured: BySample, samples: Iterable[str]) -> Iterable[Measurement]:
    return [one for sample in samples for one in measured[sample]]
