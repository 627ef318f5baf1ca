"""What diffusers and transformers say while they work goes to the run's log, not before the user."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_log = logging.getLogger("i2vbench")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep their messages in our log, without bars while they load; a pipeline's own bar is its own business."""
    keeper, libraries = _Keeper(), _libraries()
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    before = [(each.handlers[:], each.propagate) for each in loggers]
    bars = [library.is_progress_bar_enabled() for library in libraries]
    for each in loggers:
        each.handlers, each.propagate = [keeper], False
    for library in libraries:
        library.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _keep_warning  # type: ignore[assignment]  # *_ is its file and line
            yield
    finally:
        for each, (handlers, propagate) in zip(loggers, before, strict=True):
            each.handlers, each.propagate = handlers, propagate
        for library, shown in zip(libraries, bars, strict=True):
            if shown:
                library.enable_progress_bar()


def _libraries() -> list[Any]:
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    return [of_diffusers, of_transformers]


class _Keeper(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _log.info("%s: %s", record.name, record.getMessage())


def _keep_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    _log.info("%s: %s", category.__name__, message)
