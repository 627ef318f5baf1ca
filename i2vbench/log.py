"""Where warnings go: into a run's `log.txt`, with the tracebacks of failures, or before the user as a line."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from i2vbench.texts import clean


class _Clean(logging.Formatter):
    """Lines as they may be shown in a terminal: what failed may quote a file of somebody else's."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))


@contextmanager
def log_to(folder: Path) -> Iterator[None]:
    """Keep warnings and the tracebacks of failures in the run's `log.txt`."""
    handler = logging.FileHandler(folder / "log.txt", encoding="utf-8")
    handler.setFormatter(_Clean("%(asctime)s %(levelname)s %(message)s"))
    # What libraries and models warn of (a prompt that was cut off) belongs there too, not between the progress bars.
    logging.captureWarnings(True)
    logs = (logging.getLogger("i2vbench"), logging.getLogger("py.warnings"))
    propagated = [log.propagate for log in logs]
    for log in logs:
        log.addHandler(handler)
        log.propagate = False
    logs[0].setLevel(logging.INFO)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for log, propagate in zip(logs, propagated, strict=True):
            log.propagate = propagate
            log.removeHandler(handler)
        handler.close()


_told: set[str] = set()


@contextmanager
def plain_warnings(say: Callable[[str], object]) -> Iterator[None]:
    """Say in a line, and once, what a model warns of; warnings about code stay as Python shows them."""
    show = warnings.showwarning

    def note(message: Warning | str, category: type[Warning], filename: str, lineno: int, *rest: Any) -> None:
        if category is not UserWarning:
            show(message, category, filename, lineno, *rest)
        elif str(message) not in _told:
            _told.add(str(message))
            say(f"note: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = note  # type: ignore[assignment]  # *rest is its file and line
        yield
