"""Strips of a clip's first, middle and last frame, kept as long as the clip does not change."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from i2vbench.datasets.metadata import IMAGE_SUFFIXES
from i2vbench.files import write_bytes
from i2vbench.parsing import parse_json
from i2vbench.types import ClipSource, Frames, Image
from i2vbench.video import (
    VideoError,
    encode_jpeg,
    jpeg_facts,
    probe,
    read_image,
    read_video,
    resize_and_crop,
    shown_frames,
)

SIDE_PX = 240
"""A frame fits into a square of this side."""

_GAP_PX = 4
_GAP_RGB = (11, 13, 16)
"""As the pages have it behind strips."""

_MADE_AS = (SIDE_PX, _GAP_PX, _GAP_RGB)
"""Strips that were made in another way are made again."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A thumbnail that is there.

    Attributes:
        height: Of the strip, pixels.
        width: Of the strip, pixels.
        clip_height: Of the clip, pixels.
        clip_width: Of the clip, pixels.
        seconds: The clip's length; None of a picture.
    """

    height: int
    width: int
    clip_height: int
    clip_width: int
    seconds: float | None


def make_strips(wanted: Mapping[Path, ClipSource]) -> dict[Path, Strip | str]:
    """Write a strip for each clip, several at a time; where there can be none, the reason is given instead.

    Args:
        wanted: By the strip's path, whose folder is there; a picture is a clip whose file is one.
    """
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return dict(zip(wanted, pool.map(_kept_or_made, wanted, wanted.values()), strict=True))


def _kept_or_made(path: Path, clip: ClipSource) -> Strip | str:
    try:
        key = _key(clip)
    except OSError as error:
        return f"{clip.path.name}: cannot be read: {error.strerror}"
    kept = _kept(path, key)
    if kept is not None:
        return kept
    try:
        frames, seconds, (clip_height, clip_width) = _frames(clip)
    except VideoError as error:
        path.unlink(missing_ok=True)  # of what the file was before
        return f"{clip.path.name}: {error.reason}"
    strip = _side_by_side(frames)
    facts = {"of": key, "seconds": seconds, "clip_height": clip_height, "clip_width": clip_width}
    write_bytes(path, encode_jpeg(strip, json.dumps(facts)))
    return Strip(strip.shape[0], strip.shape[1], clip_height, clip_width, seconds)


def _key(clip: ClipSource) -> str:
    """What decides a strip; the file is known by size and time, as reading it all would take as long as making it."""
    state = os.stat(clip.path)
    return hashlib.sha256(repr((_MADE_AS, state.st_size, state.st_mtime_ns, clip.start, clip.end)).encode()).hexdigest()


def _kept(path: Path, key: str) -> Strip | None:
    found = jpeg_facts(path)
    if found is None:
        return None
    comment, height, width = found
    try:
        facts = parse_json(comment)
        if facts.pop("of") == key:
            return Strip(height, width, **facts)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass  # not one of ours
    return None


def _frames(clip: ClipSource) -> tuple[Frames, float | None, tuple[int, int]]:
    """The first, middle and last frame, those of them that differ; the length; the clip's (height, width)."""
    if clip.path.suffix.lower() in IMAGE_SUFFIXES:
        picture = read_image(clip.path)[None]
        size = picture.shape[1], picture.shape[2]
        return resize_and_crop(picture, *_fitted(*size)), None, size
    info = probe(clip.path)
    shown = shown_frames(info, clip.start, clip.end)
    chosen = list(dict.fromkeys((shown[0], shown[len(shown) // 2], shown[-1])))
    frames = read_video(clip.path, chosen, size=_fitted(info.height, info.width), info=info).frames
    seconds = info.times[shown[-1]] - info.times[shown[0]] + 1 / info.fps
    return frames, round(seconds, 3), (info.height, info.width)


def _side_by_side(frames: Frames) -> Image:
    """Frames [T, H, W, 3] as one picture, with a gap between them."""
    gap = np.broadcast_to(np.array(_GAP_RGB, np.uint8), (frames.shape[1], _GAP_PX, 3))
    parts = [part for frame in frames for part in (gap, frame)][1:]
    return np.concatenate(parts, axis=1)


def _fitted(height: int, width: int) -> tuple[int, int]:
    """(height, width) in the square, the aspect kept; small ones stay."""
    scale = min(Fraction(1), Fraction(SIDE_PX, max(height, width)))
    return max(1, round(height * scale)), max(1, round(width * scale))
