"""Decoding a stranger's video in a process of its own (`decoder`), and holding what comes back to what was asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import numpy as np

from i2vbench.leaderboards.submission.archive import Refused
from i2vbench.leaderboards.submission.strict_json import loads
from i2vbench.profiles import Protocol
from i2vbench.texts import one_line
from i2vbench.types import Clip, Sample, Video

SECONDS = 120
"""That one video may take."""

_MOST_HEADER = 1 << 16
_FIELDS = {"fps": (int, float), "repeated": (int,), "brought": (str,), "made_as": (str,)}


class CannotDecode(Exception):
    """A video that gives no clip; the text says why."""


def decode(path: Path, sample: Sample, protocol: Protocol, reader: str) -> Clip:
    """What metrics look at of a video.

    Args:
        path: A file of ours, with what nobody vouches for in it.
        sample: What the video was made for.
        protocol: What it is brought to; of bounded size.
        reader: The video reader.

    Raises:
        CannotDecode: It cannot be read, is too large, takes too long, or ends the process that reads it.
    """
    shape = (protocol.num_frames, protocol.height, protocol.width, 3)
    wanted = int(np.prod(shape))
    request = {
        "path": str(path.resolve()),
        "protocol": asdict(protocol),
        "reader": reader,
        "seconds": SECONDS,
        "bytes": wanted,
    }
    header, _, frames = _ask(json.dumps(request).encode(), _MOST_HEADER + wanted + 1).partition(b"\n")
    if not header:
        raise CannotDecode(f"its decoder crashed, or did not finish within {SECONDS} s and its share of memory")
    try:
        said = loads(header[:_MOST_HEADER], "decoder")
    except Refused as error:
        raise CannotDecode("its decoder gave no answer that can be read") from error
    if not isinstance(said, dict) or "error" in said:
        raise CannotDecode(one_line(str(said.get("error", "")) if isinstance(said, dict) else "")[:300])
    well = list(said) == list(_FIELDS) and all(isinstance(said[name], kinds) for name, kinds in _FIELDS.items())
    if not well or len(frames) != wanted:
        raise CannotDecode("its decoder gave other frames than were asked for")
    try:
        video = Video(np.frombuffer(frames, np.uint8).reshape(shape), float(said["fps"]))
    except ValueError as error:
        raise CannotDecode(f"its decoder gave no video: {error}") from error
    return Clip(sample, video, said["repeated"], said["brought"], said["made_as"])


def _ask(request: bytes, most: int) -> bytes:
    """The answer of a decoder of its own, at most so long; nothing where it was ended or crashed."""
    # -P: the current folder is not looked through for modules. One thread: each has memory of its own set aside.
    process = subprocess.Popen(
        [sys.executable, "-P", "-B", "-m", "i2vbench.leaderboards.submission.decoder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.daemon = True
    watchdog.start()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdin:
            process.stdin.write(request)
        answer = process.stdout.read(most)
        return answer if process.wait(SECONDS) == 0 else b""
    except (BrokenPipeError, subprocess.TimeoutExpired):
        return b""
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
