"""A clip as a browser plays it, and the picture that models are shown of it."""

from __future__ import annotations

from i2vbench.clips import read_first_frame
from i2vbench.profiles import Protocol
from i2vbench.tables.previews import preview_size
from i2vbench.types import Sample, Video
from i2vbench.video import encode_png, encode_preview, probe, read_video, shown_frames

_SHORT_SIDE = 384
_MOST_FRAMES = 300


def video_preview(sample: Sample) -> bytes:
    """The whole section of a sample's clip as MP4; of a long one every second frame, or every third, ...

    Raises:
        VideoError: The file cannot be read.
        ValueError: The sample is a picture.
    """
    clip = sample.reference
    if clip is None:
        raise ValueError(f"'{sample.id}' is a picture")
    info = probe(clip.path)
    frames = shown_frames(info, clip.start, clip.end)
    stride = -(-len(frames) // _MOST_FRAMES)
    size = preview_size(info.height, info.width, _SHORT_SIDE)
    seen = read_video(clip.path, frames[::stride], size=size, info=info)
    return encode_preview(Video(seen.frames, info.fps / stride))


def frame_preview(sample: Sample, protocol: Protocol) -> bytes:
    """The first frame as models are shown it, as PNG.

    Raises:
        VideoError: The file cannot be read.
    """
    return encode_png(read_first_frame(sample.first_frame, protocol.height, protocol.width, protocol.interpolation))
