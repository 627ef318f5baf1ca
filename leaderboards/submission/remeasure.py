"""Measuring a random sample of an archive's clips again, with our metrics and checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from i2vbench.attempt import Failure, describe, try_once
from i2vbench.clips import read_to_protocol
from i2vbench.leaderboards.submission.decode import CannotDecode, decode
from i2vbench.leaderboards.submission.lines import ClipLine
from i2vbench.leaderboards.submission.restore import Restored
from i2vbench.leaderboards.submission.sampling import Videos
from i2vbench.leaderboards.submission.settings_check import own_metric
from i2vbench.leaderboards.submission.tolerance import fault_of_decisions, fault_of_features, fault_of_value
from i2vbench.measure import measure_clips
from i2vbench.metrics.base import Metric
from i2vbench.rows import ClipState, MeasurementRow
from i2vbench.store import REFERENCE, Store
from i2vbench.types import Clip, Measurement, Sample
from i2vbench.video import VideoError
from i2vbench.weights import sha256_of
from i2vbench.weights.needs import lacking

_AT_ONCE = 8
_SHOWN_DIGITS = 6

Records = Mapping[tuple[str, str, str, int], MeasurementRow]
"""By metric, model, sample and seed."""

TOLD_DETAILS = ("repeated_frames", "brought", "made_as", "doubts")
"""What tables say of clips beside their numbers."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One record that was measured again; `model` is "" for a real clip, `fault` is "" where both are the same.

    `state` is that of the record that was handed in.
    """

    model: str
    sample: str
    seed: int
    metric: str
    state: ClipState
    theirs: str
    ours: str
    fault: str

    @property
    def clip(self) -> str:
        return f"{self.model}/{self.sample}-seed{self.seed}" if self.model else f"real clip {self.sample}"


@dataclass(slots=True)
class Remeasured:
    """What came of it.

    Attributes:
        chosen: The clips that were drawn.
        compared: Their records.
        faults: A sentence each.
        notes: What was not measured again, and why.
    """

    chosen: list[ClipLine] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def wanted_metrics(restored: Restored, skip_missing: bool) -> tuple[dict[str, Metric], list[str]]:
    """The metrics that are measured again, by id; and what is to be said of those that are not.

    Raises:
        UserError: Checkpoints are not here, and `skip_missing` is not set: with the command that gets them.
    """
    profile = restored.profile
    records = restored.settings["metrics"]
    metrics = {id_: own_metric(id_, profile) for id_ in restored.metrics if "skipped" not in records[id_]}
    metrics = {id_: metric for id_, metric in metrics.items() if not metric.info.features_of}
    gone = lacking({id_: metric.info for id_, metric in metrics.items()}, skip_missing)
    notes = [f"{id_} was not measured again: {reason}" for id_, reason in gone.items()]
    return {id_: metric for id_, metric in metrics.items() if id_ not in gone}, notes


def faults_of_checkpoints(restored: Restored, metrics: Mapping[str, Metric]) -> list[str]:
    """Which metrics looked through other files than are here."""
    found = []
    for id_, metric in metrics.items():
        stated = restored.settings["metrics"][id_].get("checkpoints", {})
        other = [name for name in metric.info.checkpoints if stated.get(name) != sha256_of(name)]
        if other:
            found.append(f"{id_} looked through another file than the one here: {', '.join(other)} (SHA-256)")
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What measuring again needs.

    Attributes:
        restored: The archive's run.
        metrics: Those to be measured, by id.
        videos: Where they are.
        room: A folder for files of ours.
        device: As torch names it.
        dataset: The data set's own samples by id, where it is here.
    """

    restored: Restored
    metrics: Mapping[str, Metric]
    videos: Videos
    room: Path
    device: str
    dataset: Mapping[str, Sample]

    @property
    def same(self) -> bool:
        """Whether it is measured on the kind of device that the run was measured on."""
        kinds = {str(device).partition(":")[0] for device in (self.device, self.restored.settings["device"])}
        return len(kinds) == 1


def remeasure(work: Work, chosen: Sequence[ClipLine], found: Remeasured) -> None:
    """Measure the chosen clips, and the real clips of their samples, and hold the numbers to those handed in."""
    profile = work.restored.profile
    failed: set[str] = set()
    for id_, metric in work.metrics.items():
        failure = try_once(lambda: metric.load(work.device, profile.precision), f"{id_}: load")  # noqa: B023
        if failure is not None:
            failed.add(id_)
            found.faults.append(f"{id_} could not be loaded here: {failure.reason}")
    metrics = {id_: metric for id_, metric in work.metrics.items() if id_ not in failed}
    found.chosen += chosen
    with Store.open(work.restored.folder) as store:
        records = _records(store, metrics, chosen)
        for start in range(0, len(chosen), _AT_ONCE):
            some = chosen[start : start + _AT_ONCE]
            _measure_group(work, store, metrics, some, records, found)
            _measure_real(work, store, metrics, [row.sample for row in some], records, found)
    for metric in metrics.values():
        try_once(metric.unload, "unload")
    found.faults += [
        f"{c.clip}, {c.metric}: {c.theirs} there, {c.ours} here; {c.fault}" for c in found.compared if c.fault
    ]
    for id_ in metrics:
        numbers = [c for c in found.compared if c.metric == id_ and c.model and c.state == "done" and not c.fault]
        others = sum(c.theirs != c.ours for c in numbers)
        if fault := fault_of_decisions(id_, others, len(numbers), work.same):
            found.faults.append(fault)


def _records(store: Store, metrics: Iterable[str], chosen: Sequence[ClipLine]) -> Records:
    """What was handed in of these clips and of the real clips of their samples."""
    wanted = {row.key for row in chosen} | {(REFERENCE, row.sample, 0) for row in chosen}
    return {
        (id_, row.model, row.sample_id, row.seed): row
        for id_ in metrics
        for model in dict.fromkeys(model for model, _, _ in wanted)
        for row in store.measurements(id_, model)
        if (row.model, row.sample_id, row.seed) in wanted
    }


def _measure_group(
    work: Work,
    store: Store,
    metrics: Mapping[str, Metric],
    some: Sequence[ClipLine],
    records: Records,
    found: Remeasured,
) -> None:
    profile = work.restored.profile
    clips: dict[tuple[str, str, int], Clip | Failure] = {}
    for row in some:
        path = work.room / "clip.mp4"
        fault = work.videos.copy(work.restored.video(row), row, path)
        if fault:
            found.faults.append(f"{row.model}/{row.sample}-seed{row.seed}: {fault}")
            continue
        sample = work.dataset.get(row.sample, work.restored.samples[row.sample])
        try:
            clips[row.key] = decode(path, sample, profile.protocol, work.restored.settings["reader"]["name"])
        except CannotDecode as error:
            clips[row.key] = Failure(f"its video gives no clip here: {error}")
        path.unlink()
    for id_, metric in metrics.items():
        for key, ours in zip(clips, _measure(metric, list(clips.values())), strict=True):
            if (id_, *key) in records:
                _compare(records[id_, *key], ours, store, metric, work, found)


def _measure_real(
    work: Work, store: Store, metrics: Mapping[str, Metric], ids: Sequence[str], records: Records, found: Remeasured
) -> None:
    """The same of the data set's own clips, for the metrics that compare with them."""
    protocol = work.restored.profile.protocol
    reader = work.restored.settings["reader"]["name"]
    comparing = {id_: metric for id_, metric in metrics.items() if "reference" in metric.info.reads}
    known = {c.sample for c in found.compared if not c.model}
    samples = [work.dataset[id_] for id_ in dict.fromkeys(ids) if id_ in work.dataset and id_ not in known]
    clips: dict[str, Clip | Failure] = {}
    for sample in samples if comparing else ():
        if sample.reference is None:
            continue
        try:
            clips[sample.id] = Clip(sample, read_to_protocol(sample.reference, protocol, reader))
        except VideoError as error:
            clips[sample.id] = Failure(describe(error))
    for id_, metric in comparing.items():
        for sample_id, ours in zip(clips, _measure(metric, list(clips.values())), strict=True):
            if (id_, REFERENCE, sample_id, 0) in records:
                _compare(records[id_, REFERENCE, sample_id, 0], ours, store, metric, work, found)


def _measure(metric: Metric, clips: Sequence[Clip | Failure]) -> list[Measurement | Failure]:
    """A measurement of each clip, or why there is none; as a run does it."""
    results: list[Measurement | Failure] = []
    there = [clip for clip in clips if isinstance(clip, Clip)]
    needs = metric.info.reads - {"reference"}
    fitting = [clip for clip in there if clip.sample.lacks(needs) is None]
    measured = dict(zip(map(id, fitting), measure_clips(metric, fitting), strict=True)) if fitting else {}
    for clip in clips:
        if isinstance(clip, Failure):
            results.append(clip)
        elif id(clip) in measured:
            results.append(measured[id(clip)])
        else:
            results.append(Measurement(clip.sample.id, metric.info.id, not_applicable=clip.sample.lacks(needs)))
    return results


def _compare(
    row: MeasurementRow, ours: Measurement | Failure, store: Store, metric: Metric, work: Work, found: Remeasured
) -> None:
    """Hold one record to the same of ours."""
    if row.state == "not_applicable" and "reference" in metric.info.reads:
        sample = work.dataset.get(row.sample_id)
        if sample is None or sample.reference is None:
            return  # it has no real clip, or whether it has one is not known here
    there, fault = _shown(row.state, row.value, row.reason), ""
    if isinstance(ours, Failure):
        here, fault = ours.reason, "" if row.state == "failed" else "there is no clip to measure"
    else:
        state = "failed" if ours.error else "not_applicable" if ours.not_applicable else "done"
        here = _shown(state, ours.value, ours.error or ours.not_applicable)
        other = [name for name in TOLD_DETAILS if row.details.get(name) != ours.details.get(name)]
        if state != row.state:
            fault = "one of them has a number and the other has none"
        elif state == "done":
            fault = _fault(row, ours, store, metric, work.same)
            fault = fault or (f"its details say otherwise: {', '.join(other)}" if other else "")
    found.compared.append(Compared(row.model, row.sample_id, row.seed, row.metric, row.state, there, here, fault))


def _fault(row: MeasurementRow, ours: Measurement, store: Store, metric: Metric, same: bool) -> str:
    if (row.value is None) != (ours.value is None):
        return "a number and features are two things"
    if ours.value is not None and row.value is not None:
        network = bool(metric.info.checkpoints)
        return fault_of_value(row.metric, row.value, ours.value, ours.details, network, same)
    theirs = store.load_measurement(row).features
    if theirs is None or ours.features is None:
        return "there are no features"
    return fault_of_features(theirs, ours.features, same)


def _shown(state: str, value: float | None, reason: str | None) -> str:
    if state != "done":
        return f"{state.replace('_', ' ')} ({reason})"
    return "features" if value is None else f"{value:.{_SHOWN_DIGITS}g}"
