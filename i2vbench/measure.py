"""The second half of the work: each clip is decoded once and handed to every metric that is still owed a number."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from i2vbench.attempt import Failure, attempt, free_memory, one_each, try_once
from i2vbench.clips import read_clip, read_to_protocol
from i2vbench.job import Job
from i2vbench.metrics.base import Metric
from i2vbench.rows import parse_details
from i2vbench.store import REFERENCE
from i2vbench.types import Clip, ClipSource, Measurement, MetricInfo, Sample

DECODERS = 2
"""Threads that decode; on a GPU machine the networks are slower than two of them."""


@dataclass(frozen=True, slots=True)
class Target:
    """A clip to be measured: whose it is, and the file it is read from."""

    sample: Sample
    seed: int
    source: ClipSource


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Neighbouring clips of the plan that are measured together, whenever they are measured.

    Attributes:
        model: Whose clips; REFERENCE for the real ones.
        targets: The clips that there are.
        size: How many clips of the plan it stands for, those that failed included.
        owed: Per metric id, the positions in `targets` that it owes a record.
    """

    model: str
    targets: Sequence[Target]
    size: int
    owed: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True, eq=False)
class ReadGroup:
    """A group with its clips in memory, or the reason why one could not be read."""

    group: Group
    clips: Mapping[int, Clip | Failure]


def model_group(name: str, positions: range, job: Job) -> Group:
    """The clips that `name` has made of this stretch of the plan, with what is owed of them."""
    rows = job.store.clips(name, positions=positions)
    targets = [
        Target(job.samples[row.sample_id], row.seed, ClipSource(job.store.folder / row.video))
        for row in rows
        if row.state == "done"
    ]
    return Group(name, targets, len(rows), _owed(name, targets, job.metrics, job))


def reference_groups(job: Job) -> Iterator[Group]:
    """The real clips, for the metrics that compare with them; each clip once, whatever the seeds.

    What another run has measured of them is taken over first.
    """
    metrics = {id_: metric for id_, metric in job.metrics.items() if "reference" in metric.info.reads}
    targets = [Target(sample, 0, sample.reference) for sample in job.samples.values() if sample.reference is not None]
    for start in range(0, len(targets) if metrics else 0, job.measure_batch):
        some = targets[start : start + job.measure_batch]
        _take_over(some, metrics, job)
        yield Group(REFERENCE, some, len(some), _owed(REFERENCE, some, metrics, job))


def _take_over(targets: Sequence[Target], metrics: Mapping[str, Metric], job: Job) -> None:
    """Record what other runs have measured of these real clips."""
    done = job.store.measured(REFERENCE, [(target.sample.id, 0) for target in targets])
    for id_ in metrics:
        owed = [target for target in targets if (id_, target.sample.id, 0) not in done]
        known = [job.real.find(id_, target.sample.id, target.source) for target in owed]
        found = [measurement for measurement in known if measurement is not None]
        job.store.record(REFERENCE, [0] * len(found), found)


def _owed(model: str, targets: Sequence[Target], metrics: Mapping[str, Metric], job: Job) -> dict[str, Sequence[int]]:
    measured = job.store.measured(model, [(t.sample.id, t.seed) for t in targets])
    owed: dict[str, Sequence[int]] = {}
    for id_ in metrics:
        if any((id_, t.sample.id, t.seed) not in measured for t in targets):
            # The whole group again: a network's rounding may depend on what it is batched with.
            owed[id_] = range(len(targets))
    return owed


def measure(groups: Iterable[Group], job: Job, metrics: Metrics) -> None:
    """Measure every group; reading runs ahead by at most two groups, so memory does not grow with the clips."""
    with ThreadPoolExecutor(DECODERS) as decoders:
        for read in run_ahead((_read(group, job, decoders) for group in groups), depth=1):
            if job.stop.is_set():
                return
            for id_, positions in read.group.owed.items():
                _measure_group(id_, positions, read, job, metrics)
            doing = read.group.targets[-1].sample.id if read.group.targets else ""
            job.progress.advance("measure", read.group.size, doing=doing)


class Metrics:
    """The run's metrics, each loaded when it is first needed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._loaded: dict[str, Metric | Failure] = {}

    def get(self, id_: str) -> Metric | Failure:
        """The metric, ready to measure; or why it is not."""
        if id_ not in self._loaded:
            metric = self._job.metrics[id_]
            device, precision = self._job.device, self._job.precision
            failure = try_once(lambda: metric.load(device, precision), f"{id_}: load")
            self._loaded[id_] = metric if failure is None else failure
        return self._loaded[id_]

    def release(self) -> None:
        """Let go of every network; what is needed again is loaded again."""
        for id_, metric in self._loaded.items():
            if not isinstance(metric, Failure):
                try_once(metric.unload, f"{id_}: unload")
        self._loaded.clear()
        free_memory()


def _read(group: Group, job: Job, decoders: ThreadPoolExecutor) -> ReadGroup:
    def read(target: Target) -> Clip | Failure:
        def clip() -> Clip:
            if group.model == REFERENCE:
                return Clip(target.sample, read_to_protocol(target.source, job.protocol, job.reader))
            return read_clip(target.sample, target.source, job.protocol, job.reader)

        return try_once(clip, f"reading {target.source.path}")

    wanted = sorted({i for positions in group.owed.values() for i in positions})
    return ReadGroup(group, dict(zip(wanted, decoders.map(read, [group.targets[i] for i in wanted]), strict=True)))


def _measure_group(id_: str, positions: Sequence[int], read: ReadGroup, job: Job, metrics: Metrics) -> None:
    """Measure the clips at these positions with one metric and record the results together."""
    info = job.metrics[id_].info
    not_applicable: dict[tuple[str, int], str] = {}
    results: dict[int, Measurement] = {}
    clips: dict[int, Clip] = {}
    for i in positions:
        target, clip = read.group.targets[i], read.clips[i]
        lacks = target.sample.lacks(info.reads)
        if lacks:
            not_applicable[target.sample.id, target.seed] = lacks
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
            results |= dict(zip(clips, measure_clips(metric, list(clips.values())), strict=True))
    job.store.record_not_applicable(id_, read.group.model, not_applicable)
    ordered = sorted(results)
    job.store.record(read.group.model, [read.group.targets[i].seed for i in ordered], [results[i] for i in ordered])
    if read.group.model == REFERENCE:
        for i in ordered:
            job.real.keep(results[i], read.group.targets[i].source)


def measure_clips(metric: Metric, clips: Sequence[Clip]) -> list[Measurement]:
    """One checked measurement per clip; a clip that the metric fails on gets the reason."""
    info = metric.info

    def call(some: Sequence[Clip]) -> list[Measurement]:
        measurements = one_each(some, metric.measure(some))
        return [_checked(m, clip, info) for m, clip in zip(measurements, some, strict=True)]

    results = attempt(clips, call, f"{info.id}: measure")
    return [
        Measurement(clip.sample.id, info.id, error=result.reason) if isinstance(result, Failure) else result
        for clip, result in zip(clips, results, strict=True)
    ]


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


def run_ahead(items: Iterator[ReadGroup], depth: int) -> Iterator[ReadGroup]:
    """The same items, made in a thread of its own that is at most `depth` finished ones ahead."""
    ready: queue.Queue[ReadGroup | BaseException | None] = queue.Queue(depth)
    abandoned = threading.Event()

    def offer(item: ReadGroup | BaseException | None) -> None:
        while not abandoned.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                offer(item)
                if abandoned.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised again where the items are used
            offer(error)
        offer(None)

    thread = threading.Thread(target=work, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        abandoned.set()
        thread.join()
