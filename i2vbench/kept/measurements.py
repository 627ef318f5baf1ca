"""Measurements of a group of clips by one metric, kept over runs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from i2vbench.kept.entries import read_entry, write_entry
from i2vbench.parsing import parse_json
from i2vbench.store import folder_name
from i2vbench.types import Measurement

_log = logging.getLogger("i2vbench")


def find_measurements(metric: str, key: str, sample_ids: Sequence[str]) -> list[Measurement] | None:
    """What a run has measured of these clips, in order; None if none has, or what it kept cannot be read."""
    contents = read_entry(_kind(metric), key)
    if contents is None:
        return None
    try:
        with np.load(io.BytesIO(contents), allow_pickle=False) as arrays:
            rows, features = parse_json(bytes(arrays["rows"])), dict(arrays)
        return [
            Measurement(id_, metric, features=features.get(f"features{i}"), **row)
            for i, (id_, row) in enumerate(zip(sample_ids, rows, strict=True))
        ]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it: it is measured again, and written over
        _log.warning("kept measurements by %s cannot be read (%r)", metric, error)
        return None


def keep_measurements(metric: str, key: str, measurements: Sequence[Measurement]) -> None:
    """Keep what was measured, if nothing of it is an error."""
    if any(measurement.error is not None for measurement in measurements):
        return
    rows = [{"value": m.value, "details": dict(m.details), "not_applicable": m.not_applicable} for m in measurements]
    arrays: dict[str, Any] = {f"features{i}": m.features for i, m in enumerate(measurements) if m.features is not None}
    buffer = io.BytesIO()
    np.savez(buffer, rows=np.frombuffer(json.dumps(rows).encode(), np.uint8), **arrays)
    write_entry(_kind(metric), key, buffer.getvalue())


def _kind(metric: str) -> str:
    return f"measurements/{folder_name(metric)}"
