"""Where one shot of a video ends and the next begins, and which pieces of shots are worth cutting.

Hard cuts are found by PySceneDetect's AdaptiveDetector, on frames that are read here: its own reading of a file skips
damage, and counts frames of a variable rate by their times. Dissolves, and fades to or from a colour, are found by
what they are: for a while every frame is a mix of the first and the last one.

What fools it: a dissolve between two shots that look alike, or in which much moves, is missed (of 40 drawn between
real clips: none of up to one second, 9 of 1.6 seconds). Wipes and pictures that slide in are motion to
it. A light that is turned up slowly, or a camera that adjusts its exposure, is a transition; a flash is two cuts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from i2vbench.types import Image
from i2vbench.video import VideoError, VideoInfo, each_frame, probe

_SIDE_PX = 256
"""Of the frames that cuts are looked for in, the longer one; PySceneDetect's own choice."""

_WINDOW = 2
"""Frames before and after a cut that the detector compares it with."""

_THUMB_HEIGHT, _THUMB_WIDTH, _CELL = 27, 48, 3
"""Dissolves are looked for in grey thumbnails, and in ones smaller by that factor, in which less moves."""

_LAGS_SECONDS = (0.08, 0.12, 0.16, 0.24, 0.32, 0.48, 0.64, 1.0)
"""Half the lengths of dissolve that are looked for."""

_LEAST_CHANGE, _MOST_REST, _MOST_REST_FINE = 12.0, 0.15, 0.2
"""How different the ends of a dissolve are at least, of 255; and how much of that the frames between may differ from a
mix of the ends, in the smaller thumbnails and in the larger. In the smaller alone a slow pan over coarse patterns is a
mix too: an edge passes through a cell in a straight line."""

_LEAST_CHANGE_NEAR, _MOST_REST_NEAR = 8.0, 0.2
"""The same of a stretch that overlaps one: with these a dissolve is found from its first frame to its last."""

Thumbs = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of a video without a cut.

    Attributes:
        start: Seconds after the file's first frame, of the first frame.
        end: The same, of the first frame after it; of the last shot, where the last frame ends.
        transition: Whether this is a dissolve or a fade between two shots, and none itself.
    """

    start: float
    end: float
    transition: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """What is worth cutting.

    Attributes:
        shot: Position of the shot that it lies in.
        start: Seconds after the file's first frame, to the millisecond.
        end: The same, exclusive.
    """

    shot: int
    start: float
    end: float


def find_shots(path: str | os.PathLike[str], info: VideoInfo | None = None) -> list[Shot]:
    """The shots of a video, in order, each where the one before ends; together they are the whole file.

    Args:
        path: The video file.
        info: What `probe` said of it, to spare a second look.

    Raises:
        VideoError: As `read_video`.
    """
    info = probe(path) if info is None else info
    thumbs = np.empty((info.num_frames, _THUMB_HEIGHT, _THUMB_WIDTH), np.uint8)
    cuts = _cuts(_small(each_frame(path, info=info), thumbs), info.fps)
    fades = transitions(thumbs, info.fps)
    inside = {frame for fade in fades for frame in fade}
    borders = {
        0,
        *(cut for cut in cuts if cut not in inside),
        *(end for fade in fades for end in (fade.start, fade.stop)),
    }
    starts = {fade.start for fade in fades}
    ordered = sorted(border for border in borders if border < info.num_frames)
    times = [info.times[border] for border in ordered] + [info.seconds]
    if any(begin >= end for begin, end in pairwise(times)):
        raise VideoError(info.path, "has frames that do not follow each other in time")
    return [Shot(*span, frame in starts) for frame, span in zip(ordered, pairwise(times), strict=True)]


def transitions(thumbs: Thumbs, fps: float) -> list[range]:
    """The stretches of frames that are dissolves or fades.

    Args:
        thumbs: Small grey frames, uint8 [T, 27, 48].
        fps: Frames per second.
    """
    sure, near = np.zeros(len(thumbs), bool), []
    for lag in sorted({max(2, round(seconds * fps)) for seconds in _LAGS_SECONDS}):
        for at in range(0, max(0, len(thumbs) - 2 * lag), 4096):  # a long video at once would be gigabytes
            fine = thumbs[at : at + 4096 + 2 * lag].astype(np.float32)
            coarse = fine.reshape(len(fine), _THUMB_HEIGHT // _CELL, _CELL, _THUMB_WIDTH // _CELL, _CELL).mean((2, 4))
            change, rest = _mixes(coarse, lag)
            change_fine, rest_fine = _mixes(fine, lag)
            is_mix = (rest <= _MOST_REST * change) & (rest_fine <= _MOST_REST_FINE * change_fine)
            for first in np.flatnonzero((change >= _LEAST_CHANGE) & is_mix) + at:
                sure[first : first + 2 * lag + 1] = True
            candidates = np.flatnonzero((change >= _LEAST_CHANGE_NEAR) & (rest <= _MOST_REST_NEAR * change)) + at
            near += [slice(first, first + 2 * lag + 1) for first in candidates]
    found = sure.copy()
    for stretch in near:
        if sure[stretch].any():
            found[stretch] = True
    edges = np.flatnonzero(np.diff(found, prepend=False, append=False)).tolist()
    return [range(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _mixes(grey: Floats, lag: int) -> tuple[Floats, Floats]:
    """Of each stretch of 2 lag + 1 frames how much its ends differ, and how much it is no mix of them: [T - 2 lag]."""
    first, last = grey[: -2 * lag], grey[2 * lag :]
    change = np.abs(last - first).mean(axis=(1, 2))
    rest = np.zeros_like(change)
    quarter = max(1, lag // 2)
    for step in sorted({quarter, lag, 2 * lag - quarter}):
        mix = first + (last - first) * (step / (2 * lag))
        rest = np.maximum(rest, np.abs(grey[step : step + len(first)] - mix).mean(axis=(1, 2)))
    return change, rest


def _small(frames: Iterator[tuple[int, Image]], thumbs: Thumbs) -> Iterator[npt.NDArray[np.uint8]]:
    """Small frames in BGR, which PySceneDetect takes; and on the way the thumbnails."""
    import cv2

    cv2.setNumThreads(1)
    for index, picture in frames:
        height, width = picture.shape[:2]
        scale = min(1.0, _SIDE_PX / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        lying = grey if width >= height else grey.T  # so that a cell is about square
        thumbs[index] = cv2.resize(lying, (_THUMB_WIDTH, _THUMB_HEIGHT), interpolation=cv2.INTER_AREA)
        yield np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), np.uint8)


def _cuts(frames: Iterator[npt.NDArray[np.uint8]], fps: float) -> list[int]:
    """The first frames of shots, but for that of the file."""
    from scenedetect import AdaptiveDetector, FrameTimecode

    # Its least length would hide the second of two cuts, and with it make one shot of two.
    detector = AdaptiveDetector(min_scene_len=1, window_width=_WINDOW)
    found: list[int] = []
    count = -_WINDOW
    last: npt.NDArray[np.uint8] | None = None

    def show(picture: npt.NDArray[np.uint8]) -> None:
        nonlocal count
        found.extend(
            cut.frame_num - _WINDOW for cut in detector.process_frame(FrameTimecode(count + _WINDOW, fps), picture)
        )
        count += 1

    # The first and the last frames are shown again, because nothing is found so near to an end: of stray frames of
    # another shot there half were missed.
    for picture in frames:
        for _ in range(1 if last is not None else 1 + _WINDOW):
            show(picture)
        last = picture
    for _ in range(_WINDOW if last is not None else 0):
        assert last is not None
        show(last)
    return [cut for cut in found if cut > 0]


def pieces(
    shots: Sequence[Shot], min_seconds: float = 2, max_seconds: float = 10, margin: float = 0.1, per_shot: int = 1
) -> list[Piece]:
    """What to cut out of shots: whole ones, or equally long parts of long ones.

    Args:
        shots: Of one video, as `find_shots` gives them; transitions are left out.
        min_seconds: What is shorter, without its margins, is left out.
        max_seconds: Of a longer shot pieces of this length are taken, evenly spread.
        margin: Seconds left out at an end where another shot begins or ends; none at the file's own ends.
        per_shot: Pieces of one shot, at most.

    Returns:
        In the order of the shots; of one shot those nearest to its middle first.

    Raises:
        ValueError: Lengths that are not in order, a negative margin, or less than one piece.
    """
    if not 0 < min_seconds <= max_seconds or margin < 0 or per_shot < 1:
        raise ValueError(
            f"pieces: expected 0 < min_seconds <= max_seconds, margin >= 0 and per_shot >= 1, got {min_seconds:g}, "
            f"{max_seconds:g}, {margin:g} and {per_shot}"
        )
    found: list[Piece] = []
    for index, shot in enumerate(shots):
        start = shot.start + (margin if index > 0 else 0)
        end = shot.end - (margin if index < len(shots) - 1 else 0)
        if not shot.transition and end - start >= min_seconds:
            found += [Piece(index, *span) for span in _spread(start, end, max_seconds, per_shot)]
    return found


def _spread(start: float, end: float, most: float, count: int) -> list[tuple[float, float]]:
    """The whole stretch if it is short, else so many parts of it as fit, with equal gaps around them."""
    length = end - start
    if length <= most:
        return [(round(start, 3), round(end, 3))]
    count = min(count, int(length / most))
    gap = (length - count * most) / (count + 1)
    begins = [start + gap + i * (most + gap) for i in range(count)]
    middle = (start + end - most) / 2
    begins.sort(key=lambda begin: (round(abs(begin - middle), 6), begin))
    return [(round(begin, 3), round(begin + most, 3)) for begin in begins]
