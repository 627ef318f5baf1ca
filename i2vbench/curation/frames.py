"""Which frames of a clip the measurements look at."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

from i2vbench.types import Frames, Image
from i2vbench.video import probe, read_video

SPREAD = 5
"""Frames that pictures are judged by, spread over a clip."""

PAIRS = 8
"""Pairs of frames that motion is judged by."""

PAIR_SECONDS = 1 / 8
"""From the first to the second frame of a pair."""

PAIR_SIDE_PX = 256
"""Of the frames of pairs, the shorter one, where the network is RAFT as published."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of frames between which motion is measured.

    Attributes:
        frames: uint8 [N, h, w, 3].
        positions: Of the first and second frame of each pair, among these.
        seconds: From the first to the second frame of each pair.
    """

    frames: Frames
    positions: tuple[tuple[int, int], ...]
    seconds: tuple[float, ...]


def read_pairs(path: str | os.PathLike[str], count: int = PAIRS, side_px: int = PAIR_SIDE_PX) -> Pairs | None:
    """Pairs of frames spread over a clip, `PAIR_SECONDS` apart; None of a clip of one frame.

    Args:
        path: The video file.
        count: Of pairs, at most.
        side_px: Of the frames, the shorter side; tiny_raft is at home at 128.

    Raises:
        VideoError: As `read_video`.
    """
    info = probe(path)
    pairs = pair_indices(info.times, count)
    if not pairs:
        return None
    wanted = sorted({frame for pair in pairs for frame in pair})
    frames = read_video(path, wanted, size=size_of(info.height, info.width, side_px), info=info).frames
    places = {frame: place for place, frame in enumerate(wanted)}
    return Pairs(
        frames=frames,
        positions=tuple((places[first], places[second]) for first, second in pairs),
        seconds=tuple(info.times[second] - info.times[first] for first, second in pairs),
    )


def spread_frames(path: str | os.PathLike[str], count: int = SPREAD, size: tuple[int, int] | None = None) -> Frames:
    """Frames in equal steps from the first to the last: uint8 [count, H, W, 3], of shorter clips as many as there are.

    Args:
        path: The video file.
        count: How many.
        size: (height, width) in pixels; None is the file's.

    Raises:
        VideoError: As `read_video`.
        ValueError: A count below 1.
    """
    info = probe(path)
    return read_video(path, spread_indices(info.num_frames, count), size=size, info=info).frames


def spread_indices(num_frames: int, count: int) -> list[int]:
    """Positions in equal steps from the first to the last.

    Raises:
        ValueError: A count below 1.

    >>> spread_indices(10, 4), spread_indices(2, 4), spread_indices(10, 1)
    ([0, 3, 6, 9], [0, 1], [0])
    """
    if count < 1:
        raise ValueError(f"frames of a clip: expected at least 1, got {count}")
    count = min(count, num_frames)
    return [round(index * (num_frames - 1) / max(1, count - 1)) for index in range(count)]


def pair_indices(times: Sequence[float], count: int, seconds: float = PAIR_SECONDS) -> list[tuple[int, int]]:
    """Positions of frames and of those nearest to `seconds` after them, spread evenly over a clip.

    Args:
        times: Of the frames, ascending.
        count: Of pairs, at most.
        seconds: Where frames are further apart, neighbours are paired.

    >>> pair_indices([0, 0.1, 0.2, 0.3, 0.4], 2)
    [(0, 1), (3, 4)]
    """
    last = len(times) - 1
    pairs = []
    for first, time in enumerate(times[:last]):
        after = min(last, max(first + 1, bisect_left(times, time + seconds)))
        before = max(first + 1, after - 1)
        pairs.append((first, min(before, after, key=lambda frame: round(abs(times[frame] - time - seconds), 6))))
    # The last frames have no partner so far away.
    usual = median(times[second] - times[first] for first, second in pairs) if pairs else 0
    whole = [(first, second) for first, second in pairs if times[second] - times[first] >= 0.9 * usual]
    return [whole[index] for index in spread_indices(len(whole), count)] if whole else []


def size_of(height: int, width: int, side_px: int) -> tuple[int, int]:
    """(height, width) of a picture brought to that shorter side."""
    scale = side_px / min(height, width)
    return round(height * scale), round(width * scale)


def luma(frame: Image) -> npt.NDArray[np.float32]:
    """How bright each pixel is (BT.601, 0 to 255), float32 [H, W]."""
    return np.asarray(frame @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)
