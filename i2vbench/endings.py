"""How a run ends before all is done: by a signal, or on a disk that cannot be written to."""

from __future__ import annotations

import os
import shlex
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.progress import Progress


@contextmanager
def stop_on_signal(stop: threading.Event, run: str, progress: Progress) -> Iterator[list[str]]:
    """Turn the first Ctrl-C or SIGTERM into a wish to stop, a second one into an end at once.

    Yields:
        The names of the signals received.
    """
    received: list[str] = []

    def handle(number: int, _: FrameType | None) -> None:
        if received:
            # Whatever a model is amid of, the store is whole at any instant.
            show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # the bars have hidden it
            print(f"{show_cursor}\n{resume_hint(run)}", file=sys.stderr, flush=True)
            os._exit(128 + number)
        received.append(signal.Signals(number).name)
        stop.set()
        progress.say("Stopping after the batch at hand (Ctrl-C again: at once) ...")

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def resume_hint(run: str) -> str:
    """How to go on with a run that was stopped."""
    return f"Stopped. Go on with: i2vbench run --resume --out {shlex.quote(run)}"


@contextmanager
def writable(run: str) -> Iterator[None]:
    """A disk that is full or read-only is the user's to mend, wherever in the run it shows."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if not is_disk_error(error):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"the run {run} cannot be written to: {reason}. What is done is kept; mend it and run the same command"
        ) from error
