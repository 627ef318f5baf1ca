"""Features of real clips, kept over runs: computed once for a clip, a protocol and a checkpoint.

They lie in the cache folder, real-features/METRIC/KEY.npy. A key is a hash of the clip's contents and of everything
else that decides its features, so that nothing has to be looked up, and nothing that changed is found.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import i2vbench
import i2vbench.metrics
from i2vbench.files import file_sha256
from i2vbench.store import folder_name
from i2vbench.types import ClipSource, Measurement
from i2vbench.weights.places import cache_folder

_log = logging.getLogger("i2vbench")
_VERSIONS = ("i2vbench", "torch", "torchvision", "pillow", "gpu")


class RealFeatures:
    """What is known of real clips, for the metrics of one run.

    Args:
        settings: The run's, as run.json has them.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        versions = {"i2vbench": settings["i2vbench"], **settings["versions"]}
        self._made_with = {
            "protocol": {key: value for key, value in settings["profile"]["protocol"].items() if key in _DECIDES},
            "precision": settings["profile"]["precision"],
            "reader": settings["reader"],
            "device": str(settings["device"]).partition(":")[0],
            "versions": {name: versions.get(name) for name in _VERSIONS},
            "code": code_sha256(),
        }
        self._metrics = settings["metrics"]
        self._hashes: dict[Path, str] = {}

    def find(self, metric: str, sample_id: str, source: ClipSource) -> Measurement | None:
        """The features of a real clip, if a run has kept them."""
        path = self._path(metric, source)
        if path is None:
            return None
        try:
            return Measurement(sample_id, metric, features=np.load(path, allow_pickle=False))
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - damaged in whatever way: it is computed again, and written over
            _log.warning("%s cannot be read (%r)", path, error)
            return None

    def keep(self, measurement: Measurement, source: ClipSource) -> None:
        """Keep features for other runs. Without room for them, or leave to write, they are not kept."""
        path = self._path(measurement.metric, source)
        if measurement.features is None or path is None:
            return
        # Other runs may write the same file at the same time: each has a name of its own until it is whole.
        partial = path.with_name(f".{uuid.uuid4().hex}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(partial, "wb") as file:
                np.save(file, measurement.features, allow_pickle=False)
            os.replace(partial, path)
        except OSError as error:
            _log.warning("features of %s are not kept for other runs: %s", source.path.name, error)
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    def _path(self, metric: str, source: ClipSource) -> Path | None:
        record = self._metrics[metric]
        if not record["info"]["checkpoints"]:
            return None  # without a network a clip is measured as fast as it is looked up
        if source.path not in self._hashes:
            self._hashes[source.path] = file_sha256(source.path)
        decides = {
            "clip": [self._hashes[source.path], source.start, source.end, source.stride],
            "metric": {key: record.get(key) for key in ("checkpoints", "source_sha256", "package", "argument")},
            **self._made_with,
        }
        key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
        folder: Path = cache_folder()
        return folder / "real-features" / folder_name(metric) / key[:2] / f"{key}.npy"


@cache
def code_sha256() -> str:
    """A hash of the code between a file of a clip and its features."""
    root = Path(i2vbench.__file__).parent
    files = [root / "clips.py", root / "profiles" / "protocol.py"]
    for folder in (Path(i2vbench.metrics.__file__).parent, root / "video"):
        files += folder.rglob("*.py")
    total = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.parts[-3:]):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


_DECIDES = ("num_frames", "fps", "height", "width", "interpolation", "sampling")
"""Fields of a protocol that decide frames."""
