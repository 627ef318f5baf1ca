"""Bringing clips to a protocol: the reference clips, the first frames, and the videos that metrics look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from i2vbench.profiles import Interpolation, Protocol
from i2vbench.types import Clip, ClipSource, FrameSource, Image, Sample, Video
from i2vbench.video import VideoError, probe, read_image, read_video, resize_and_crop, shown_frames

SAME_RATE = 0.001
"""Rates that differ by less are one: files keep 23.976 for 24000 / 1001."""


@dataclass(frozen=True, slots=True)
class _Made:
    """How a clip is in its file."""

    num_frames: int
    fps: float
    height: int
    width: int


def read_to_protocol(source: ClipSource, protocol: Protocol, reader: str = "pyav") -> Video:
    """The frames of a clip that the protocol takes, at its size and rate.

    Raises:
        VideoError: If the file cannot be read, or is too short for the protocol.
    """
    return _read(source, protocol, reader)[0]


def read_clip(sample: Sample, source: ClipSource, protocol: Protocol, reader: str = "pyav") -> Clip:
    """What metrics look at of a model's video: the protocol's frames, and what brought it there.

    Raises:
        VideoError: As `read_to_protocol`; a video that is not the protocol's, if that refuses others.
    """
    video, wanted, made = _read(source, protocol, reader)
    brought = _brought(wanted, made, protocol)
    made_as = f"{made.num_frames} frames at {made.fps:g} fps, {made.height} x {made.width} pixels"
    if brought and protocol.other_videos == "refuse":
        raise VideoError(
            source.path, f"has {made_as}; the protocol takes {protocol.describe()}, and refuses other videos"
        )
    return Clip(sample, video, len(wanted) - len(set(wanted)), brought, made_as)


def _read(source: ClipSource, protocol: Protocol, reader: str) -> tuple[Video, Sequence[int], _Made]:
    """The protocol's frames, which of the shown ones they are, and how the clip was before."""
    info = probe(source.path)
    shown = shown_frames(info, source.start, source.end)[:: source.stride]
    fps = info.fps / (source.stride or 1)
    times = [info.times[i] - info.times[shown.start] for i in shown]
    try:
        wanted = protocol.frame_indices(times, fps)
    except ValueError as error:
        raise VideoError(source.path, str(error)) from error
    video = read_video(
        source.path,
        [shown[i] for i in wanted],
        reader,
        size=(protocol.height, protocol.width),
        interpolation=protocol.interpolation,
        info=info,
    )
    # "first" takes frames whatever their rate, so the clip keeps it; "nearest" has made the protocol's.
    taken = Video(video.frames, fps if protocol.sampling == "first" else protocol.fps)
    return taken, wanted, _Made(len(shown), fps, info.height, info.width)


def _brought(wanted: Sequence[int], made: _Made, protocol: Protocol) -> str:
    """What was done to a clip, in words; "" if it was the protocol's already."""
    done = []
    if (made.height, made.width) != (protocol.height, protocol.width):
        done.append(f"resized ({protocol.interpolation})")
        if made.height * protocol.width != made.width * protocol.height:
            done.append("centre-cropped")
    first, other_rate = list(wanted) == list(range(len(wanted))), abs(made.fps / protocol.fps - 1) > SAME_RATE
    if not first:
        done.append("frames nearest in time")
    elif len(wanted) < made.num_frames:
        done.append(f"the first {len(wanted)} frames")
    if other_rate and protocol.sampling == "first":
        done.append(f"left at {made.fps:g} fps")
    elif other_rate and first:
        done.append(f"{made.fps:g} fps taken as {protocol.fps:g}")
    return ", ".join(done)


def read_first_frame(
    source: FrameSource, height: int, width: int, interpolation: Interpolation, reader: str = "pyav"
) -> Image:
    """The picture a model is shown, uint8 [height, width, 3]: resized to cover that size, and centre-cropped.

    Raises:
        VideoError: If the file cannot be read, or shows nothing at that time.
    """
    if source.seconds is None:
        frames = read_image(source.path)[np.newaxis]
        resized: Image = resize_and_crop(frames, height, width, interpolation)[0]
        return resized
    info = probe(source.path)
    index = shown_frames(info, source.seconds, None).start
    video = read_video(source.path, [index], reader, size=(height, width), interpolation=interpolation, info=info)
    frame: Image = video.frames[0]
    return frame
