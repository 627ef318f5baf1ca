"""A run's `log.txt`: what was warned of, and the tracebacks of failures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def log_to(folder: Path) -> Iterator[None]:
    """Keep warnings and the tracebacks of failures in the run's `log.txt`."""
    handler = logging.FileHandler(folder / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
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
