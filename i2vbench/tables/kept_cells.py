"""Cells that took long, and their intervals, kept in the run's folder: a distance over tens of thousands of features
takes up to a minute, and its interval a hundred times that.

They lie in features/cells/KEY.json; a key is a hash of the metric's code and facts and of every file of features that
the cell stands on, as the file system has it. They can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from i2vbench.files import file_sha256, write_json
from i2vbench.kept.keys import code_sha256
from i2vbench.metrics.base import Metric
from i2vbench.rows import MeasurementRow
from i2vbench.statistics import Interval
from i2vbench.types import Cell

Made = TypeVar("Made", Cell, Interval)

KEPT_SECONDS = 1.0
"""What takes less is computed again."""


def kept_cell(metric: Metric, folder: Path, rows: Sequence[MeasurementRow], compute: Callable[[], Cell]) -> Cell:
    """The cell that `compute` gives, taken from the run's folder if it is there.

    Args:
        metric: Whose cell it is.
        folder: The run's.
        rows: Everything that the cell stands on, on both sides.
        compute: Makes it.
    """
    return _kept(metric, folder, rows, [], compute, Cell)


def kept_interval(
    metric: Metric,
    folder: Path,
    rows: Sequence[MeasurementRow],
    made_by: Sequence[object],
    compute: Callable[[], Interval],
) -> Interval:
    """The same for a cell's interval; `made_by` is what else decides it, as JSON has it."""
    code = file_sha256(Path(inspect.getfile(Interval)))
    return _kept(metric, folder, rows, ["interval", code, *made_by], compute, Interval)


def _kept(
    metric: Metric,
    folder: Path,
    rows: Sequence[MeasurementRow],
    made_by: Sequence[object],
    compute: Callable[[], Made],
    kind: type[Made],
) -> Made:
    if not any(row.features for row in rows):
        return compute()
    path = folder / "features" / "cells" / f"{_key(metric, folder, rows, made_by)}.json"
    try:
        return kind(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        pass  # not there, or damaged
    begun = time.monotonic()
    made = compute()
    if time.monotonic() - begun > KEPT_SECONDS and isinstance(made, kind):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, asdict(made))
        except (OSError, TypeError):
            pass  # a run may lie where nothing can be written
    return made


def _key(metric: Metric, folder: Path, rows: Sequence[MeasurementRow], made_by: Sequence[object]) -> str:
    files = []
    for row in rows:
        state = (folder / row.features).stat() if row.features else None
        files.append([row.model, row.sample_id, row.seed, row.value, state and [state.st_size, state.st_mtime_ns]])
    code = [code_sha256("metrics"), file_sha256(Path(inspect.getfile(type(metric)))), type(metric).__qualname__]
    return hashlib.sha256(json.dumps([code, repr(metric.info), files, *made_by]).encode()).hexdigest()
