"""Finding the video that a repository made, and reading it."""

from __future__ import annotations

import glob
import logging
import re
from pathlib import Path

import numpy as np

from i2vbench.files import read_array
from i2vbench.models.external.failed import Failed
from i2vbench.types import Image, Request, Video
from i2vbench.video import VideoError, probe, read_image, read_pictures, read_video

VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

_log = logging.getLogger("i2vbench")

Seen = dict[str, tuple[int, int]]
"""Paths with their times and sizes."""


def look(pattern: str) -> Seen:
    """What a pattern finds. Only * and ? stand for something else than themselves."""
    seen = {}
    for name in glob.glob(re.sub(r"\[", "[[]", pattern), include_hidden=True):
        state = Path(name).stat()
        seen[name] = (state.st_mtime_ns, state.st_size)
    return seen


def find_video(pattern: str, before: Seen) -> Path:
    """The one file or folder that a pattern finds and that is new, or not what it was.

    Args:
        pattern: A path with its placeholders filled.
        before: What it found before the repository was called.

    Raises:
        Failed: There is none, or more than one.
    """
    found = sorted(name for name, state in look(pattern).items() if before.get(name) != state)
    if not found:
        stale = " that is newer than the request" if before else ""
        raise Failed(f"made no video{stale} at {_short(pattern)}")
    if len(found) > 1:
        names = ", ".join(Path(name).name[:40] for name in found[:3])
        raise Failed(f"made {len(found)} files at {_short(pattern)} ({names}); expected one video")
    return Path(found[0])


def read(path: Path, request: Request) -> Video:
    """The video in a file (MP4, MOV, MKV, WebM, AVI, GIF, .npy) or a folder of pictures.

    A file that states a rate must have the request's. What states none, or in hundredths of a second only (.npy,
    pictures, GIF), has it.

    Raises:
        Failed: It is of no such kind, damaged, or has another rate.
    """
    suffix = f".{path.name.rpartition('.')[2].lower()}"  # of ".mp4" too, which Path takes for a name without one
    try:
        if path.is_dir():
            return Video(_stacked(_read_folder(path)), request.fps)
        if suffix == ".npy":
            return Video(read_array(path), request.fps)
        if suffix == ".gif":
            return Video(_stacked(read_pictures(path)), request.fps)
        if suffix in VIDEOS:
            return _read_encoded(path, request)
    except (VideoError, ValueError) as error:
        reason = error.reason if isinstance(error, VideoError) else str(error)
        raise Failed(f"made a video that cannot be read: {path.name} {reason}") from error
    raise Failed(f"made {path.name}; expected a video ({', '.join(VIDEOS)}, .gif), .npy or a folder of pictures")


def _read_encoded(path: Path, request: Request) -> Video:
    info = probe(path)
    _log.info("%s: %s, %s, %g fps", path.name, info.codec, info.pixel_format, info.fps)
    # 1%: some encoders round a frame's time to the millisecond.
    if abs(info.fps - request.fps) > 0.01 * request.fps:
        raise Failed(
            f"made a video of {info.fps:g} fps; expected {request.fps:g}: fps in the TOML file is what it encodes at"
        )
    return Video(read_video(path, info=info).frames, request.fps)


def _read_folder(folder: Path) -> list[Image]:
    paths = [path for path in folder.iterdir() if path.suffix.lower() in PICTURES]
    if not paths:
        raise ValueError("is a folder without pictures")
    # frame_2 before frame_10
    paths.sort(key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)])
    return [read_image(path) for path in paths]


def _stacked(frames: list[Image]) -> np.ndarray:
    sizes = {frame.shape for frame in frames}
    if len(sizes) > 1:
        raise ValueError("has frames of several sizes")
    return np.stack(frames)


def _short(pattern: str) -> str:
    """The end of a pattern: what lies before it is a folder of ours."""
    return "/".join(Path(pattern).parts[-2:])
