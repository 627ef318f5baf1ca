"""Which frames of a clip the measurements look at; a file is decoded once for all of them."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from i2vbench.types import Frames
from i2vbench.video import VideoInfo, each_frame, probe, read_video, resize_and_crop

SPREAD = 5
"""Frames that pictures are judged by."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """What is taken of a clip.

    Attributes:
        info: What `probe` says of it.
        spread: uint8 [T, H, W, 3] at the file's size, from the first frame to the last.
        pairs: None of a clip of one frame.
    """

    info: VideoInfo
    spread: Frames
    pairs: Pairs | None


def glimpse(
    path: str | os.PathLike[str], spread: int = SPREAD, pairs: int = PAIRS, pair_side_px: int = PAIR_SIDE_PX
) -> Glimpse:
    """The frames that all measurements need, of one reading of the file.

    Args:
        path: The video file.
        spread: Frames in equal steps, at most.
        pairs: Pairs of frames, at most.
        pair_side_px: Of the frames of pairs, the shorter side; tiny_raft is at home at 128.

    Raises:
        VideoError: As `read_video`.
    """
    info = probe(path)
    wanted = spread_indices(info.num_frames, spread)
    paired = pair_indices(info.times, pairs)
    height, width = _size(info, pair_side_px)
    places = {frame: place for place, frame in enumerate(sorted({frame for pair in paired for frame in pair}))}
    pictures = np.empty((len(wanted), info.height, info.width, 3), np.uint8)
    small = np.empty((len(places), height, width, 3), np.uint8)
    for index, picture in each_frame(path, sorted({*wanted, *places}), info=info):
        if index in places:
            small[places[index]] = resize_and_crop(picture[None], height, width)[0]
        if index in wanted:
            pictures[wanted.index(index)] = picture
    if not paired:
        return Glimpse(info, pictures, None)
    positions = tuple((places[first], places[second]) for first, second in paired)
    seconds = tuple(info.times[second] - info.times[first] for first, second in paired)
    return Glimpse(info, pictures, Pairs(small, positions, seconds))


def spread_frames(path: str | os.PathLike[str], count: int, size: tuple[int, int] | None = None) -> Frames:
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


def _size(info: VideoInfo, shorter_px: int) -> tuple[int, int]:
    """(height, width) with that shorter side."""
    scale = shorter_px / min(info.height, info.width)
    return round(info.height * scale), round(info.width * scale)
