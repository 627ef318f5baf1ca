"""The calling side of `worker.py`: one process, its pipes, and an end to what takes too long."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import IO, Any

from i2vbench.datasets.download.faults import SiteFault

_LENGTH = struct.Struct("<Q")
_WORKER = Path(__file__).with_name("worker.py")


class Worker:
    """One worker process and the pipes to it."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        # -P: without it the script's folder would come before the standard library.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a group of its own, which is ended with its ffmpeg
        )
        self._busy = False
        weakref.finalize(self, _end, self._process, self._owner)

    def usable(self) -> bool:
        """Whether the process lives, between two answers, and was not inherited by a fork."""
        return os.getpid() == self._owner and not self._busy and self._process.poll() is None

    def end(self) -> None:
        """End the process now; whoever waits for its answer is told."""
        _kill(self._process)

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            SiteFault: "network": it did not come within `seconds`, or the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Event()
        watchdog = threading.Timer(seconds, self._expire, [late])
        watchdog.daemon = True
        watchdog.start()
        self._busy = True
        try:
            message = json.dumps(request, default=str).encode()
            self._process.stdin.write(_LENGTH.pack(len(message)) + message)
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(_receive(self._process.stdout))
            self._busy = False
            return answer
        except (EOFError, OSError) as error:
            if late.is_set():
                raise SiteFault("network", f"did not end within {seconds:g} s and was ended") from error
            raise SiteFault("network", "yt-dlp's process ended amid it") from error
        finally:
            watchdog.cancel()
            if self._busy:
                _end(self._process, self._owner)

    def _expire(self, late: threading.Event) -> None:
        late.set()
        _kill(self._process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a worker and what it has started."""
    if process.poll() is not None:
        return
    if sys.platform != "win32":
        try:
            os.killpg(process.pid, signal.SIGKILL)
            return
        except (ProcessLookupError, PermissionError):  # not yet a group of its own
            pass
    process.kill()


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    """End a worker and close its pipes, unless it belongs to the process that this one was forked from."""
    if os.getpid() != owner:
        return
    _kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:  # what was left to be written has no reader any more
                continue


def _receive(stream: IO[bytes]) -> bytes:
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(header)
    message = stream.read(length)
    if len(message) < length:
        raise EOFError
    return message
