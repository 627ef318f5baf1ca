"""`external:FILE.toml`, `external:NAME=FILE.toml`, `external:WORD=REPOSITORY`: a repository run as its own process."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.base import Model, Preparation
from i2vbench.models.external.calls import Caller
from i2vbench.models.external.identity import code_of, files_hash, versions_of
from i2vbench.models.external.process import can_watch_memory
from i2vbench.models.external.reading import Places, describe
from i2vbench.models.external.server import Server
from i2vbench.models.external.workshop import Workshop
from i2vbench.types import ModelInfo, Request, Video


class External(Model):
    """A research repository, run as its own process in its own environment as a TOML file says."""

    kept_over_runs = True

    def __init__(self, argument: str) -> None:
        if sys.platform == "win32":
            raise UserError("external models need Linux or macOS: their processes are ended as POSIX has it")
        self.described = described = describe(argument)
        self.info = ModelInfo(
            name=described.name,
            title=described.title,
            paper=described.paper,
            licence=described.licence,
            height=described.height or None,
            width=described.width or None,
            num_frames=described.num_frames or None,
            fps=described.fps or None,
            size_multiple=described.size_multiple or None,
            needs_gpu=described.needs_gpu,
            max_batch=described.way.size if described.mode == "batch" else 1,
        )

    def prepare(self, preparation: Preparation) -> None:
        """Find the repository, its interpreter and its checkpoints.

        Raises:
            UserError: Listing all that is missing.
        """
        self._places = Places(self.described)
        self._folder = preparation.folder
        if self.described.limits.memory_gb and not can_watch_memory():
            raise UserError(
                f"model '{self.info.name}': limits.memory_gb: this system does not tell what processes hold "
                "(there is no /proc); leave it out"
            )

    def settings(self) -> Mapping[str, object]:
        """How the repository is called, its code and its packages; no path of this machine, limit or interpreter."""
        return self._settings

    @functools.cached_property
    def _settings(self) -> dict[str, Any]:
        return self.stated() | {"code": code_of(self._places.repository), "versions": versions_of(self._places.python)}

    def stated(self) -> dict[str, Any]:
        """What the file alone says of `settings`; nothing else need be there."""
        described, way = self.described, self.described.way
        files = {
            name: {k: v for k, v in asdict(file).items() if v not in (None, "")} for name, file in way.files.items()
        }
        called: dict[str, Any] = {
            "mode": described.mode,
            "command": list(way.command),
            "cwd": way.cwd,
            "first_frame": way.first_frame,
            "files": files,
            "video": way.video,
            "encoding": way.encoding,
            "config": described.config,
            "environment": described.environment,
            "checkpoints": sorted(described.checkpoints),
        }
        return {name: value for name, value in called.items() if value not in ("", {}, [])}

    def fingerprint(self) -> str:
        return files_hash(self._places)

    def load(self, device: str, dtype: str) -> None:
        """Start the repository's server, where it has one.

        Raises:
            Failed: It does not start.
        """
        known = {**self._places.values, "device": device, "dtype": dtype}
        self._workshop = Workshop(self._folder)
        kind = Server if self.described.mode == "server" else Caller
        self._maker = kind(self.described, known, self._workshop, self.show_progress)
        if isinstance(self._maker, Server):
            try:
                self._maker.start()
            except BaseException:
                self.unload()
                raise

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return self._maker.make(requests)

    def unload(self) -> None:
        """End what still runs, and leave no folder but those of failures."""
        self._maker.close()
        self._workshop.close()
