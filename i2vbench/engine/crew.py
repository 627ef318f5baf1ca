"""Who does the work: what the engines' workers look like to the one that hands it out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Self

from i2vbench.engine.worker import Holding, Result, Task


class WorkerLost(Exception):
    """A worker ended amid its tasks; what it was handed and has not answered is not done.

    Attributes:
        place: Where it was, for the user.
        by_task: Whether what it was doing may be at fault: its process died, its machine did not.
    """

    def __init__(self, place: str, by_task: bool) -> None:
        super().__init__(f"the worker {place} was lost")
        self.place, self.by_task = place, by_task

    def __reduce__(self) -> tuple[type[Self], tuple[str, bool]]:
        return type(self), (self.place, self.by_task)


class Member(ABC):
    """A worker, wherever it is.

    Attributes:
        ready: Is done once it can be handed tasks; its exception says why it never will: a UserError ends the run, a
            WorkerLost has it replaced.
    """

    ready: Future[None]

    def takes(self, holding: Holding) -> bool:
        """Whether it may be handed tasks that need this."""
        return True

    @abstractmethod
    def submit(self, task: Task) -> Future[Result]:
        """Do a task after those handed in before.

        Its exception is WorkerLost, or as `Worker.submit` has it.
        """

    @abstractmethod
    def close(self) -> None:
        """Let it finish what has begun, and end it."""


class Crew(ABC):
    """An engine's workers; used as a context, at whose end they are ended."""

    members: Sequence[Member]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.close()

    def replace(self, lost: Member) -> None:
        """Have another worker in a lost one's place."""
        raise NotImplementedError(f"{type(self).__name__} loses no worker")  # it is this process
