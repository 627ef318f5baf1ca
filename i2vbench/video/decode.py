"""Decoding with PyAV: frames upright and in RGB, exactly as the ffmpeg program shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from i2vbench.types import Image
from i2vbench.video.container import VideoError, opened
from i2vbench.video.structure import is_upright_mp4

TO_RGB, TO_YUV = ("format", "pix_fmts=rgb24"), ("format", "pix_fmts=yuv420p")
"""libav's filters."""


def decoded(path: Path, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """The shown frames in presentation order, as the file stores them."""
    stream.thread_type = "NONE"
    # Without it the H.264 decoder paints over damaged slices with what was there before, and says nothing.
    stream.codec_context.options = {"err_detect": "explode"}
    for packet in container.demux(stream):
        for frame in packet.decode():
            if frame.is_corrupt:
                raise VideoError(path, "has a damaged frame")
            yield frame


def read_pyav(path: Path, num_frames: int, wanted: Sequence[int]) -> Iterator[tuple[int, Image]]:
    """(position, picture) of each wanted position; `wanted` ascends."""
    positions, to_rgb, found = set(wanted), _ToRgb(path), 0
    with opened(path) as (container, stream):
        for index, frame in enumerate(decoded(path, container, stream)):
            found = index + 1
            if index in positions:
                yield index, to_rgb(frame)
            if index == wanted[-1] < num_frames - 1:
                return
    if found != num_frames:
        raise VideoError(path, f"is damaged: {found} of its {num_frames} frames could be decoded")


def orientation(path: Path, frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """How a frame is to be turned: (transpose, then mirror left-right, then mirror top-bottom).

    The display matrix maps x' = m[0] x + m[3] y and y' = m[1] x + m[4] y, in 16.16 fixed point.
    """
    # PyAV frees a frame that was asked for its side data late, by the cycle collector: runs grew by 25 KB a clip.
    # It is asked only where there may be something; `rotation` knows everything but a picture mirrored top-bottom.
    if frame.rotation == 0 and is_upright_mp4(path):
        return False, False, False
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    m = [int(value) for value in np.frombuffer(bytes(matrix), np.int32)]
    if not (m[0] or m[1] or m[3] or m[4]):
        return False, False, False
    if m[1] == m[3] == 0:
        return False, m[0] < 0, m[4] < 0
    if m[0] == m[4] == 0:
        return True, m[3] < 0, m[1] < 0
    raise VideoError(path, "is turned by an angle that is not a multiple of 90 degrees")


class _ToRgb:
    """Turns decoded frames upright and into RGB, exactly as the ffmpeg program does.

    It is the program's own filter graph. PyAV's `to_ndarray` has another default (bilinear): equal for 8 bits, but
    up to 146 of 255 away for 10-bit 4:2:0, and 255 for interlaced frames.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key: tuple[object, ...] = ()
        self._turn: tuple[bool, bool, bool] | None = None
        self._graph = av.filter.Graph()

    def __call__(self, frame: av.VideoFrame) -> Image:
        """uint8 [H, W, 3]."""
        key = (
            frame.width,
            frame.height,
            frame.rotation,
            frame.format.name,
            int(frame.colorspace),
            int(frame.color_range),
        )
        if key != self._key:
            if self._key and key[:3] != self._key[:3]:
                raise VideoError(self._path, "changes its size or rotation from one frame to another")
            self._turn = self._turn or orientation(self._path, frame)
            self._key, self._graph = key, self._build(frame, self._turn)
        self._graph.vpush(frame)
        picture: Image = np.asarray(self._graph.vpull().to_ndarray(), np.uint8)
        return picture

    @staticmethod
    def _build(frame: av.VideoFrame, turn: tuple[bool, bool, bool]) -> av.filter.Graph:
        return graph_of(frame, *turning(turn), TO_RGB)


def turning(turn: tuple[bool, bool, bool]) -> list[tuple[str, str]]:
    """libav's filters that do what `orientation` says."""
    # dir=0 is "cclock_flip", the plain transposition.
    steps = [("transpose", "dir=0"), ("hflip", ""), ("vflip", "")]
    return [step for step, wanted in zip(steps, turn, strict=True) if wanted]


def graph_of(frame: av.VideoFrame, *steps: tuple[str, str]) -> av.filter.Graph:
    """libav's filters (name, arguments), in a row, for frames like this one."""
    graph = av.filter.Graph()
    if hasattr(graph, "threads"):  # since PyAV 16
        graph.threads = 1
    source = (
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/25:"
        f"colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
    )
    nodes = [graph.add(name, arguments) for name, arguments in (("buffer", source), *steps, ("buffersink", ""))]
    graph.link_nodes(*nodes).configure()
    return graph
