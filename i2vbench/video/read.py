"""Reading clips, by PyAV or decord."""

from __future__ import annotations

import functools
import importlib.metadata
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from i2vbench.errors import UserError
from i2vbench.extras import need
from i2vbench.names import READERS
from i2vbench.timings import timed
from i2vbench.types import Image, Video
from i2vbench.video.container import VideoError, count_all, demux, fps_of, opened, times_of
from i2vbench.video.decode import decoded, orientation, read_pyav
from i2vbench.video.decord_frames import DecordError, read_decord
from i2vbench.video.pictures import resampling, resize_and_crop
from i2vbench.video.structure import count_empty_chunks, ends_whole


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file shows.

    Attributes:
        path: The file.
        num_frames: Frames shown: those that an edit list hides do not count.
        times: Seconds after the first shown frame, one for each frame, in presentation order.
        fps: The stream's average rate; from `times` where the file has none (25 for a single frame without a rate).
        height: Pixels, after rotation.
        width: Pixels, after rotation.
        codec: libav's name, as "h264".
        pixel_format: libav's name, as "yuv420p".
        hidden_frames: Frames that are in the file but hidden by an edit list, before the first shown frame or after
            the last.
    """

    path: Path
    num_frames: int
    times: tuple[float, ...]
    fps: float
    height: int
    width: int
    codec: str
    pixel_format: str
    hidden_frames: int = 0

    @property
    def seconds(self) -> float:
        """The length: from the first shown frame to where the last one ends."""
        return self.times[-1] + 1 / self.fps


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """What the file shows. Every packet is read, and one frame is decoded: rotation is known with the frame only.

    Raises:
        VideoError: Not a file, not a video, no frame; fewer frames in it than it declares; an end before the
            duration that it declares; a damaged packet; a first frame that cannot be decoded.
    """
    path = Path(path)
    with opened(path) as (container, stream):
        shown, hidden = demux(path, container, stream)
        declared, codec = stream.frames, stream.codec_context.codec.canonical_name
        times = times_of(shown, stream)
        fps = fps_of(times, stream)
        container_name = container.format.name
    if not declared and not ends_whole(path, container_name):
        raise VideoError(path, "is cut short or damaged: its last element is not whole")
    if len(shown) + hidden < declared:  # an edit list may also leave packets out, instead of flagging them
        found = count_all(path)
        if found + (count_empty_chunks(path) if container_name == "avi" else 0) < declared:
            raise VideoError(path, f"is cut short or damaged: it declares {declared} frames and holds {found}")
        hidden = found - len(shown)
    if not shown:
        raise VideoError(path, "has no frame")
    with opened(path) as (container, stream):
        first = next(decoded(path, container, stream), None)
        if first is None:
            raise VideoError(path, f"no frame could be decoded, of {len(shown)}")
        height, width = first.height, first.width
        if orientation(path, first)[0]:
            height, width = width, height
        return VideoInfo(path, len(shown), times, fps, height, width, codec, first.format.name, hidden)


def read_video(
    path: str | os.PathLike[str],
    indices: Sequence[int] | None = None,
    reader: str = "pyav",
    *,
    size: tuple[int, int] | None = None,
    interpolation: str = "lanczos",
    info: VideoInfo | None = None,
) -> Video:
    """Frames of a video file, uint8 [T, H, W, 3] RGB.

    Args:
        path: The video file.
        indices: Positions among the shown frames in presentation order; any order, repeats allowed. None is all.
        reader: One of `READERS`.
        size: (height, width) in pixels that each frame is brought to as it is decoded, by `resize_and_crop`: memory
            holds the wanted frames at this size and one frame of the file.
        interpolation: See `resize_and_crop`.
        info: What `probe` said of this file, to spare a second look.

    Returns:
        The frames, with the fps of the file, whatever the indices: whoever picks other than consecutive frames
        states the rate of what was picked.

    Raises:
        VideoError: As `probe`; a frame that cannot be decoded up to the last one wanted; frames that change size.
        UserError: An unknown reader, or one that is not installed.
        ValueError: No index, or one that is out of range; an unknown interpolation.
    """
    path = Path(path)
    reader_version(reader)
    resampling(interpolation)
    info = probe(path) if info is None else info
    slots = _slots(path, range(info.num_frames) if indices is None else indices, info.num_frames)
    num_wanted = sum(map(len, slots.values()))
    height, width = size or (info.height, info.width)
    try:
        frames = np.empty((num_wanted, height, width, 3), np.uint8)
    except MemoryError as error:
        gigabytes = num_wanted * height * width * 3 / 1e9
        raise VideoError(path, f"{num_wanted} frames need {gigabytes:.1f} GB, more than the free memory") from error
    if reader == "decord":
        pictures = _checked_decord(path, info, sorted(slots))
    else:
        pictures = read_pyav(path, info.num_frames, sorted(slots))
    for index, picture in pictures:
        with timed("resize"):
            fitted = resize_and_crop(picture[None], height, width, interpolation)[0] if size else picture
        for slot in slots[index]:
            frames[slot] = fitted
    return Video(frames, info.fps)


def each_frame(
    path: str | os.PathLike[str], indices: Sequence[int] | None = None, *, info: VideoInfo | None = None
) -> Iterator[tuple[int, Image]]:
    """(position, picture uint8 [H, W, 3] RGB) of each wanted frame, one at a time, by PyAV.

    Args:
        path: The video file.
        indices: Positions among the shown frames, ascending, each once. None is all.
        info: See `read_video`.

    Raises:
        VideoError: As `read_video`, when the iteration comes to it.
        ValueError: No index, or one that is out of range.
    """
    path = Path(path)
    info = probe(path) if info is None else info
    wanted = range(info.num_frames) if indices is None else indices
    return read_pyav(path, info.num_frames, sorted(_slots(path, wanted, info.num_frames)))


def check_decodes(
    path: str | os.PathLike[str], indices: Sequence[int] | None = None, *, info: VideoInfo | None = None
) -> None:
    """Decode frames and keep none of them: whether they can be.

    Args:
        path: The video file.
        indices: As `each_frame` takes them.
        info: See `read_video`.

    Raises:
        VideoError: As `read_video`.
        ValueError: As `each_frame`.
    """
    for _ in each_frame(path, indices, info=info):
        pass


def shown_frames(info: VideoInfo, start: float, end: float | None) -> range:
    """Positions of the frames whose time, rounded to the millisecond, lies in [start, end).

    Raises:
        VideoError: If there is none.
    """
    first, last = round(start, 3), math.inf if end is None else round(end, 3)
    inside = [i for i, t in enumerate(info.times) if first <= round(t, 3) < last]
    if not inside:
        until = "the end" if end is None else f"{end:g} s"
        raise VideoError(
            info.path, f"has no frame from {start:g} s to {until}; its last frame is at {info.times[-1]:.3f} s"
        )
    return range(inside[0], inside[-1] + 1)


def _slots(path: Path, indices: Sequence[int], num_frames: int) -> dict[int, list[int]]:
    """Where in the result each frame of the file goes."""
    wrong = [int(index) for index in indices if not 0 <= index < num_frames]
    if wrong or not len(indices):
        what = f"frame {wrong[0]} was asked for" if wrong else "no frame was asked for"
        raise ValueError(f"{path}: {what}; it has {num_frames} frames, 0 to {num_frames - 1}")
    slots: dict[int, list[int]] = {}
    for slot, index in enumerate(indices):
        slots.setdefault(int(index), []).append(slot)
    return slots


def _checked_decord(path: Path, info: VideoInfo, wanted: Sequence[int]) -> Iterator[tuple[int, Image]]:
    """(position, picture) of each wanted position, decoded by decord in its own process; `wanted` ascends.

    Everything is decoded twice: decord says nothing of damage, so PyAV goes first.
    """
    refusal = ""
    if info.hidden_frames:  # decord shows them, and counts from them
        refusal = "has an edit list, which decord ignores"
    with opened(path) as (container, stream):
        # From these decord gave wrong frames of open GOPs (fragmented MP4, MPEG-TS; largest difference 255).
        if stream.start_time or container.format.name == "mpegts":
            refusal = "has a first frame that is not at time 0, and decord then gives wrong frames"
        first = next(decoded(path, container, stream), None)
        transposed, mirrored, flipped = orientation(path, first) if first else (False, False, False)
        if (transposed + mirrored + flipped) % 2:  # decord turns, and does not mirror
            refusal = "is mirrored by its metadata, which decord ignores"
    if refusal:
        raise VideoError(path, f"{refusal}; take the reader pyav")
    for _ in read_pyav(path, info.num_frames, wanted[-1:]):
        pass  # where a frame is damaged, decord repeats another one in its place
    try:
        for index, picture in zip(wanted, read_decord(path, wanted, info.num_frames), strict=True):
            if picture.shape != (info.height, info.width, 3):
                raise VideoError(path, f"decord gives {list(picture.shape)}, not {[info.height, info.width, 3]}")
            yield index, picture
    except DecordError as error:
        raise VideoError(path, f"{error}; take the reader pyav") from error


def reader_version(reader: str) -> str:
    """What decodes, for the record of a result: "pyav 18.1.0 (libavcodec 62.28.102)" or "decord 0.6.0".

    Raises:
        UserError: An unknown reader, or one that is not installed.
    """
    if reader not in READERS:
        raise UserError(f"unknown reader '{reader}'; the readers are {' and '.join(READERS)}")
    if reader == "pyav":
        return f"pyav {av.__version__} (libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))})"
    need("the reader decord", "decord", instead="take the reader pyav (decord is for Linux and Windows on x86-64)")
    return f"decord {_installed_version('decord')}"


@functools.cache
def _installed_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # built from source without metadata
        return "of unknown version"
