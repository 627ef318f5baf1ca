"""`generate:ID_OR_FOLDER`: a picture of each prompt by a text-to-image pipeline (text-to-video, Table 5).

RUN/first_frames_made/ID.png, at the pipeline's own size
RUN/first_frames_made/ID.txt, in its place: why it could not be made

Each is whole or not there. A picture's noise is drawn from a hash of the sample's id and the number in
`generate:seed-N=...` (0 without it) alone, and it is made alone: neither the run's seeds nor what else is made changes
it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from i2vbench.attempt import Failure, try_once
from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.first_frames.base import FirstFrames
from i2vbench.models.diffusers.pictures import TextToImage
from i2vbench.names import split_word
from i2vbench.types import FrameSource, Sample
from i2vbench.video import VideoError, encode_png, read_image

FOLDER = "first_frames_made"

_WORDS = ("seed-N",)


class Generated(FirstFrames):
    """Pictures that the run makes and keeps before any model is asked."""

    def __init__(self, argument: str) -> None:
        word, where = split_word(argument, _WORDS)
        if not where:
            raise UserError(f"first frames 'generate:{argument}': expected a folder, or a name on the hub, behind it")
        self._seed = int(word.removeprefix("seed-")) if word else 0
        self._pipeline = TextToImage(where)
        drawn = f", seed {self._seed}" if self._seed else ""
        self.title = f"made from the prompts by {self._pipeline.name}{drawn} (text-to-video, as in Table 5)"

    def prepare(self, samples: Sequence[Sample], sample_ids: frozenset[str], run: Path) -> None:
        self._folder = run / FOLDER

    def source(self, sample: Sample) -> FrameSource:
        return FrameSource(self._folder / f"{sample.id}.png")

    def decides(self) -> Mapping[str, object]:
        return {
            "pipeline": self._pipeline.class_name,
            "settings": self._pipeline.settings(),
            "fingerprint": self._pipeline.fingerprint(),
        }

    def missing(self, sample: Sample) -> Failure | None:
        if not sample.prompt.strip():
            return Failure("the sample has no prompt to make a first frame from", not_applicable=True)
        reason = self._reason(sample)
        return Failure(reason.read_text(encoding="utf-8")) if reason.is_file() else None

    def is_owed(self, sample: Sample) -> bool:
        return self.missing(sample) is None and not self.source(sample).path.is_file()

    def load(self, device: str, dtype: str) -> None:
        self._pipeline.load(device, dtype)

    def unload(self) -> None:
        self._pipeline.unload()

    def make(self, sample: Sample) -> None:
        seed = picture_seed(self._seed, sample.id)
        picture = try_once(lambda: self._pipeline.make(sample.prompt, seed), f"making the first frame of {sample.id}")
        self._folder.mkdir(exist_ok=True)
        if isinstance(picture, Failure):
            write_bytes(self._reason(sample), f"the first frame could not be made: {picture.reason}".encode())
        else:
            write_bytes(self.source(sample).path, encode_png(picture))

    def forget(self, sample: Sample) -> None:
        self._reason(sample).unlink(missing_ok=True)
        picture = self.source(sample).path
        try:
            read_image(picture)
        except VideoError:
            picture.unlink(missing_ok=True)

    def _reason(self, sample: Sample) -> Path:
        return self._folder / f"{sample.id}.txt"


def picture_seed(seed: int, sample_id: str) -> int:
    """The seed of a sample's picture, 0 <= seed < 2**31; not a model's, or their noise would be alike."""
    digest = hashlib.sha256(f"first frame {seed}/{sample_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
