"""A script of ours in a process of its own, for what may hang or crash: asked over pipes, and ended when it is late.

The script reads requests from its standard input and writes answers to its standard output: messages, each an 8-byte
length and that many bytes. A request is JSON. It ends with its standard input, that is, with its caller.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_LENGTH = struct.Struct("<Q")


class Lost(Exception):
    """The process ended amid an answer.

    Attributes:
        is_late: It was ended, since the answer did not come in time; else it crashed.
    """

    def __init__(self, is_late: bool) -> None:
        super().__init__("did not answer in time" if is_late else "ended by itself")
        self.is_late = is_late


class Child:
    """The process, which ends with this object. One thread at a time asks it.

    Args:
        script: Its file. It is run without its folder on the path, so it imports no module that lies beside it.
    """

    def __init__(self, script: Path) -> None:
        self._owner = os.getpid()
        # -P: without it the script's folder would come before the standard library.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # A group of its own: the terminal's Ctrl-C, meant for the run, does not end it amid an answer, and what it
            # has started ends with it.
            start_new_session=True,
        )
        self._busy = False
        weakref.finalize(self, _end, self._process, self._owner)

    @property
    def pid(self) -> int:
        return self._process.pid

    def usable(self) -> bool:
        """Whether the process lives, between two answers, and was not inherited by a fork."""
        return os.getpid() == self._owner and not self._busy and self._process.poll() is None

    def end(self) -> None:
        """End the process now, from any thread; whoever waits for its answer is told (`Lost`)."""
        _kill(self._process)

    @contextmanager
    def asking(self, request: Mapping[str, Any], seconds: float) -> Iterator[Callable[[], bytes]]:
        """Put a request; what is yielded waits for the next message of the answer.

        All of them are to be received within the block. If it is left by an error before that, the process is ended:
        an answer is still in the pipe, or will never come.

        Args:
            request: Paths become texts.
            seconds: For the whole answer.

        Raises:
            Lost: The process ended, or was ended for taking longer.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        late = threading.Event()
        watchdog = threading.Timer(seconds, self._expire, [late])
        watchdog.daemon = True
        watchdog.start()
        self._busy = True
        try:
            message = json.dumps(request, default=str).encode()
            stdin.write(_LENGTH.pack(len(message)) + message)
            stdin.flush()
            yield lambda: _receive(stdout)
            self._busy = False
        except (EOFError, OSError) as error:
            raise Lost(late.is_set()) from error
        finally:
            watchdog.cancel()
            if self._busy:
                _end(self._process, self._owner)

    def _expire(self, late: threading.Event) -> None:
        late.set()
        _kill(self._process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started."""
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
    """End a process and close its pipes, unless it belongs to the process that this one was forked from."""
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
    """The next message.

    Raises:
        EOFError: The other side has closed the stream.
    """
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(header)
    message = stream.read(length)
    if len(message) < length:
        raise EOFError
    return message
