"""`videos:PATH`: a folder of videos made elsewhere, one file per clip of the plan, named by the sample's id.

`ID.mp4`, or `ID-seedN.mp4` where the run has several seeds. Ids are the only key: a file that is missing, left over
or there twice is refused before any work, each one listed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.models.base import Model, Preparation
from i2vbench.types import ModelInfo, PlannedClip, Request, Video
from i2vbench.video import read_video

SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"})
MOST_LISTED = 20
_SEED = re.compile(r"-seed\d+$")


class Videos(Model):
    """Returns each file as it is; the harness stores it and brings it to the protocol when it is measured."""

    def __init__(self, path: str) -> None:
        self.folder = Path(path)
        if not self.folder.is_dir():
            raise UserError(f"model 'videos:{path}': there is no folder {path}")
        self.info = ModelInfo(
            name=self.folder.resolve().name or "videos",
            title="videos made elsewhere",
            max_batch=8,
            any_output=True,
        )

    def prepare(self, preparation: Preparation) -> None:
        self._reader = preparation.reader
        self._files = match_files(self.folder, preparation.plan, preparation.sample_ids)

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [read_video(self._files[r.sample_id, r.seed], reader=self._reader) for r in requests]


def match_files(folder: Path, plan: Sequence[PlannedClip], sample_ids: frozenset[str]) -> dict[tuple[str, int], Path]:
    """The file of each planned clip, by (sample id, request seed).

    Files of samples that the run leaves out are passed over.

    Raises:
        UserError: Listing every clip without a file, every file without a clip, and every clip with two.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            found[path.stem].append(path)
    planned_ids = {planned.sample.id for planned in plan}
    several = len({planned.seed for planned in plan}) > 1
    files: dict[tuple[str, int], Path] = {}
    faults = []
    for planned in plan:
        names = [f"{planned.sample.id}-seed{planned.seed}"] + ([] if several else [planned.sample.id])
        paths = [path for name in names for path in found.pop(name, [])]
        if not paths:
            faults.append(f"missing: {names[-1]}.mp4")
        elif len(paths) > 1:
            faults.append(f"more than one for '{planned.sample.id}': {', '.join(p.name for p in paths)}")
        else:
            files[planned.sample.id, planned.request_seed] = paths[0]
    faults += [
        f"belongs to no clip of the data set: {path.name}"
        for stem, paths in found.items()
        for path in paths
        if not ({stem, _SEED.sub("", stem)} & (sample_ids - planned_ids))
    ]
    if faults:
        listed = "".join(f"\n  {fault}" for fault in faults[:MOST_LISTED])
        more = f"\n  and {len(faults) - MOST_LISTED} more" if len(faults) > MOST_LISTED else ""
        raise UserError(
            f"the videos in {folder} do not match the run's {len(plan)} clips, one file per clip named by its id:"
            f"{listed}{more}"
        )
    return files
