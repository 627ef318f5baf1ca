"""The proposer that looks through the networks of object and scene consistency."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from i2vbench.annotate.proposals import Proposal, summarise
from i2vbench.errors import UserError
from i2vbench.machine import resolve_device
from i2vbench.metrics.base import Metric
from i2vbench.profiles import Profile
from i2vbench.registry import METRICS
from i2vbench.types import Sample, Video
from i2vbench.weights import check_runnable, missing, missing_table, sha256_of

OBJECTS, SCENE = "object_consistency", "scene_consistency"
_VERSION = 1
"""Of what is kept of what was seen."""


class NetworkProposer:
    """The proposer (see `Proposer`) of a profile.

    Raises:
        UserError: A checkpoint or the device is not here.
    """

    def __init__(self, profile: Profile, device: str) -> None:
        # Any: `look` is these two metrics' own.
        self._objects: Any = _prepared(OBJECTS, profile)
        self._scene: Any = _prepared(SCENE, profile)
        self._device, self._precision = resolve_device(device), profile.precision
        self.identity = _identity((self._objects, self._scene), profile)

    def load(self) -> None:
        for metric in (self._objects, self._scene):
            metric.load(self._device, self._precision)

    def propose(self, video: Video) -> Proposal:
        return summarise(self._objects.look(video), self._scene.look(video))


def warner(profile: Profile) -> Callable[[Sample], str]:
    """What the metrics doubt of a sample's words ("" if nothing); needs no checkpoint."""
    metrics = [_prepared(id_, profile) for id_ in (OBJECTS, SCENE)]
    return lambda sample: "; ".join(doubt for metric in metrics for doubt in metric.doubts(sample))


def _prepared(id_: str, profile: Profile) -> Metric:
    metric = METRICS.create(id_)
    metric.prepare(profile)
    return metric


def _identity(metrics: tuple[Metric, ...], profile: Profile) -> str:
    """A hash of all that decides proposals: checkpoints, and what clips are brought to."""
    needed_by = {name: metric.info.id for metric in metrics for name in metric.info.checkpoints}
    lacking = missing(needed_by)
    if lacking:
        raise UserError(
            "proposals need checkpoints that are not here (--no-proposals annotates without):\n"
            + missing_table(lacking, {entry.name: [needed_by[entry.name]] for entry in lacking})
        )
    for name in needed_by:
        check_runnable(name)
    facts = {
        "version": _VERSION,
        "checkpoints": {name: sha256_of(name) for name in needed_by},
        "protocol": asdict(profile.protocol),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
