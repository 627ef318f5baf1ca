"""A file's own clock, for sections that were cut out of a longer video."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from i2vbench.video.container import VideoError, opened


class Clock(NamedTuple):
    """Where on its own clock a file begins, in seconds.

    Attributes:
        start: Of its earliest stream, sound included: what players call 0.
        first_frame: When the first shown frame is shown.
    """

    start: float
    first_frame: float


def file_clock(path: Path) -> Clock:
    """Read the clock of a file; its packets are looked at up to the first key frame's group.

    Raises:
        VideoError: Not a video; no packet is shown.
    """
    with opened(path) as (container, stream):
        start = (container.start_time or 0) / 1e6
        if container.format.name == "avi":  # states decoding times only, and begins with a frame
            return Clock(0.0, 0.0)
        times: list[float] = []
        for packet in container.demux(stream):
            # Packets come in decoding order: once they are decoded after a frame is shown, none comes before it.
            if times and packet.dts is not None and float(packet.dts * packet.time_base) > min(times):
                break
            if packet.size and packet.pts is not None and not packet.is_discard:
                times.append(float(packet.pts * packet.time_base))
        if not times:
            raise VideoError(path, "states no time for any frame")
        return Clock(start, min(times))
