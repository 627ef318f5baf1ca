"""Sample number n of the training: which clip, which frames of it, and how they are shown (Section 5.1).

Everything random about it is a function of (seed, n) alone. Neither the number of workers or processes nor a
resumption changes what is seen, and going on at step s means asking for sample s * batch_size next.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.camera import preprocess
from i2vbench.models.consisti2v.training.clips import TrainingClip
from i2vbench.models.consisti2v.training.config import TrainConfig
from i2vbench.models.consisti2v.training.stopping import ignore_signals
from i2vbench.types import Frames
from i2vbench.video import probe, read_video, shown_frames

MOST_TRIES = 20
"""Clips tried in place of an unreadable one before the sample is given up."""


def shuffled(position: int, size: int, key: str) -> int:
    """Where a shuffled deck of `size` cards has the card `position`: a permutation of 0..size-1 that needs no memory.

    A Feistel network over the next power of four, walked until it falls into the deck (Black and Rogaway, 2002).
    WebVid's ten million clips would otherwise be shuffled in every worker.
    """
    half_bits = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half_bits) - 1
    while True:
        left, right = position >> half_bits, position & mask
        for turn in range(4):
            digest = hashlib.blake2b(f"{key}:{turn}:{right}".encode(), digest_size=8).digest()
            left, right = right, left ^ (int.from_bytes(digest, "big") & mask)
        position = (left << half_bits) | right
        if position < size:
            return position


def frame_indices(num_shown: int, num_frames: int, stride: int, rng: random.Random) -> list[int]:
    """Which frames of a video are taken: T of them from a span of min(length, (T-1)v + 1) frames at a random start.

    A video that is shorter than the span is sampled more densely than the stride says, as in the published code.
    """
    span = min(num_shown, (num_frames - 1) * stride + 1)
    start = rng.randint(0, num_shown - span)
    return [int(index) for index in np.linspace(start, start + span - 1, num_frames, dtype=int)]  # truncated


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """What a step is shown of one clip.

    Attributes:
        pixel_values: float32 [T, 3, H, W] in [-1, 1]; None if no clip could be read in its place.
        text: The prompt.
        stride: The frame interval v.
        unreadable: (file, reason) of clips that were to be shown and could not be read.
    """

    pixel_values: Tensor | None
    text: str
    stride: int
    unreadable: tuple[tuple[str, str], ...] = ()


class TrainingData(Dataset[TrainingSample]):
    """Samples 0, 1, 2, ... without end; every epoch shows every clip once, in an order of its own.

    Args:
        clips: Where they come from.
        config: Sizes, strides, seed and reader.
    """

    def __init__(self, clips: Sequence[TrainingClip], config: TrainConfig) -> None:
        self._clips, self._config = clips, config

    def __getitem__(self, number: int) -> TrainingSample:
        config = self._config
        epoch, position = divmod(number, len(self._clips))
        index = shuffled(position, len(self._clips), f"{config.seed}:{epoch}")
        rng = random.Random(hashlib.sha256(f"sample:{config.seed}:{number}".encode()).digest())
        unreadable = []
        for _ in range(MOST_TRIES):
            stride, mirrored = rng.randint(*config.strides), rng.random() < 0.5
            clip = None
            try:
                clip = self._clips[index]
                frames = self._read(clip, stride, rng)
            except (UserError, OSError, ValueError) as error:
                unreadable.append((str(clip.path) if clip else f"clip {index}", str(error)))
                index = rng.randrange(len(self._clips))
                continue
            pixels = to_pixels(frames[:, :, ::-1] if mirrored else frames, config.height, config.width)
            return TrainingSample(pixels, clip.text, stride, tuple(unreadable))
        return TrainingSample(None, "", 0, tuple(unreadable))

    def _read(self, clip: TrainingClip, stride: int, rng: random.Random) -> Frames:
        """The frames taken, uint8 [T, H, W, 3]."""
        info = probe(clip.path)
        shown = shown_frames(info, clip.start, clip.end)
        taken = frame_indices(len(shown), self._config.num_frames, stride, rng)
        return read_video(clip.path, [shown[i] for i in taken], self._config.reader, info=info).frames


def to_pixels(frames: Frames, height: int, width: int) -> Tensor:
    """float32 [T, 3, height, width] in -1..1 from uint8 [T, H, W, 3]: shorter side resized, centre cropped."""
    return torch.stack([preprocess(np.ascontiguousarray(frame), height, width) for frame in frames])


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples of one device batch.

    Attributes:
        pixel_values: float32 [b, T, 3, H, W]; None if one of them could not be read.
        texts: b prompts.
        strides: int64 [b].
        unreadable: (file, reason) of what could not be read on the way.
        reads: Clips that were tried.
    """

    pixel_values: Tensor | None
    texts: list[str]
    strides: Tensor
    unreadable: tuple[tuple[str, str], ...]
    reads: int


def collate(samples: Sequence[TrainingSample]) -> Batch:
    """Samples of equal size as one batch."""
    pixels = [sample.pixel_values for sample in samples if sample.pixel_values is not None]
    unreadable = tuple(fault for sample in samples for fault in sample.unreadable)
    return Batch(
        torch.stack(pixels) if len(pixels) == len(samples) else None,
        [sample.text for sample in samples],
        torch.tensor([sample.stride for sample in samples]),
        unreadable,
        len(pixels) + len(unreadable),
    )


def sample_numbers(
    first_step: int, accumulation: int, processes: int, process: int, per_device: int
) -> Iterator[list[int]]:
    """The samples of each device batch of one process, from a step on and without end.

    Step s shows the same samples however they are spread over devices and device batches.
    """
    batch = first_step * accumulation
    while True:
        first = (batch * processes + process) * per_device
        yield list(range(first, first + per_device))
        batch += 1


def loader(data: TrainingData, batches: Iterator[list[int]], workers: int, pin_memory: bool) -> DataLoader[Any]:
    """Device batches in the order asked for, read ahead by workers."""
    return DataLoader(
        data,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        worker_init_fn=ignore_signals,
        # Seeds the loader's own generator, or the global one would be drawn from; no sample depends on it.
        generator=torch.Generator().manual_seed(0),
    )


class UnreadableClips:
    """Counts what could not be read, says so once a file, and stops when it is too much.

    Args:
        most: The share that is put up with.
        reads: Clips tried before, in a run that is gone on with.
        failed: How many of them could not be read.
    """

    FIRST = 100
    """So few reads are no share yet: one bad clip of three tried must not stop a training."""

    def __init__(self, most: float, reads: int = 0, failed: int = 0) -> None:
        self._most, self.reads, self.failed = most, reads, failed
        self._said: set[str] = set()

    def count(self, batch: Batch) -> list[str]:
        """Count a batch; returns a line for every file not spoken of before.

        Raises:
            UserError: If nothing readable was found, or more than the share was unreadable.
        """
        self.reads += batch.reads
        self.failed += len(batch.unreadable)
        lines = []
        for file, reason in batch.unreadable:
            if file not in self._said:
                self._said.add(file)
                lines.append(f"a clip cannot be read and another is taken in its place: {reason}")
        too_many = self.failed > self._most * max(self.reads, self.FIRST)
        if batch.pixel_values is None or too_many:
            reason = batch.unreadable[-1][1] if batch.unreadable else ""
            raise UserError(
                f"{self.failed} of {self.reads} clips that were to be shown cannot be read, more than max_unreadable = "
                f"{self._most:g} allows; the last one: {reason}"
            )
        return lines
