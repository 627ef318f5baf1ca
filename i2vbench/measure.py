"""The second half of the work: each clip is decoded once and handed to every metric that owes a number of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from i2vbench.attempt import Failure, attempt, free_memory, one_each, try_once
from i2vbench.clips import read_clip, read_to_protocol
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.job import Tools
from i2vbench.kept.keys import Seen, is_as_hashed, is_kept
from i2vbench.kept.measurements import find_measurements, keep_measurements
from i2vbench.metrics.base import Metric
from i2vbench.rows import MeasurementRow, parse_details
from i2vbench.store import REFERENCE, keep
from i2vbench.timings import timed
from i2vbench.types import Clip, ClipSource, Measurement, MetricInfo, Sample


@dataclass(frozen=True, slots=True)
class Target:
    """A clip to be measured: whose it is, and where it is in the run; a sample's real clip if that is ""."""

    sample: Sample
    seed: int
    video: str


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Neighbouring clips of the plan that are measured together, whenever and wherever they are measured.

    Attributes:
        model: Whose clips; REFERENCE for the real ones.
        targets: The clips that there are.
        size: How many clips of the plan it stands for, those that failed included.
        owed: Ids of the metrics that owe a record of any of them; each looks at all of them again, because a network's
            rounding may depend on what it is batched with.
    """

    model: str
    targets: Sequence[Target]
    size: int
    owed: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class ReadGroup:
    """A group with its clips in memory, or the reason why one could not be read.

    Attributes:
        group: What was read.
        clips: In the order of its targets; nothing where no metric needs to look.
        keys: Under which the measurements of all of them are kept over runs, by metric id; without those that are not.
        known: What another run has measured already of all of them, by metric id.
    """

    group: Group
    clips: Sequence[Clip | Failure]
    keys: Mapping[str, str]
    known: Mapping[str, Sequence[Measurement]]

    @property
    def is_known(self) -> bool:
        """Whether nothing is left to look at."""
        return len(self.known) == len(self.group.owed)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What became of a group; its features are where the run keeps them.

    Attributes:
        records: Of all clips, metric by metric.
        known: How many of them another run had made.
    """

    records: Sequence[Sequence[MeasurementRow]]
    known: int = 0


def read_group(group: Group, tools: Tools, decoders: Executor, device: str) -> ReadGroup:
    """Decode each clip once and bring it to the protocol, unless all that is owed of it is known."""
    keys = _keys(group, tools, decoders, device)
    ids = [target.sample.id for target in group.targets]
    with timed("known"):
        known = {id_: found for id_, key in keys.items() if (found := find_measurements(id_, key, ids))}
    wanted = group.targets if len(known) < len(group.owed) else ()
    return ReadGroup(group, list(decoders.map(lambda target: _read(target, group, tools), wanted)), keys, known)


@timed("known")
def _keys(group: Group, tools: Tools, decoders: Executor, device: str) -> dict[str, str]:
    """The keys of what the metrics say of a group."""
    metrics = [tools.metrics[id_] for id_ in group.owed]
    # Without a network a clip is measured as fast as it is looked up: such metrics are known beside others only.
    if tools.keys is None or not any(is_kept(metric) and metric.info.checkpoints for metric in metrics):
        return {}
    seen = list(decoders.map(lambda target: _seen(target, group, tools), group.targets))
    clips = [clip for clip in seen if clip is not None]
    if len(clips) < len(seen):
        return {}
    found = {metric.info.id: tools.keys.of_measurements(metric, clips, device) for metric in metrics}
    return {id_: key for id_, key in found.items() if key is not None}


def _seen(target: Target, group: Group, tools: Tools) -> Seen | None:
    try:
        if group.model == REFERENCE:
            return Seen(target.sample, file_sha256(_real(target).path), _real(target))
        with tools.place.read(target.video) as path:
            return Seen(target.sample, file_sha256(path))
    except (UserError, OSError):  # it is not to be read; `_read` says why
        return None


def _real(target: Target) -> ClipSource:
    assert target.sample.reference is not None  # or it would be no target
    return target.sample.reference


def _read(target: Target, group: Group, tools: Tools) -> Clip | Failure:
    def real() -> Clip:
        return Clip(target.sample, read_to_protocol(_real(target), tools.protocol, tools.reader))

    if group.model == REFERENCE:
        with timed("read", "real clips", clips=1):
            return try_once(real, f"reading {_real(target).path}")
    with tools.place.read(target.video) as path:  # what cannot be fetched is no fault of the clip's

        def made() -> Clip:
            return read_clip(target.sample, ClipSource(path), tools.protocol, tools.reader)

        with timed("read", group.model, clips=1):
            return try_once(made, f"reading {target.video}")


class Metrics:
    """The run's metrics, each loaded when it is first needed."""

    def __init__(self, tools: Tools, device: str) -> None:
        self._tools, self._device = tools, device
        self._loaded: dict[str, Metric | Failure] = {}

    def get(self, id_: str) -> Metric | Failure:
        """The metric, ready to measure; or why it is not."""
        if id_ not in self._loaded:
            metric, precision = self._tools.metrics[id_], self._tools.precision
            with timed("load", id_):
                failure = try_once(lambda: metric.load(self._device, precision), f"{id_}: load")
            self._loaded[id_] = metric if failure is None else failure
        return self._loaded[id_]

    def release(self) -> None:
        """Let go of every network; what is needed again is loaded again."""
        for id_, metric in self._loaded.items():
            if not isinstance(metric, Failure):
                try_once(metric.unload, f"{id_}: unload")
        self._loaded.clear()
        free_memory()


def measure_group(read: ReadGroup, tools: Tools, metrics: Metrics, writers: Executor) -> Measured:
    """Measure a group with every metric that owes it something.

    Args:
        read: The group with its clips.
        tools: What to work with.
        metrics: Loaded, or to be.
        writers: Threads that write features while the next metric looks.

    Raises:
        OSError: The disk is at fault, which is no fault of a clip.
    """
    group, pending = read.group, []
    for id_ in group.owed:
        measurements = read.known.get(id_) or _measure(id_, read, tools, metrics)
        pending.append(
            [
                writers.submit(keep, measurement, group.model, target.seed, tools.place)
                for target, measurement in zip(group.targets, measurements, strict=True)
            ]
        )
    with timed("wait for files"):
        records = [[row.result() for row in rows] for rows in pending]
    return Measured(records, len(read.known) * len(group.targets))


def _measure(id_: str, read: ReadGroup, tools: Tools, metrics: Metrics) -> list[Measurement]:
    """What one metric says of each clip of a group, kept for other runs where that is to be."""
    info = tools.metrics[id_].info
    results: dict[int, Measurement] = {}
    clips: dict[int, Clip] = {}
    together = True
    for i, (target, clip) in enumerate(zip(read.group.targets, read.clips, strict=True)):
        lacks = target.sample.lacks(info.reads)
        if lacks:
            results[i] = Measurement(target.sample.id, id_, not_applicable=lacks)
        elif isinstance(clip, Failure):
            results[i] = Measurement(target.sample.id, id_, error=clip.reason)
        else:
            clips[i] = clip
    if clips:
        metric = metrics.get(id_)
        if isinstance(metric, Failure):
            reason = f"the metric could not be loaded: {metric.reason}"
            results |= {i: Measurement(clip.sample.id, id_, error=reason) for i, clip in clips.items()}
        else:
            with timed("measure", id_, len(clips)):
                measured, together = _measure_clips(metric, list(clips.values()))
            results |= dict(zip(clips, measured, strict=True))
    measurements = [results[i] for i in range(len(results))]
    if together and id_ in read.keys and is_as_hashed("metrics"):
        with timed("known"):
            keep_measurements(id_, read.keys[id_], measurements)
    return measurements


def measure_clips(metric: Metric, clips: Sequence[Clip]) -> list[Measurement]:
    """One checked measurement per clip; a clip that the metric fails on gets the reason."""
    return _measure_clips(metric, clips)[0]


def _measure_clips(metric: Metric, clips: Sequence[Clip]) -> tuple[list[Measurement], bool]:
    """The same; and whether it looked at all of them at once, and not at fewer after that had failed."""
    info = metric.info
    calls = 0

    def call(some: Sequence[Clip]) -> list[Measurement]:
        nonlocal calls
        calls += 1
        measurements = one_each(some, metric.measure(some))
        return [_checked(m, clip, info) for m, clip in zip(measurements, some, strict=True)]

    results = attempt(clips, call, f"{info.id}: measure")
    measurements = [
        Measurement(clip.sample.id, info.id, error=result.reason) if isinstance(result, Failure) else result
        for clip, result in zip(clips, results, strict=True)
    ]
    return measurements, calls == 1


def _plain(value: object) -> object:
    """numpy's numbers and arrays as JSON has them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"details: {type(value).__name__} is no JSON")


def _checked(measurement: Measurement, clip: Clip, info: MetricInfo) -> Measurement:
    """The measurement in plain numbers, once it is seen to be of this clip and possible.

    Raises:
        ValueError, TypeError: If it is not.
    """
    if (measurement.sample_id, measurement.metric) != (clip.sample.id, info.id):
        raise ValueError(
            f"returned a measurement of '{measurement.sample_id}' by {measurement.metric} "
            f"for the clip '{clip.sample.id}' by {info.id}"
        )
    details = parse_details(json.dumps(dict(measurement.details), default=_plain))
    if clip.repeated_frames:
        details["repeated_frames"] = clip.repeated_frames
    if clip.brought:
        details |= {"brought": clip.brought, "made_as": clip.made_as}
    value = None if measurement.value is None else float(measurement.value)
    features = None if measurement.features is None else np.asarray(measurement.features)
    if features is not None and features.dtype.kind != "f":
        raise ValueError(f"features: expected a float array, got {features.dtype}")
    measurement = replace(measurement, value=value, features=features, details=details)
    if measurement.value is not None and info.range is not None:
        low, high = info.range
        if not low <= measurement.value <= high:
            error = f"the value {measurement.value!r} lies outside {low:g} to {high:g}"
            return replace(measurement, value=None, error=error)
    return measurement
