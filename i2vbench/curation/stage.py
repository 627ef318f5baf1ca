"""What a stage of curation is: it measures items, keeps what it saw, and judges all of them by the plan.

Measuring is dear and is done once; judging is a pure function of what was measured and of the plan, so a threshold that
is changed takes effect without measuring anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from i2vbench.curation.plan import Plan
from i2vbench.curation.store import FOLDER, Measured, Store
from i2vbench.video import VideoError

T = TypeVar("T")
R = TypeVar("R")

FAULT = "fault"
"""The fact of an item that could not be looked at: why."""


@dataclass(slots=True, eq=False)
class Item:
    """A query, a video or a clip of one, on its way through the stages.

    Attributes:
        id: Safe as a file name.
        source: Where its video comes from, as its list writes it: an address, a file, or a query.
        path: Its file, where the source is one.
        category: The one asked for, later the one given; "" if none is known yet.
        video: The id of its video.
        start: Seconds in the source from which on it is wanted.
        end: Seconds in the source up to which it is wanted; None is the end.
        said: What its list or site says: title, author, licence.
        facts: What each stage has seen of it, by the stage's name.
    """

    id: str
    source: str
    path: Path | None = None
    category: str = ""
    video: str = ""
    start: float = 0.0
    end: float | None = None
    said: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a data set is made, and with what.

    Attributes:
        folder: The data set's.
        store: What has been measured.
        device: Of the networks.
        retry_failed: Whether what could not be had before is tried again.
        tell: Is told a line for the user.
        removed: Clips that a person has taken out of the set, and why: metadata.csv says so in `missing`.
    """

    folder: Path
    store: Store
    device: str
    retry_failed: bool = False
    tell: Callable[[str], None] = lambda line: None
    removed: Mapping[str, str] = field(default_factory=dict)

    @property
    def videos(self) -> Path:
        """What was downloaded."""
        return self.folder / FOLDER / "videos"

    @property
    def clips(self) -> Path:
        """What was cut."""
        return self.folder / FOLDER / "clips"

    def clip(self, id_: str) -> Path:
        """A clip that was cut, or will be."""
        return self.clips / f"{id_}.mp4"


class Stage:
    """One named step: what comes to it, and why some of that is left out.

    Attributes:
        name: As files and rows have it.
    """

    name: ClassVar[str]

    def __init__(self, plan: Plan, place: Place) -> None:
        self.plan = plan
        self.place = place

    def items(self, before: Sequence[Item]) -> list[Item]:
        """What comes to this stage, made of what the one before has kept."""
        return list(before)

    def judge(self, items: Sequence[Item]) -> list[str]:
        """Why each item is left out, "KIND: details"; "" for those that go on."""
        return [self.reason(item) for item in items]

    def reason(self, item: Item) -> str:
        """Why one item is left out; "" if it goes on."""
        return ""


class MeasuringStage(Stage, ABC):
    """A step that looks at each item, and judges by what it has seen.

    Attributes:
        noun: What it counts.
        packages: Importable names that it needs, of the extra `data`.
        version: Of how it measures: what another one measured is measured anew.
    """

    noun: ClassVar[str] = "clips"
    packages: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Names in the catalogue that it needs."""
        return ()

    def settings(self) -> Mapping[str, Any]:
        """What of the plan decides what is measured."""
        return {"checkpoints": self.checkpoints}

    def looks_at(self, item: Item) -> str:
        """What of an item decides what is measured: the hash of its file, as far as it has one."""
        for stage in ("cut", "download"):
            if stage in item.facts:
                return str(item.facts[stage].get("sha256", ""))
        return item.source

    def keys(self, items: Sequence[Item]) -> dict[str, str]:
        """What names all that decides a measurement, by the item's id."""
        settings = json.dumps([self.version, self.settings()], sort_keys=True)
        return {i.id: hashlib.sha256(f"{settings} {self.looks_at(i)}".encode()).hexdigest()[:32] for i in items}

    def stale(self, item: Item) -> bool:
        """Whether what was measured under the same key is to be measured again."""
        return False

    @abstractmethod
    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        """What is seen of each item, in any order, as soon as it is known."""

    def judge(self, items: Sequence[Item]) -> list[str]:
        """As `Stage.judge`; an item that could not be looked at is left out for that, without `reason`."""
        return [str(item.facts[self.name].get(FAULT, "")) or self.reason(item) for item in items]


def in_threads(work: Callable[[T], R], items: Iterable[T], workers: int | None = None) -> Iterator[tuple[T, R]]:
    """The work on each item, several at once, as it is done; what has not begun when the caller leaves never does.

    What has begun is not waited for then: what it would measure is measured the next time.
    """
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        doing = {pool.submit(work, item): item for item in items}
        for done in as_completed(doing):
            yield doing.pop(done), done.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def ahead(load: Callable[[T], R], items: Iterable[T], workers: int | None = None) -> Iterator[tuple[T, R]]:
    """What each item loads as, in order, loaded by threads while the caller works; a few are held in memory."""
    count = workers or os.cpu_count() or 1
    waiting: deque[tuple[T, Future[R]]] = deque()
    pool = ThreadPoolExecutor(count)
    try:
        for item in items:
            waiting.append((item, pool.submit(load, item)))
            if len(waiting) > count:
                first, loading = waiting.popleft()
                yield first, loading.result()
        while waiting:
            first, loading = waiting.popleft()
            yield first, loading.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def fault(reason: str) -> Measured:
    """Of an item that could not be looked at."""
    return Measured({FAULT: reason})


def damaged(error: VideoError) -> Measured:
    """Of an item whose file cannot be read."""
    return fault(f"damaged: {error.reason}")
