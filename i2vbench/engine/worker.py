"""A worker: one model, or one set of networks, in memory, and tasks done in the order in which they are handed in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Literal

from i2vbench.attempt import Failure, free_memory, try_once
from i2vbench.generate import Batch, Made, ReadBatch, generate_batch, read_batch
from i2vbench.job import Tools
from i2vbench.measure import Group, Measured, Metrics, ReadGroup, measure_group, read_group
from i2vbench.pictures import STAGE, Pictures, make_pictures
from i2vbench.timings import Pauses, timed

Task = Batch | Group | Pictures

Result = Made | Measured | None
"""What became of a batch, or of a group; nothing of pictures."""

Holding = tuple[Literal["model", "metrics", "first frames"], str]
"""What a worker has in memory: a model, by its column; the metrics' networks; what makes first frames."""

DECODERS = 2
"""Threads that decode where networks run on a CPU, which has better things to do."""

MOST_DECODERS = 8
"""As many as a group has clips. One decodes some 24 clips of 16 x 256 x 256 a second (docs/timings.md)."""

WRITERS = 2
"""Threads that write videos and features; what they wait for is the disk."""


def needs(task: Task) -> Holding:
    """What must be in memory for a task."""
    match task:
        case Batch():
            return "model", task.model
        case Group():
            return "metrics", ""
        case Pictures():
            return "first frames", ""


class Worker:
    """Does tasks one after the other, and reads what the next one needs meanwhile.

    Args:
        tools: Its own.
        device: As torch names it.
        stop: Once it is set, nothing more is begun.
    """

    def __init__(self, tools: Tools, device: str, stop: threading.Event) -> None:
        self._tools, self._device, self._stop = tools, device, stop
        self._metrics = Metrics(tools, device)
        self._reading = ThreadPoolExecutor(1, "read")
        self._working = ThreadPoolExecutor(1, "work")
        self._decoders = ThreadPoolExecutor(_decoders(device), "decode")
        self._writers = ThreadPoolExecutor(WRITERS, "write")
        self._holds: Holding | None = None
        self._loaded: Failure | None = None  # why what it holds could not be loaded
        self._let_go: Callable[[], None] = lambda: None
        self._pauses = Pauses()

    def submit(self, task: Task) -> Future[Result]:
        """Do a task after those handed in before; one that has not begun can be cancelled.

        Its exception is CancelledError where that has been done, a disk's fault, a refusal of the user's, or a bug;
        whatever a model or metric raises is in the result.
        """
        read = self._reading.submit(self._read, task)
        return self._working.submit(self._pauses.around(self._do), task, read)

    def close(self) -> None:
        """Finish what has begun, and let go of everything."""
        self._reading.shutdown(cancel_futures=True)
        self._working.submit(self._release)
        for pool in (self._working, self._decoders, self._writers):
            pool.shutdown()

    def _read(self, task: Task) -> ReadBatch | ReadGroup | None:
        match task:
            case Batch():
                return read_batch(task, self._tools, self._device)
            case Group():
                return read_group(task, self._tools, self._decoders, self._device)
            case Pictures():
                return None

    def _do(self, task: Task, read: Future[ReadBatch | ReadGroup | None]) -> Result:
        with timed("wait for clips"):
            there = read.result()
        if self._stop.is_set():
            raise CancelledError
        if there is None or not there.is_known:  # what is known needs nothing in memory
            self._hold(needs(task))
        match task:
            case Batch():
                assert isinstance(there, ReadBatch)
                return generate_batch(there, self._loaded, self._tools, self._writers)
            case Group():
                assert isinstance(there, ReadGroup)
                return measure_group(there, self._tools, self._metrics, self._writers)
            case Pictures():
                make_pictures(task, self._loaded, self._tools)
                return None

    def _hold(self, wanted: Holding) -> None:
        """Bring what a task needs into memory, and let go of what the one before needed."""
        if wanted == self._holds:
            return
        self._release()
        kind, name = wanted
        if kind == "metrics":
            self._let_go = self._metrics.release  # each is loaded when it is first needed
        else:
            what = self._tools.models[name] if kind == "model" else self._tools.first_frames
            assert what is not None
            stage = name if kind == "model" else STAGE
            with timed("load", stage):
                self._loaded = try_once(lambda: what.load(self._device, self._tools.dtype), f"{stage}: load")
            self._let_go = lambda: None if self._loaded is not None else _unload(what.unload, stage)
        self._holds = wanted

    @timed("load")
    def _release(self) -> None:
        self._let_go()
        free_memory()
        self._holds, self._loaded, self._let_go = None, None, lambda: None


def _decoders(device: str) -> int:
    """Threads that decode: on a GPU, one quick metric alone would wait for two of them."""
    if device == "cpu":
        return DECODERS
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(DECODERS, min(MOST_DECODERS, cores // 4))


def _unload(unload: Callable[[], None], stage: str) -> None:
    try_once(unload, f"{stage}: unload")
