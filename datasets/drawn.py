"""Clips drawn by hash from a set of videos: the same ones for everybody, whatever the library's random generator.

The key of a video is a SHA-256; bytes 8 to 15 choose where its clip begins (PROTOCOL of Table 1, decided here).
"""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from i2vbench.datasets.base import Dataset
from i2vbench.errors import UserError
from i2vbench.names import is_word, split_word
from i2vbench.types import ClipSource, FrameSource, Sample
from i2vbench.video import VideoError, probe

NUM_FRAMES = 16
STRIDE = 3
"""ConsistI2V's released inference configuration has it, and DynamiCrafter's authors name it for this comparison."""

WORDS = ("stride-1", "seed-N")
"""What may stand before a data set's path; unconditional models are evaluated at stride 1."""


class DrawnDataset(Dataset):
    """A data set whose clips are drawn from the videos below a folder, `NAME:[stride-1,seed-N=]PATH`.

    Args:
        argument: The folder; and the stride if it is not 3, and the seed if it is not that of the other argument.
        seed: Of the draw.

    Attributes:
        source: What is to be downloaded by hand, from where, under which terms, and how it is unpacked.

    Raises:
        UserError: No folder is named; words that contradict each other.
    """

    source: str
    clip_frames = NUM_FRAMES

    def __init__(self, argument: str, seed: int = 0) -> None:
        words, path = split_word(argument, WORDS)
        if not path:
            raise UserError(
                f"data set {self.name}: expected the folder of its videos, {self.name}:PATH, got '{argument}'; "
                f"{self.source}"
            )
        self._root = self.folder = Path(os.path.abspath(os.path.expanduser(path)))
        self._stride, self._seed = self._read_words(words, seed)
        variants = [*(["stride-1"] if self._stride == 1 else []), *([f"seed-{self._seed}"] if self._seed else [])]
        self.name = "-".join([self.name, *variants])
        self._samples: list[Sample] | None = None

    def _read_words(self, words: str, seed: int) -> tuple[int, int]:
        """Stride and seed."""
        given = words.split(",") if words else []
        seeds = [int(word.removeprefix("seed-")) for word in given if word.startswith("seed-") and is_word(word, WORDS)]
        unknown = [word for word in given if not is_word(word, WORDS)]
        if unknown or len(seeds) > 1 or given.count("stride-1") > 1:
            raise UserError(f"data set {self.name}: expected stride-1, seed-N or both before the path, got '{words}'")
        return 1 if "stride-1" in given else STRIDE, seeds[0] if seeds else seed

    def samples(self) -> Sequence[Sample]:
        """The samples, drawn when they are first asked for.

        Raises:
            UserError: The videos, or what goes with them, are not there or not whole; says how to get them.
        """
        if self._samples is None:
            if not self._root.is_dir():
                raise UserError(f"data set {self.name}: there is no folder {self._root}; {self.source}")
            self._samples = self._draw()
        return self._samples

    @abstractmethod
    def _draw(self) -> list[Sample]:
        """The samples in their order; sets `note`."""


@dataclass(frozen=True, slots=True)
class DrawnClip:
    """Where a clip lies in its video.

    Attributes:
        first_frame: What a model is shown.
        reference: The 16 frames from there on, a stride apart.
    """

    first_frame: FrameSource
    reference: ClipSource


def key_of(text: str) -> bytes:
    """The 32 bytes that decide what is drawn of a video."""
    return hashlib.sha256(text.encode()).digest()


def choose_start(key: bytes, starts: int) -> int:
    """Which of so many possible first frames."""
    return int.from_bytes(key[8:16], "big") % starts


def longest_stride(num_frames: int, stride: int) -> int:
    """The largest stride up to `stride` at which 16 frames fit into a video of so many; 0 if none does."""
    return min(stride, (num_frames - 1) // (NUM_FRAMES - 1))


def draw_clips(keys: Mapping[Path, bytes], stride: int) -> tuple[dict[Path, DrawnClip], list[str]]:
    """A clip of each video; the times of all frames are read, several videos at once.

    Returns:
        The clips, and of videos that cannot be read or have fewer than 16 frames what is wrong with them.
    """

    def draw(item: tuple[Path, bytes]) -> DrawnClip | str:
        path, key = item
        try:
            times = probe(path).times
        except VideoError as error:
            return str(error)
        step = longest_stride(len(times), stride)
        if step == 0:
            return f"{path.name}: has {len(times)} frames, fewer than {NUM_FRAMES}"
        start = times[choose_start(key, len(times) - (NUM_FRAMES - 1) * step)]
        return DrawnClip(FrameSource(path, start), ClipSource(path, start, None, step))

    with ThreadPoolExecutor(8) as readers:
        drawn = dict(zip(keys, readers.map(draw, keys.items()), strict=True))
    faults = [fault for fault in drawn.values() if isinstance(fault, str)]
    return {path: clip for path, clip in drawn.items() if isinstance(clip, DrawnClip)}, faults


def describe_draw(clips: Iterable[DrawnClip], stride: int, how: str) -> str:
    """What a reader of the numbers must know of the draw, which is not the paper's."""
    strides = Counter(clip.reference.stride for clip in clips)
    shorter = ", ".join(f"{strides[s]} at {s}" for s in sorted(set(strides) - {stride}, key=str))
    note = f"clips {how} by hash, 16 frames at a stride of {stride}{f' (short videos: {shorter})' if shorter else ''}"
    return f"{note}; the paper does not state its clips and stride"
