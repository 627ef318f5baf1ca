"""Measurements of an archive, with their features, into a store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from i2vbench.leaderboards.submission.archive import Members, Refused
from i2vbench.leaderboards.submission.arrays import Features, read_rows, read_shape
from i2vbench.leaderboards.submission.lines import MeasurementLine, is_whole, read_lines
from i2vbench.leaderboards.submission.names import MEASUREMENTS
from i2vbench.leaderboards.submission.settings_check import own_metrics
from i2vbench.metrics.base import Metric
from i2vbench.metrics.frame_success import NUM_FRAMES, FrameSuccessMetric
from i2vbench.registry import METRICS
from i2vbench.rows import MeasurementRow
from i2vbench.store import REFERENCE, Store, features_path, folder_name

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Allowed:
    """What records there may be.

    Attributes:
        done: The clips that were made, as (model, sample id, seed).
        samples: Ids.
        models: Names.
        metrics: Ids of the built-in metrics of the run.
        others: Ids of those whose code its maker alone has.
    """

    done: Collection[tuple[str, str, int]]
    samples: Collection[str]
    models: Collection[str]
    metrics: Collection[str]
    others: Collection[str]


def features_member(metric: str, model: str | None) -> str:
    """Where the features of one metric of all clips of a model (None: of the real ones) are in an archive."""
    whose = "real" if model is None else f"models/{folder_name(model)}"
    return f"features/{folder_name(metric)}/{whose}.npy"


def take_records(members: Members, allowed: Allowed, folder: Path, store: Store) -> None:
    """Bring every record into a store, and its features into files below the store's folder.

    Raises:
        Refused: A line that is no record of this run; features that no record has, or the other way round.
    """
    arrays = _Arrays(members, allowed)
    metrics = {id_: METRICS.create(own_metrics()[id_]) for id_ in allowed.metrics}
    seen: set[tuple[str, str | None, str, int]] = set()
    rows: list[MeasurementRow] = []
    for where, line in read_lines(members, MEASUREMENTS, MeasurementLine):
        key = line.metric, line.model, line.sample, line.seed
        if fault := "a second record of this clip and metric" if key in seen else _fault(line, allowed, metrics):
            raise Refused(f"{where} ({line.sample}): {fault}")
        seen.add(key)
        rows.append(_row(line, arrays.next_row(line, where), folder))
        if len(rows) == _AT_ONCE:
            store.record(rows)
            rows = []
    store.record(rows)
    arrays.check_read()


def _fault(line: MeasurementLine, allowed: Allowed, metrics: Mapping[str, Metric]) -> str:
    """Why a record cannot be of this run; "" if it can."""
    if line.metric not in allowed.metrics and line.metric not in allowed.others:
        return "of a metric that run.json does not have"
    if line.sample not in allowed.samples:
        return "of a sample that is not there"
    if line.model is None and line.seed != 0:
        return "a real clip has the seed 0"
    if line.model is not None and (line.model, line.sample, line.seed) not in allowed.done:
        return "of a clip that is not in the plan, or was not made"
    if line.metric in allowed.others:
        return ""
    if line.state == "done" and line.value is None and line.features is None:
        return "neither number nor features"
    metric = metrics[line.metric]
    low, high = metric.info.range or (float("-inf"), float("inf"))
    if line.value is not None and not low <= line.value <= high:
        return f"the value {line.value!r} of {line.metric} lies outside {low:g} to {high:g}"
    if isinstance(metric, FrameSuccessMetric) and line.state == "done" and not _is_counted(line):
        return f"its details do not make {line.value!r} of {NUM_FRAMES} frames"
    return ""


def _is_counted(line: MeasurementLine) -> bool:
    """Whether a number is that of the frames in its details, of which its cell is made."""
    frames: Any = line.details.get("frames")
    successes: Any = line.details.get("successes")
    return is_whole(frames) and is_whole(successes) and bool(frames == NUM_FRAMES and line.value == successes / frames)


def _row(line: MeasurementLine, features: Features | None, folder: Path) -> MeasurementRow:
    model = REFERENCE if line.model is None else line.model
    path = None
    if features is not None:
        path = features_path(line.metric, model, line.sample, line.seed)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / path, features, allow_pickle=False)
    value = None if line.value is None else float(line.value)
    return MeasurementRow(
        line.metric, model, line.sample, line.seed, line.state, value, path, line.details, line.reason
    )


class _Arrays:
    """The archive's arrays of features, each read from its first row to its last."""

    def __init__(self, members: Members, allowed: Allowed) -> None:
        self._members = members
        self._rows: dict[str, Iterator[Features]] = {}
        self._read: dict[str, int] = {}
        self._shapes = {name: read_shape(members, name) for name in members.under("features")}
        known = {features_member(metric, model) for metric in allowed.metrics for model in (None, *allowed.models)}
        if strange := sorted(set(self._shapes) - known):
            raise Refused(f"{strange[0]} is of no built-in metric and model of the run")

    def next_row(self, line: MeasurementLine, where: str) -> Features | None:
        """The features of a record; they stand in the order of the records."""
        if line.features is None:
            return None
        name = features_member(line.metric, line.model)
        if name not in self._shapes:
            raise Refused(f"{where}: its features, {name}, are not in the archive")
        place = self._read.get(name, 0)
        if name not in self._rows:
            self._rows[name] = read_rows(self._members, name, self._shapes[name])
        row = next(self._rows[name], None)
        if row is None or line.features != place:
            raise Refused(f"{where}: row {line.features} of {name} is not there, or not the next one ({place})")
        self._read[name] = place + 1
        return row

    def check_read(self) -> None:
        """Refuse rows that no record names."""
        for name, shape in self._shapes.items():
            if self._read.get(name, 0) != shape.count:
                raise Refused(f"{name} has {shape.count} rows, of which records name {self._read.get(name, 0)}")
