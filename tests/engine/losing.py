"""A crew whose workers are lost when a test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future

from i2vbench.engine.crew import Crew, Member, WorkerLost
from i2vbench.engine.inside import Inside
from i2vbench.engine.worker import Holding, Result, Task
from i2vbench.job import Job

Says = Callable[[Task], bool]


class Frail(Member):
    """A worker that is lost with the first task that `dies` says so of, done or not."""

    def __init__(self, job: Job, dies: Says, by_task: bool) -> None:
        self._inside, self._dies, self._by_task = Inside(job, "cpu"), dies, by_task
        self._lost: WorkerLost | None = None
        self._last: Future[Result] = Future()
        self._last.set_result(None)
        self.ready = Future()
        self.ready.set_result(None)

    def takes(self, holding: Holding) -> bool:
        return self._inside.takes(holding)

    def submit(self, task: Task) -> Future[Result]:
        if self._lost is None and self._dies(task):
            self._lost = WorkerLost("of a test", self._by_task)
        if self._lost is None:
            self._last = self._inside.submit(task)
            return self._last
        # With what it was doing, not before.
        future: Future[Result] = Future()
        self._last.add_done_callback(lambda _: future.set_exception(self._lost))
        return future

    def close(self) -> None:
        self._inside.close()


class FrailCrew(Crew):
    """Some of these; a lost one is replaced by another."""

    def __init__(self, job: Job, size: int, dies: Says, by_task: bool = False) -> None:
        self._make = lambda: Frail(job, dies, by_task)
        self.members = [self._make() for _ in range(size)]
        self.replaced = 0

    def replace(self, lost: Member) -> None:
        lost.close()
        self.replaced += 1
        self.members = [self._make() if member is lost else member for member in self.members]


def as_drawn(losses: Iterator[bool]) -> Says:
    """Loses the worker of the n-th task if the n-th of these says so; no more once they are at their end."""
    return lambda task: next(losses, False)
