"""Writing clips: without loss for the store, small and lossy for pages, and as people send them to each other."""

from __future__ import annotations

import io
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from PIL import Image as PILImage

from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.types import Video
from i2vbench.video.decode import TO_YUV, graph_of
from i2vbench.video.pictures import encode_png


def write_video(path: str | os.PathLike[str], video: Video) -> None:
    """Store a clip without loss as MP4 (H.264 in RGB, qp 0): frames and fps come back exactly, at any size.

    Equal clips give equal bytes. The file appears whole or not at all. An fps is stored as a fraction with a
    denominator up to 100000: exact for 30000/1001 and for anything with five decimals.

    Raises:
        OSError: No space, no permission, no folder.
    """
    write_bytes(Path(path), encode(video, "libx264rgb", "rgb24", {"qp": "0", "preset": "ultrafast"}))


def write_preview(path: str | os.PathLike[str], video: Video) -> None:
    """Write `encode_preview(video)` to a file, which appears whole or not at all.

    Raises:
        OSError: No space, no permission, no folder.
    """
    write_bytes(Path(path), encode_preview(video))


def encode_preview(video: Video) -> bytes:
    """A small, lossy MP4 for browsers (`encode_for_players`)."""
    return encode_for_players(video, crf=20, preset="veryfast")


def write_mp4(path: str | os.PathLike[str], video: Video, comment: str = "") -> None:
    """Write an MP4 that plays everywhere, at the quality of the published ConsistI2V's files (crf 10).

    Args:
        path: The file; it appears whole or not at all.
        video: The clip.
        comment: What the file says of itself, where players show it.

    Raises:
        OSError: No space, no permission, no folder.
    """
    write_bytes(Path(path), encode_for_players(video, crf=10, preset="medium", comment=comment))


def write_gif(path: str | os.PathLike[str], video: Video) -> None:
    """Write an endless GIF with one palette for all frames; the file appears whole or not at all.

    A GIF counts hundredths of a second: frames last a hundredth more or less, so that the whole keeps its length.

    Raises:
        OSError: No space, no permission, no folder.
    """
    ends = [round(100 * (i + 1) / video.fps) for i in range(video.num_frames)]
    durations = [max(1, end - begin) * 10 for begin, end in zip([0, *ends], ends, strict=False)]
    pictures = [PILImage.fromarray(frame) for frame in video.frames]
    stacked = PILImage.fromarray(video.frames.reshape(-1, video.width, 3))  # [T * H, W, 3]
    palette = stacked.quantize(256)  # a palette of its own for each frame flickers
    first, *others = [picture.quantize(palette=palette) for picture in pictures]
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    write_bytes(Path(path), buffer.getvalue())


def write_frames(folder: str | os.PathLike[str], video: Video) -> None:
    """Write each frame as a PNG: frame-0000.png, ...

    Raises:
        OSError: No space, no permission.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(video.frames):
        write_bytes(Path(folder) / f"frame-{index:04}.png", encode_png(frame))


def encode_for_players(video: Video, crf: int, preset: str, comment: str = "") -> bytes:
    """A lossy MP4 for browsers and players: H.264, yuv420p, BT.709, index in front. Equal clips give equal bytes.

    An odd side grows by one pixel, a copy of its edge, because 4:2:0 has none.
    """
    odd_height, odd_width = video.height % 2, video.width % 2
    if odd_height or odd_width:
        video = Video(np.pad(video.frames, ((0, 0), (0, odd_height), (0, odd_width), (0, 0)), mode="edge"), video.fps)
    # Room for the index in front of the frames: some 1.2 KB and 13 bytes a frame. The muxer's own "faststart" reads
    # the file a second time by name, and there is no name here.
    room = {"moov_size": str(2048 + 24 * video.num_frames + 2 * len(comment.encode()))}
    return encode(video, "libx264", "yuv420p", x264_options(crf, preset), room, comment)


def x264_options(crf: int, preset: str) -> dict[str, str]:
    """With mbtree, x264 gave two results for one clip of noise in 4 of 150 trials; without it in none of 1500."""
    return {"crf": str(crf), "preset": preset, "mbtree": "0"}


def encode(
    video: Video,
    codec: str,
    pixel_format: str,
    options: dict[str, str],
    muxer: dict[str, str] | None = None,
    comment: str = "",
) -> bytes:
    """An MP4 file with the frames; one thread and no version strings, so that equal input gives equal bytes."""
    rate = Fraction(video.fps).limit_denominator(100_000)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact", **(muxer or {})}) as container:
        if comment:
            container.metadata["comment"] = comment
        stream = add_encoder(container, codec, rate, options)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = video.width, video.height, pixel_format
        if pixel_format == "yuv420p":
            _tag_bt709(context)
        graph: av.filter.Graph | None = None
        for index, picture in enumerate(video.frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if pixel_format == "yuv420p":
                graph = graph or graph_of(frame, ("scale", "out_color_matrix=bt709:out_range=tv"), TO_YUV)
                graph.vpush(frame)
                frame = graph.vpull()
            frame.pts, frame.time_base, frame.duration = index, 1 / rate, 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def add_encoder(container: OutputContainer, codec: str, rate: Fraction, options: dict[str, str]) -> VideoStream:
    """A stream of one thread, without version strings."""
    try:
        stream = container.add_stream(codec, rate=rate, options={"threads": "1", "flags": "+bitexact", **options})
    except av.codec.codec.UnknownCodecError as error:
        raise UserError(f"this build of PyAV has no {codec} encoder; `pip install av` has it") from error
    assert isinstance(stream, VideoStream)
    return stream


def _tag_bt709(context: VideoCodecContext) -> None:
    """Say what the colours mean: untagged ones are guessed by each browser, and by the size of the picture."""
    context.color_primaries = context.color_trc = context.colorspace = 1
    context.color_range = 1
