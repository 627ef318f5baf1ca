"""`videos:PATH` or `videos:NAME=PATH`: a folder of videos made elsewhere, one per clip, named by the sample's id.

`ID.mp4`, or `ID-seedN.mp4` where the run has several seeds. Ids are the only key: a file that is missing, left over
or there twice is refused before any work, each one listed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.matching import Wanted, match_files
from i2vbench.models.base import Model, Preparation
from i2vbench.names import split_label
from i2vbench.types import ModelInfo, PlannedClip, Request, Video
from i2vbench.video import VideoError, probe, read_video

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
_SEED = re.compile(r"-seed\d+$")


class Videos(Model):
    """Returns each file as it is; the harness stores it and brings it to the protocol when it is measured."""

    def __init__(self, path: str) -> None:
        name, folder = split_label(path)
        self.folder = Path(folder)
        if not folder or not self.folder.is_dir():
            raise UserError(f"model 'videos:{path}': there is no folder {folder}")
        self.info = ModelInfo(
            name=name or self.folder.resolve().name or "videos",
            title="videos made elsewhere",
            max_batch=1,  # whole videos at their own size: one is enough to hold in memory
            any_output=True,
        )

    def prepare(self, preparation: Preparation) -> None:
        self._reader = preparation.reader
        self._files = match_clips(self.folder, preparation.plan, preparation.sample_ids)

    def fingerprint(self) -> str:
        total = hashlib.sha256()
        for (sample_id, seed), path in sorted(self._files.items()):
            total.update(f"{sample_id} {seed} {file_sha256(path)}\n".encode())
        return total.hexdigest()

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [self._read(self._files[request.sample_id, request.seed]) for request in requests]

    def _read(self, path: Path) -> Video:
        info = probe(path)
        if not is_even(info.times):
            # A stored video has one rate: its frames would be measured at other times than they are shown.
            raise VideoError(path, "has a variable frame rate; re-encode it at a constant one (ffmpeg -vf fps=N)")
        return read_video(path, reader=self._reader, info=info)


def is_even(times: Sequence[float]) -> bool:
    """Whether frames follow each other at one rate, but for a quarter of a frame."""
    if len(times) < 3:
        return True
    step = times[-1] / (len(times) - 1)
    return all(abs(t - i * step) <= step / 4 for i, t in enumerate(times))


def match_clips(folder: Path, plan: Sequence[PlannedClip], sample_ids: frozenset[str]) -> dict[tuple[str, int], Path]:
    """The file of each planned clip, by (sample id, request seed).

    Files of samples that the run leaves out are passed over.

    Raises:
        UserError: Listing every clip without a file, every file without a clip, and every clip with two.
    """
    several = len({planned.seed for planned in plan}) > 1
    wanted = []
    for planned in plan:
        id_ = planned.sample.id
        names = [f"{id_}-seed{planned.seed}"] + ([] if several else [id_])
        wanted.append(Wanted((id_, planned.request_seed), id_, names))
    others = sample_ids - {planned.sample.id for planned in plan}
    return match_files(
        folder, wanted, SUFFIXES, lambda stem: bool({stem, _SEED.sub("", stem)} & others), "videos", "clip"
    )
