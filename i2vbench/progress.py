"""Telling how far a run is: bars on a terminal, plain lines elsewhere, or nothing. Everything goes to stderr."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from i2vbench.texts import clean

if TYPE_CHECKING:
    from rich.progress import TaskID

SECONDS_BETWEEN_LINES = 10.0


class Progress(ABC):
    """Counts clips through named stages; used as a context."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:  # noqa: B027 - only bars have something to close
        pass

    @abstractmethod
    def start(self, stage: str, total: int, done: int, noun: str = "clips") -> None:
        """A stage begins, with `done` of `total` clips, or whatever it counts, behind it already."""

    @abstractmethod
    def advance(self, stage: str, clips: int = 1, doing: str = "") -> None:
        """So many more clips are through the stage; `doing` says what is being worked on."""

    @abstractmethod
    def say(self, text: str) -> None:
        """One line for the user."""


class Quiet(Progress):
    """Says nothing."""

    def start(self, stage: str, total: int, done: int, noun: str = "clips") -> None:
        pass

    def advance(self, stage: str, clips: int = 1, doing: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        pass


class Lines(Progress):
    """A line when a stage begins and ends, and every ten seconds between."""

    def __init__(self) -> None:
        self._stages: dict[str, tuple[int, int, int, float, float]] = {}
        self._nouns: dict[str, str] = {}

    def start(self, stage: str, total: int, done: int, noun: str = "clips") -> None:
        now = time.monotonic()
        self._stages[stage] = (total, done, done, now, now)
        self._nouns[stage] = noun
        already = f", {done} done already" if done else ""
        self.say(f"{stage}: {total} {noun}{already}")

    def advance(self, stage: str, clips: int = 1, doing: str = "") -> None:
        total, begun_with, done, begun, told = self._stages[stage]
        done += clips
        now = time.monotonic()
        if done >= total or now - told >= SECONDS_BETWEEN_LINES:
            told = now
            rate = (done - begun_with) / max(now - begun, 1e-9)
            # Within a second nothing was worked on: it was done before.
            noun = self._nouns[stage]
            speed = f", {rate:.2f} {noun}/s" if now - begun > 1 else ""
            left = f", {(total - done) / rate:.0f} s left" if rate > 0 and done < total else ""
            self.say(f"{stage}: {done}/{total} {noun}{speed}{left}{f' ({doing})' if doing else ''}")
        self._stages[stage] = (total, begun_with, done, begun, told)

    def say(self, text: str) -> None:
        print(clean(text), file=sys.stderr, flush=True)


class Bars(Progress):
    """One live bar a stage: clips done, rate, time left, and what is being worked on."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),  # all of a line's columns fit into 80 characters
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[doing]}"),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        for task in self._bars.tasks:
            self._bars.update(task.id, doing="")
        self._bars.stop()

    def start(self, stage: str, total: int, done: int, noun: str = "clips") -> None:
        from rich.markup import escape

        self._tasks[stage] = self._bars.add_task(escape(stage), total=total, completed=done, rate="", doing="")

    def advance(self, stage: str, clips: int = 1, doing: str = "") -> None:
        from rich.markup import escape

        task = self._tasks[stage]
        self._bars.advance(task, clips)
        speed = next(t.speed for t in self._bars.tasks if t.id == task)
        self._bars.update(task, rate=f"{speed:.2f}/s" if speed else "", doing=escape(doing))

    def say(self, text: str) -> None:
        self._bars.console.print(clean(text), markup=False, highlight=False)


def choose(quiet: bool) -> Progress:
    """What fits the place the program runs in."""
    if quiet:
        return Quiet()
    return Bars() if sys.stderr.isatty() else Lines()
