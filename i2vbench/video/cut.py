"""Cutting a stretch out of a file by encoding it anew: a stream copy would start at the key frame before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import IO, Any

import av
from av.video.stream import VideoStream

from i2vbench.files import atomic_file
from i2vbench.video.container import VideoError, opened
from i2vbench.video.decode import TO_YUV, decoded, graph_of, orientation, turning
from i2vbench.video.read import VideoInfo, probe, shown_frames
from i2vbench.video.write import add_encoder, x264_options

_HDR = {16: "PQ", 18: "HLG"}
"""Transfer functions by their numbers in ITU-T H.273."""

_BT709, _FULL_RANGE = 1, 2
"""libav's numbers."""


def cut_video(source: Path, target: Path, start: float, end: float | None, crf: int = 14) -> None:
    """Write the frames of [start, end) as a file of their own: H.264, 4:2:0, 8 bits, closed GOPs, index in front.

    `shown_frames` says which these are. They keep their distances in time, so a variable rate stays variable; they
    stand upright; an odd side grows by one pixel, a copy of its edge. Matrix, primaries, transfer, range and the shape
    of a pixel are the source's; nothing else of it is kept, neither sound nor words. Equal input gives equal bytes.
    Memory holds a few frames, whatever the length. The file appears whole or not at all.

    The source is decoded from its start up to the last frame wanted: damage after it is seen only as far as `probe`
    sees it. Fields of interlaced footage stay woven.

    Args:
        source: The video file.
        target: The MP4 file.
        start: Seconds after the first shown frame.
        end: The same; None is the end of the file.
        crf: x264's quality, less is better; see docs/curate.md for what 14 costs.

    Raises:
        VideoError: As `probe`; no frame there, a damaged one, high dynamic range, two frames at one time, or frames
            that change their size, rotation or colours' meaning.
        OSError: No space, no permission, no folder.
    """
    cut_pieces(source, [(start, end, target)], crf)


def cut_pieces(source: Path, pieces: Sequence[tuple[float, float | None, Path]], crf: int = 14) -> None:
    """Cut several stretches out of a file, decoding it once; each is written as `cut_video` writes it.

    Args:
        source: The video file.
        pieces: (start, end, target) of each, in the order of time, none over another.
        crf: As `cut_video` takes it.

    Raises:
        ValueError: Pieces that are not in order.
        VideoError: As `cut_video`; the pieces before the one at fault are there then.
        OSError: As `cut_video`.
    """
    info = probe(source)
    wanted = [shown_frames(info, start, end) for start, end, _ in pieces]
    if any(before.stop > after.start for before, after in pairwise(wanted)):
        raise ValueError(f"pieces of {source}: expected one after the other in time")
    frames = _upright(Path(source), info, wanted)
    for (_, _, target), stretch in zip(pieces, wanted, strict=True):
        _write(target, info, stretch, islice(frames, len(stretch)), crf)


def _write(target: Path, info: VideoInfo, wanted: range, frames: Iterator[_Shown], crf: int) -> None:
    first = next(frames)
    ticks = _ticks(info, wanted, first.time_base)
    # Room for the index in front of the frames: 40 bytes for a frame with a chunk and a duration of its own. The
    # muxer's "faststart" would read the file a second time by its name, and the file has none yet.
    options = {"fflags": "+bitexact", "moov_size": str(4096 + 48 * len(wanted))}
    with (
        atomic_file(target) as file,
        _disk_told(_Remembering(file)) as out,
        av.open(out, "w", format="mp4", options=options) as container,
    ):
        rate = Fraction(info.fps).limit_denominator(100_000)
        # Without B-frames a file needs no edit list, which readers disagree on; and with them its length, which MP4
        # counts in decoding times, came out as 0.54 s of 1 s at a variable rate, and so did its rate.
        stream = add_encoder(container, "libx264", rate, x264_options(crf, "medium") | {"bf": "0"})
        _describe(stream, first)
        lasts = {begin: end - begin for begin, end in pairwise(ticks)}
        for packet in _encoded(stream, chain([first], frames), ticks):
            packet.duration = lasts[packet.pts]  # the encoder guesses the last one's
            container.mux(packet)


class _Remembering:
    """A file that keeps what its disk said: PyAV raises an error of its own in its place."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.name, self.seek, self.tell = getattr(file, "name", ""), file.seek, file.tell
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        if self.error is None:
            try:
                return self._file.write(data)
            except OSError as error:
                self.error = error
        return len(data)  # raised once PyAV has let go of the file


@contextmanager
def _disk_told(file: _Remembering) -> Iterator[_Remembering]:
    yield file
    if file.error:
        raise file.error


@dataclass(frozen=True, slots=True)
class _Shown:
    """One frame as it is to be encoded.

    Attributes:
        frame: Upright, yuv420p, of even sides.
        colours: Matrix, primaries, transfer function, range, in libav's numbers.
        pixel_shape: Width over height of a pixel; None where the source does not say.
        time_base: Of the source's clock.
    """

    frame: av.VideoFrame
    colours: tuple[int, int, int, int]
    pixel_shape: Fraction | None
    time_base: Fraction


def _encoded(stream: VideoStream, pictures: Iterator[_Shown], ticks: list[int]) -> Iterator[Any]:
    """The packets of frames that are shown at these times."""
    for time, shown in zip(ticks, pictures, strict=False):
        shown.frame.pts, shown.frame.time_base = time, shown.time_base
        yield from stream.encode(shown.frame)
    yield from stream.encode(None)


def _upright(path: Path, info: VideoInfo, wanted: Sequence[range]) -> Iterator[_Shown]:
    """The frames of these stretches, which are in order, one at a time."""
    stretches = iter(wanted)
    stretch = next(stretches)
    graph: av.filter.Graph | None = None
    known: tuple[object, ...] = ()
    found = 0
    with opened(path) as (container, stream):
        time_base = Fraction(stream.time_base) if stream.time_base else 1 / Fraction(info.fps)
        for index, frame in enumerate(decoded(path, container, stream)):
            found = index + 1
            if index < stretch.start:
                continue
            colours = _colours(path, frame)
            seen = (frame.width, frame.height, frame.rotation, frame.format.name, colours)
            if graph is None:
                turn = orientation(path, frame)
                graph, known = _graph(frame, turn, info), seen
                shape = _pixel_shape(stream, turned=turn[0])
            elif seen != known:
                raise VideoError(
                    path, f"changes its size, rotation or colours at frame {index}; cut before or after it"
                )
            graph.vpush(frame)
            yield _Shown(graph.vpull(), colours, shape, time_base)
            if index == stretch[-1]:
                following = next(stretches, None)
                if following is None:
                    return
                stretch, graph = following, None
    raise VideoError(path, f"is damaged: {found} of its {info.num_frames} frames could be decoded")


def _colours(path: Path, frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """What the frame's colours mean once they are YUV.

    Raises:
        VideoError: They are of high dynamic range: in 8 bits, and without tone mapping, they would be wrong.
    """
    transfer = int(frame.color_trc)
    if transfer in _HDR:
        raise VideoError(
            path,
            f"is of high dynamic range ({_HDR[transfer]}), which is not converted; take the site's SDR format of it",
        )
    matrix, limits = int(frame.colorspace), int(frame.color_range)
    if frame.format.is_rgb:
        matrix, limits = _BT709, _BT709
    elif frame.format.name.startswith("yuvj"):
        limits = _FULL_RANGE
    return matrix, int(frame.color_primaries), transfer, limits


def _graph(frame: av.VideoFrame, turn: tuple[bool, bool, bool], info: VideoInfo) -> av.filter.Graph:
    """Turns frames like this one upright and into yuv420p, in even sides."""
    limits = "pc" if int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj") else "tv"
    if frame.format.is_rgb:
        to_yuv = [("scale", "out_color_matrix=bt709:out_range=tv"), TO_YUV]
    elif frame.format.name == "yuv420p":
        to_yuv = []
    else:
        to_yuv = [("scale", f"out_range={limits}"), TO_YUV]
    down, right = info.height % 2, info.width % 2
    if not down and not right:
        return graph_of(frame, *turning(turn), *to_yuv)
    even = f"w={info.width + right}:h={info.height + down}"
    smear = f"right={right}:bottom={down}:mode=smear"
    # A single column of colour is shared by two of pixels, so the edge is copied where each has its own.
    whole = ("format", "pix_fmts=yuv444p")
    steps = [("scale", f"out_range={limits}"), whole, *turning(turn), ("pad", even), ("fillborders", smear), TO_YUV]
    return graph_of(frame, *steps)


def _pixel_shape(stream: VideoStream, turned: bool) -> Fraction | None:
    shape: Any = stream.codec_context.sample_aspect_ratio
    if not shape or not shape.numerator or shape == 1:
        return None
    return Fraction(shape.denominator, shape.numerator) if turned else Fraction(shape.numerator, shape.denominator)


def _ticks(info: VideoInfo, wanted: range, time_base: Fraction) -> list[int]:
    """When each wanted frame is shown, and when the last one ends, after the first one, in units of the clock."""
    times = [info.times[i] for i in wanted]
    end = info.times[wanted.stop] if wanted.stop < info.num_frames else info.seconds
    ticks = [round((time - times[0]) / float(time_base)) for time in (*times, end)]
    if any(begin >= end for begin, end in pairwise(ticks)):
        raise VideoError(info.path, "has two frames at one time, which MP4 cannot say")
    return ticks


def _describe(stream: VideoStream, first: _Shown) -> None:
    """Tell the encoder what it is given, in a form that the file repeats."""
    context: Any = stream.codec_context
    context.width, context.height, context.pix_fmt = first.frame.width, first.frame.height, "yuv420p"
    context.colorspace, context.color_primaries, context.color_trc, context.color_range = first.colours
    if first.pixel_shape:
        context.sample_aspect_ratio = first.pixel_shape
    context.time_base = first.time_base
