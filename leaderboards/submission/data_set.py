"""The samples of an archive against the data set itself, where the verifier has it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from i2vbench.clips import read_first_frame
from i2vbench.datasets.base import Dataset, check_samples
from i2vbench.errors import UserError
from i2vbench.first_frames.record import KEY
from i2vbench.leaderboards.submission.restore import Restored
from i2vbench.plan import resolve_categories, select
from i2vbench.registry import DATASETS
from i2vbench.types import Sample
from i2vbench.video import VideoError


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of the comparison.

    Attributes:
        samples: The data set's own, by id; none where it is not here.
        faults: In what the archive's samples are others.
        note: Why nothing was compared, or "".
    """

    samples: Mapping[str, Sample]
    faults: list[str]
    note: str = ""


def compare_data_set(restored: Restored, spec: str | None) -> Compared:
    """Hold an archive's samples to the data set.

    Args:
        restored: The archive's run.
        spec: The data set as its verifier names it; None takes the built-in one of the archive's name, if it is here.

    Raises:
        UserError: `spec` cannot be loaded.
    """
    name = restored.settings["dataset"]["name"]
    entry = DATASETS.builtin.get(name)
    if spec is None and (entry is None or entry.argument):
        return Compared({}, [], f"the data set {name} was not named (--dataset)")
    try:
        dataset = DATASETS.create(spec or name)
        samples = list(dataset.samples())
        check_samples(dataset.name, samples)
    except UserError as error:
        if spec is not None:
            raise
        return Compared({}, [], f"the data set {name} is not here ({error})")
    return _compare(restored, dataset, samples)


def _compare(restored: Restored, dataset: Dataset, samples: list[Sample]) -> Compared:
    settings = restored.settings
    if dataset.name != settings["dataset"]["name"]:
        return Compared({}, [f"it is of the data set {settings['dataset']['name']}, not of {dataset.name}"])
    selection = settings["selection"]
    try:
        categories = resolve_categories(samples, selection.get("categories"))
    except UserError as error:
        return Compared({}, [f"its selection: {error}"])
    chosen = {sample.id: sample for sample in select(samples, selection.get("limit"), categories)}
    found = _differences(restored.samples, chosen)
    if not found and list(chosen) != list(restored.samples):
        found.append(f"its samples stand in another order than in {dataset.name}")
    if not found and dataset.fingerprint(list(chosen.values())) != settings["dataset"]["fingerprint"]:
        found.append(f"the fingerprint of its data set is not that of {dataset.name} here: other files, or other facts")
    return Compared(chosen, found)


def _differences(theirs: Mapping[str, Sample], ours: Mapping[str, Sample]) -> list[str]:
    found = [f"the sample {id_} of the data set is not in it" for id_ in ours if id_ not in theirs]
    found += [f"the sample {id_} is not in the data set" for id_ in theirs if id_ not in ours]
    for id_ in theirs.keys() & ours.keys():
        other = [name for name in ("category", "prompt", "objects", "scene") if _other(theirs[id_], ours[id_], name)]
        if other:
            found.append(f"the sample {id_} has another {' and another '.join(other)} than in the data set")
    return sorted(found)


def _other(theirs: Sample, ours: Sample, name: str) -> bool:
    a: Any = getattr(theirs, name)
    b: Any = getattr(ours, name)
    return bool(a != b)


def faults_of_first_frames(restored: Restored, samples: Mapping[str, Sample], ids: Iterable[str]) -> list[str]:
    """Which of these samples' first frames are others than models were shown, where these are the data set's own.

    Args:
        restored: The archive's run.
        samples: The data set's own.
        ids: Of those to be looked at.
    """
    protocol, found = restored.profile.protocol, []
    for id_ in dict.fromkeys(ids) if KEY not in restored.settings else ():
        stated = restored.first_frames.get(id_)
        if stated is None or id_ not in samples:
            continue
        try:
            frame = read_first_frame(
                samples[id_].first_frame,
                protocol.height,
                protocol.width,
                protocol.interpolation,
                restored.settings["reader"]["name"],
            )
        except VideoError as error:
            found.append(f"the first frame of {id_} cannot be read here ({error.reason})")
            continue
        if hashlib.sha256(frame.tobytes()).hexdigest() != stated:
            found.append(f"the first frame that models were shown of {id_} is not the data set's")
    return found
