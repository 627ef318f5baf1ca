"""decord, in a process that can be ended: its get_batch can deadlock holding the GIL (decord issue 373).

`read_frames` is the calling side. `python -P decord_worker.py` is the worker: it imports nothing of i2vbench, reads
requests from its standard input and writes answers to its standard output, each an 8-byte length and that many bytes.
A request is JSON. Each wanted frame is answered by JSON with its shape and then by its raw bytes, or by JSON with an
error, which ends the answer. The worker ends with its standard input, that is, with its caller, and each
request has a watchdog on both sides: the worker's own needs no GIL and no caller.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

OPEN_SECONDS = 60.0
"""Time that a worker has to start and to open a file."""

FRAME_SECONDS = 2.0
"""Further time for each frame it decodes."""

_LENGTH = struct.Struct("<Q")
_thread = threading.local()


class WorkerError(Exception):
    """What decord or its worker could not do, as a half-sentence about the file."""


def read_frames(path: Path, wanted: Sequence[int], num_frames: int) -> Iterator[Any]:
    """The wanted frames, uint8 [H, W, 3] each, decoded by decord in sequence from the start of the file.

    Each calling thread has a worker of its own, which lives until the thread ends.

    Args:
        path: The video file.
        wanted: Positions, ascending, each once.
        num_frames: How many frames the file has; decord must count as many.

    Raises:
        WorkerError: decord refuses the file or counts otherwise; its process died, or was ended for taking too long.
    """
    worker: _Worker | None = getattr(_thread, "worker", None)
    if worker is None or not worker.usable():
        worker = _thread.worker = _Worker()
    seconds = OPEN_SECONDS + FRAME_SECONDS * (wanted[-1] + 1)
    request = {"path": os.path.abspath(path), "wanted": list(wanted), "num_frames": num_frames, "seconds": seconds}
    yield from worker.ask(request)


class _Worker:
    """One worker process and the pipes to it."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        # -P: without it the script's folder, with its types.py, would come before the standard library.
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # or the terminal's Ctrl-C, meant for the run, would end it amid a clip
        )
        self._busy = False
        weakref.finalize(self, _end, self._process, self._owner)

    def usable(self) -> bool:
        """Whether the process lives, between two answers, and was not inherited by a fork."""
        return os.getpid() == self._owner and not self._busy and self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> Iterator[Any]:
        """The frames that answer a request."""
        import numpy as np

        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Event()
        watchdog = threading.Timer(request["seconds"], self._expire, [late])
        watchdog.daemon = True
        watchdog.start()
        self._busy = True
        try:
            _send(self._process.stdin, json.dumps(request).encode())
            for _ in request["wanted"]:
                header = json.loads(_receive(self._process.stdout))
                if "error" in header:
                    self._busy = False
                    raise WorkerError(header["error"])
                yield np.frombuffer(_receive(self._process.stdout), np.uint8).reshape(header["shape"])
            self._busy = False
        except (EOFError, OSError) as error:
            if late.is_set():
                raise WorkerError(f"decord did not finish within {request['seconds']:.0f} s and was ended") from error
            raise WorkerError("decord crashed on it") from error
        finally:
            watchdog.cancel()
            if self._busy:  # an answer is still in the pipe, or will never come
                _end(self._process, self._owner)

    def _expire(self, late: threading.Event) -> None:
        late.set()
        self._process.kill()


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    """End a worker and close its pipes, unless it belongs to the process that this one was forked from."""
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:  # what was left to be written has no reader any more
                continue


def _send(stream: BinaryIO | Any, message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def _receive(stream: BinaryIO | Any) -> bytes:
    """The next message.

    Raises:
        EOFError: The other side has closed the stream.
    """
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(header)
    message: bytes = stream.read(length)
    if len(message) < length:
        raise EOFError
    return message


def _serve() -> None:
    """The worker: answer requests until the caller is gone."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)  # what a library prints must not come between the answers
    while True:
        try:
            request = json.loads(_receive(requests))
        except EOFError:
            return
        # For a caller that was killed while this hangs. Its own watchdog comes first.
        faulthandler.dump_traceback_later(request["seconds"] + 10, exit=True, file=null)
        _answer(request, answers)
        faulthandler.cancel_dump_traceback_later()


def _answer(request: dict[str, Any], answers: BinaryIO) -> None:
    import decord

    try:
        # One thread and next(), never get_batch() or seek(): sought frames of open GOPs come out wrong (11 of 16).
        reader = decord.VideoReader(request["path"], ctx=decord.cpu(0), num_threads=1)
        if len(reader) != request["num_frames"]:
            raise ValueError(f"it counts {len(reader)} frames, and there are {request['num_frames']}")
        wanted = set(request["wanted"])
        for index in range(max(wanted) + 1):
            frame = reader.next()
            if index in wanted:
                pixels = frame.asnumpy()  # [H, W, 3]
                if pixels.shape[2] != 3:  # it takes the padded row for pixels: 48 wide come as [H, 48, 4]
                    height, width, _ = pixels.shape
                    pixels = pixels.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)
                _send(answers, json.dumps({"shape": pixels.shape}).encode())
                _send(answers, pixels.tobytes())
    except (decord.DECORDError, StopIteration, RuntimeError, ValueError, OSError, MemoryError) as error:
        text = re.sub(r"^\[[\d:]+\] \S+: ", "", str(error).strip()).split("\n")[0][:200] or type(error).__name__
        _send(answers, json.dumps({"error": f"decord cannot read it ({text})"}).encode())


if __name__ == "__main__":
    _serve()
