"""Features of real clips, kept over runs: computed once for a clip, a protocol and a checkpoint.

They lie in the cache folder, real-features/METRIC/KEY.npy. A key is a hash of the clip's contents and of everything
else that decides its features, so that nothing has to be looked up, and nothing that changed is found.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from i2vbench.files import file_sha256, is_disk_error
from i2vbench.store import folder_name, write_array
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
        except (OSError, ValueError) as error:  # damaged: it is computed again, and written over
            _log.warning("%s cannot be read (%s)", path, error)
            return None

    def keep(self, measurement: Measurement, source: ClipSource) -> None:
        """Keep features for other runs. Without room for them, or leave to write, they are not kept."""
        path = self._path(measurement.metric, source)
        if measurement.features is None or path is None:
            return
        try:
            write_array(path, measurement.features)
        except OSError as error:
            if not is_disk_error(error):
                raise
            _log.warning("features of %s are not kept for other runs: %s", source.path.name, error)

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


_DECIDES = ("num_frames", "fps", "height", "width", "interpolation", "sampling")
"""Fields of a protocol that decide frames."""
