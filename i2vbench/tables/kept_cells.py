"""Cells that took long, and their intervals, kept over runs: a distance over tens of thousands of features takes up to
a minute, and its interval a hundred times that.

A key is a hash of the metric's code and facts and of every file of features that the cell stands on, as the file system
has it. They lie in the user's cache and not in the run's folder: whoever hands one on could put numbers there that do
not follow from its features.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from i2vbench.files import file_sha256
from i2vbench.kept.entries import read_entry, write_entry
from i2vbench.kept.keys import code_sha256
from i2vbench.machine import versions
from i2vbench.metrics.base import Metric
from i2vbench.parsing import parse_json
from i2vbench.rows import MeasurementRow
from i2vbench.statistics import Interval
from i2vbench.typed import typed
from i2vbench.types import Cell

Made = TypeVar("Made", Cell, Interval)

KIND = "cells"

KEPT_SECONDS = 1.0
"""What takes less is computed again."""


def kept_cell(metric: Metric, folder: Path, rows: Sequence[MeasurementRow], compute: Callable[[], Cell]) -> Cell:
    """The cell that `compute` gives, or gave before.

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
    code = file_sha256(Path(__file__).with_name("intervals.py"))  # `code_sha256` has statistics.py, and not this room
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
    key = _key(metric, folder, rows, made_by)
    if (contents := read_entry(KIND, key)) is not None:
        with suppress(ValueError):  # of another version
            found: Made = typed(kind, parse_json(contents), "")
            return found
    begun = time.monotonic()
    made = compute()
    if time.monotonic() - begun > KEPT_SECONDS and isinstance(made, kind):
        with suppress(TypeError):  # a metric of somebody's own may put anything into its cell
            write_entry(KIND, key, json.dumps(asdict(made)).encode())
    return made


def _key(metric: Metric, folder: Path, rows: Sequence[MeasurementRow], made_by: Sequence[object]) -> str:
    files = []
    for row in rows:
        state = (folder / row.features).stat() if row.features else None
        # Whoever hands a file on states when it was modified, and not when it came here.
        seen = state and [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        files.append([row.model, row.sample_id, row.seed, row.value, seen])
    where = str(folder.resolve())
    code = [code_sha256("metrics"), file_sha256(Path(inspect.getfile(type(metric)))), type(metric).__qualname__]
    decides = [code, versions("cpu"), where, repr(metric.info), files, *made_by]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()
