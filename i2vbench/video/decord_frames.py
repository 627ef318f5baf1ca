"""Frames by decord, which decodes in a process of its own (`decord_worker.py`)."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from i2vbench.child import Child, Lost
from i2vbench.types import Image

OPEN_SECONDS = 60.0
"""Time that a worker has to start and to open a file."""

FRAME_SECONDS = 2.0
"""Further time for each frame it decodes."""

_WORKER = Path(__file__).with_name("decord_worker.py")
_thread = threading.local()


class DecordError(Exception):
    """What decord or its worker could not do, as a half-sentence about the file."""


def read_decord(path: Path, wanted: Sequence[int], num_frames: int) -> Iterator[Image]:
    """The wanted frames, uint8 [H, W, 3] each, decoded by decord in sequence from the start of the file.

    Each calling thread has a worker of its own, which lives until the thread ends.

    Args:
        path: The video file.
        wanted: Positions, ascending, each once.
        num_frames: How many frames the file has; decord must count as many.

    Raises:
        DecordError: decord refuses the file or counts otherwise; its process died, or was ended for taking too long.
    """
    worker: Child | None = getattr(_thread, "worker", None)
    if worker is None or not worker.usable():
        worker = _thread.worker = Child(_WORKER)
    seconds = OPEN_SECONDS + FRAME_SECONDS * (wanted[-1] + 1)
    request = {"path": os.path.abspath(path), "wanted": list(wanted), "num_frames": num_frames, "seconds": seconds}
    error = ""
    try:
        with worker.asking(request, seconds) as receive:
            for _ in wanted:
                header = json.loads(receive())
                error = header.get("error", "")
                if error:
                    break
                yield np.frombuffer(receive(), np.uint8).reshape(header["shape"])
    except Lost as lost:
        late = f"decord did not finish within {seconds:.0f} s and was ended"
        raise DecordError(late if lost.is_late else "decord crashed on it") from lost
    if error:
        raise DecordError(error)
