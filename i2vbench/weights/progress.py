"""Telling how far downloads are: bars on a terminal, plain lines elsewhere, or nothing. Everything goes to stderr."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Self

from i2vbench.texts import clean
from i2vbench.weights.catalogue import human_size

if TYPE_CHECKING:
    from rich.progress import TaskID

SECONDS_BETWEEN_LINES = 10.0


class Transfers:
    """Follows several downloads at once; this one says nothing. Called from several threads."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, name: str, done: int, total: int | None) -> None:
        """So many bytes of a checkpoint are here."""

    def say(self, text: str) -> None:
        """One line for the user."""

    def tell_once(self, name: str, text: str) -> None:
        """As `say`, of a checkpoint, but not again."""
        if (name, text) not in self._said:
            self._said.add((name, text))
            self.say(f"{name}: {text}")


class TransferLines(Transfers):
    """A line every ten seconds for each download."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def tell(self, name: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._told.setdefault(name, now) < SECONDS_BETWEEN_LINES:
                return
            self._told[name] = now
        self.say(f"{name}: {human_size(done)}{f' of {human_size(total)}' if total else ''}")

    def say(self, text: str) -> None:
        print(clean(text), file=sys.stderr, flush=True)


class TransferBars(Transfers):
    """One live bar a download."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=16), DownloadColumn(), TimeRemainingColumn(),
            console=Console(stderr=True),
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def tell(self, name: str, done: int, total: int | None) -> None:
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=total)
        self._bars.update(self._tasks[name], completed=done, total=total)

    def say(self, text: str) -> None:
        self._bars.console.print(clean(text), markup=False, highlight=False)


def choose(quiet: bool) -> Transfers:
    """What fits the place the program runs in."""
    if quiet:
        return Transfers()
    return TransferBars() if sys.stderr.isatty() else TransferLines()
