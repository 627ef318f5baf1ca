"""The process in which a stranger's video is decoded: with little memory and time, and no leave to write a file.

It is run as `python -m i2vbench.leaderboards.submission.decoder`: a request in JSON comes in, a line of JSON and the
frames go out. What a codec can be made to do with a hostile file happens here and ends with this process.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_FRAMES, MOST_PIXELS = 10_000, 8192 * 8192
"""Of a file, before any frame but the first is decoded."""

MEMORY_BYTES = 6 << 30
"""Of address space, beside what the frames take that are wanted."""


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    # Libraries may print: what goes to the caller has a way of its own.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    _limit(request["seconds"], MEMORY_BYTES + 4 * request["bytes"])
    try:
        header, frames = _decode(request)
    except MemoryError:
        header, frames = {"error": "needs more memory than it is given"}, b""
    answers.write(json.dumps(header).encode() + b"\n" + frames)
    answers.close()


def _limit(seconds: int, memory: int) -> None:
    """Bound this process, where the system can."""
    try:
        import resource
    except ImportError:  # Windows; the caller ends it when its time is over
        return
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: memory,
    }
    for what, most in wanted.items():
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(ValueError, OSError):  # macOS knows some of them by name only
            resource.setrlimit(what, (most, most))


def _decode(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    from i2vbench.clips import read_clip
    from i2vbench.errors import UserError
    from i2vbench.profiles.protocol import parse_protocol
    from i2vbench.types import ClipSource, FrameSource, Sample
    from i2vbench.video import VideoError, probe

    path, sample = Path(request["path"]), Sample("clip", "", "", FrameSource(Path("none")))
    try:
        info = probe(path)
        if info.num_frames > MOST_FRAMES or info.height * info.width > MOST_PIXELS:
            return {"error": f"has {info.num_frames} frames of {info.height} x {info.width} pixels: too many"}, b""
        clip = read_clip(sample, ClipSource(path), parse_protocol(request["protocol"]), request["reader"])
    except VideoError as error:
        return {"error": error.reason}, b""
    except (UserError, ValueError) as error:
        return {"error": str(error)}, b""
    header = {
        "fps": clip.video.fps,
        "repeated": clip.repeated_frames,
        "brought": clip.brought,
        "made_as": clip.made_as,
    }
    return header, clip.video.frames.tobytes()


if __name__ == "__main__":
    main()
