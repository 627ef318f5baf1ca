"""`images:PATH` or `images:NAME=PATH`: a folder of pictures made elsewhere, ID.png for each sample."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.first_frames.base import FirstFrames
from i2vbench.matching import MOST_LISTED, Wanted, match_files
from i2vbench.names import split_label
from i2vbench.types import FrameSource, Sample
from i2vbench.video import VideoError, read_image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class Images(FirstFrames):
    """Ids are the only key: what is missing, left over, there twice or damaged is refused, each one listed."""

    def __init__(self, argument: str) -> None:
        name, folder = split_label(argument)
        self.folder = Path(folder).expanduser()
        if not folder or not self.folder.is_dir():
            raise UserError(f"first frames 'images:{argument}': there is no folder {folder}")
        self.title = f"pictures made elsewhere ({name or self.folder.resolve().name})"

    def prepare(self, samples: Sequence[Sample], sample_ids: frozenset[str], run: Path) -> None:
        wanted = [Wanted(sample.id, sample.id, [sample.id]) for sample in samples]
        left_out = sample_ids - {sample.id for sample in samples}
        self._files = match_files(self.folder, wanted, SUFFIXES, lambda stem: stem in left_out, "pictures", "sample")
        self._check_readable()

    def _check_readable(self) -> None:
        """Refuse pictures that cannot be read: a run is not gone on with once one of them is another."""
        faults = []
        for path in self._files.values():
            try:
                read_image(path)
            except VideoError as error:
                faults.append(f"\n  {error}")
        if faults:
            raise UserError(
                f"{len(faults)} of the pictures in {self.folder} cannot be read:{''.join(faults[:MOST_LISTED])}"
            )

    def source(self, sample: Sample) -> FrameSource:
        return FrameSource(self._files[sample.id])

    def decides(self) -> Mapping[str, object]:
        total = hashlib.sha256()
        for id_, path in sorted(self._files.items()):
            total.update(f"{id_} {file_sha256(path)}\n".encode())
        return {"fingerprint": total.hexdigest()}
