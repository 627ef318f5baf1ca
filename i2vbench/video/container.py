"""Opening video files, and counting what is in them before a frame is decoded."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from i2vbench.errors import UserError
from i2vbench.video.structure import MATROSKA

# The others are refused: for most of them nothing tells a whole file from one that is cut short (a GIF cut at a third
# gives a third of its frames and no error), and libav has demuxers that read plain text as pictures ("tty") or that
# open the files which a playlist names.
_CONTAINERS = {"mov": "mp4, mov", "matroska": "mkv, webm", "avi": "avi", "mpegts": "ts"}


class VideoError(UserError):
    """A video or picture that cannot be read; str() is "PATH: reason".

    Attributes:
        path: The file.
        reason: One sentence without the path.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}")
        self.path = Path(path)
        self.reason = reason

    def __reduce__(self) -> tuple[type[VideoError], tuple[Path, str]]:
        return type(self), (self.path, self.reason)  # so that it comes through a pool of processes


@dataclass(frozen=True, slots=True)
class _Packet:
    """A shown packet's clock values, in units of the stream's time base."""

    pts: int | None
    dts: int | None


def check_is_file(path: Path) -> None:
    if not path.is_file():  # a pipe or device would also block
        raise VideoError(path, "is not a file" if path.exists() else "no such file")


def one_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]


@contextmanager
def opened(path: Path, options: Mapping[str, str] | None = None) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file's container and video stream; libav's errors come out as VideoError."""
    check_is_file(path)
    reason, damaged = "is not a video, or not a whole one", "is damaged"
    try:
        # "file:" because a name such as "data:x.mp4" would be taken for a protocol.
        known = {"format_whitelist": ",".join(_CONTAINERS), **(options or {})}
        with av.open(f"file:{path}", options=known, metadata_errors="replace") as container:
            reason = damaged
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
                raise VideoError(path, "has no video stream")
            if getattr(stream, "codec_context", None) is None:
                raise VideoError(path, "there is no decoder for its video stream")
            yield container, stream
    except av.error.FFmpegError as error:
        if error.errno == errno.EINVAL and reason is not damaged:  # a format that is not on the list
            reason = f"is not a video of a kind that is read: {', '.join(_CONTAINERS.values())}"
        raise VideoError(path, f"{reason} ({one_line(error)})") from error


def demux(path: Path, container: InputContainer, stream: VideoStream) -> tuple[list[_Packet], int]:
    """The shown packets, and the number of those that an edit list hides.

    Raises:
        VideoError: For a damaged packet; for an end before the declared duration. Every stream of the file counts,
            for sound may be longer than the picture.
    """
    shown: list[_Packet] = []
    hidden, end = 0, 0.0
    for packet in container.demux():
        if packet.size == 0:  # the last one of each stream
            continue
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index != stream.index:
            continue
        if packet.is_corrupt:
            raise VideoError(path, f"is cut short or damaged at frame {len(shown) + hidden}")
        if packet.is_discard:
            hidden += 1
        elif not _is_invisible(stream, packet):
            shown.append(_Packet(packet.pts, packet.dts))
    duration = (container.duration or 0) / 1e6
    # Half a frame, and the milliseconds that Matroska counts in. MPEG-TS declares nothing: libav looks at what is left.
    slack = 0.002 + 0.5 / float(stream.average_rate or 25)
    if container.format.name == MATROSKA and end < duration - slack:
        raise VideoError(path, f"is cut short: it declares {duration:.3f} s and ends at {end:.3f} s")
    return shown, hidden


def _is_invisible(stream: VideoStream, packet: av.Packet[av.stream.Stream]) -> bool:
    """Whether a packet carries a reference picture that is never shown (VP8's show_frame bit, RFC 6386, 9.1)."""
    return stream.codec_context.name == "vp8" and not memoryview(packet)[0] & 0x10


def count_all(path: Path) -> int:
    """How many packets the video stream has when its edit list is ignored."""
    with opened(path, {"ignore_editlist": "1"}) as (container, stream):
        return sum(packet.size > 0 for packet in container.demux(stream))


def times_of(shown: Sequence[_Packet], stream: VideoStream) -> tuple[float, ...]:
    """Seconds after the first shown frame, ascending; from decoding times or the rate where AVI states no others."""
    for clock in ([packet.pts for packet in shown], [packet.dts for packet in shown]):
        ticks = sorted(tick for tick in clock if tick is not None)
        if len(ticks) == len(shown):
            return tuple(float((tick - ticks[0]) * (stream.time_base or 0)) for tick in ticks)
    return tuple(float(index / (stream.average_rate or 25)) for index in range(len(shown)))


def fps_of(times: Sequence[float], stream: VideoStream) -> float:
    if stream.average_rate:
        return float(stream.average_rate)
    if len(times) > 1 and times[-1] > 0:
        return (len(times) - 1) / times[-1]
    return float(stream.guessed_rate or 25)
