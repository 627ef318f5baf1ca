"""Handing out a job's tasks, taking in what comes of them, and doing again what a lost worker had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import ExitStack
from typing import Any

from i2vbench.engine.agenda import Agenda, ClipAgenda, PictureAgenda
from i2vbench.engine.crew import Crew, Member, WorkerLost
from i2vbench.engine.worker import Holding, Result, Task, needs
from i2vbench.errors import UserError
from i2vbench.generate import Batch
from i2vbench.job import Job
from i2vbench.measure import Group

AHEAD = 2
"""Tasks that a worker has at once: one that it does, and one that it reads the clips of meanwhile."""

MOST_LOSSES = 3
"""So many workers may die of a task, with nothing else in hand, before it is given up."""

MOST_FALSE_STARTS = 5
"""So many workers in a row may die before they are ready; a run whose workers cannot start would go on for ever."""

_POLL_SECONDS = 0.2
"""How soon a wish to stop is seen."""


def execute(job: Job, hire: Callable[[], Crew]) -> None:
    """Do everything that the store says is owed, or as much as there is until `job.stop` is set.

    Args:
        job: The run's work.
        hire: Makes the crew; not called where nothing is owed, for workers take long to begin.

    Raises:
        UserError, OSError: As `Worker.submit`; nothing more is handed out then, and what has begun is finished.
    """
    with ExitStack() as ended:
        crew: Crew | None = None
        for kind in (PictureAgenda, ClipAgenda):
            if not job.stop.is_set() and (agenda := kind(job)).owes():
                if crew is None:
                    job.tools.place.sweep()  # of a run whose processes were killed, whatever engine it had
                    crew = ended.enter_context(hire())
                _Direction(agenda, job, crew).run()


class _Direction:
    """One agenda's tasks, and who has them."""

    def __init__(self, agenda: Agenda, job: Job, crew: Crew) -> None:
        self._agenda, self._job, self._crew = agenda, job, crew
        self._busy: dict[Future[Result], tuple[Member, Task]] = {}  # in the order in which they were handed out
        self._holds: dict[Member, Holding] = {}
        self._suspects: set[object] = set()  # workers have died with them in hand
        self._losses: Counter[object] = Counter()  # workers that had nothing else
        self._false_starts = 0

    def run(self) -> None:
        try:
            while self._hand_out():
                self._take_in()
            if self._agenda.owes() and not self._job.stop.is_set():
                raise RuntimeError("work is left that no worker takes")
        except BaseException:
            self._job.stop.set()
            self._cancel()
            raise

    def _hand_out(self) -> bool:
        """Give every worker what it can take; whether there is anything to wait for."""
        if self._job.stop.is_set():
            self._cancel()
            return bool(self._busy)
        there = [member for member in list(self._crew.members) if self._joined(member)]
        coming = len(there) < len(self._crew.members)
        for _ in range(AHEAD):  # one for each, before anybody has two
            for member in there:
                if task := self._next(member):
                    self._holds[member] = needs(task)
                    self._busy[member.submit(task)] = member, task
        return bool(self._busy) or (coming and self._agenda.owes())

    def _joined(self, member: Member) -> bool:
        """Whether a worker can be handed tasks."""
        if not member.ready.done():
            return False
        try:
            member.ready.result()
        except WorkerLost as lost:
            self._false_starts += 1
            if self._false_starts >= MOST_FALSE_STARTS:
                raise UserError(f"{self._false_starts} workers in a row ended as they began: {lost}") from lost
            self._replace(member, lost)
            return False
        self._false_starts = 0
        return True

    def _next(self, member: Member) -> Task | None:
        """What a worker is to be handed now; a task that workers may have died of is done alone."""
        has = self._tasks_of(member)
        if len(has) >= AHEAD or any(_key(task) in self._suspects for task in has):
            return None
        task = self._agenda.take(self._holds.get(member), may_change=not has, takes=member.takes)
        if task is not None and has and _key(task) in self._suspects:
            self._agenda.again(task)
            return None
        return task

    def _tasks_of(self, member: Member) -> list[Task]:
        return [task for other, task in self._busy.values() if other is member]

    def _take_in(self) -> None:
        coming = [member.ready for member in self._crew.members if not member.ready.done()]
        awaited: list[Future[Any]] = [*self._busy, *coming]
        done, _ = wait(awaited, _POLL_SECONDS, FIRST_COMPLETED)
        for future in [future for future in self._busy if future in done]:
            if future not in self._busy:  # its worker was lost, and it with it
                continue
            member, task = self._busy[future]
            try:
                result = future.result()
            except WorkerLost as lost:
                self._lose(member, lost)
                continue
            except CancelledError:  # the user wants to stop
                del self._busy[future]
                continue
            del self._busy[future]
            self._agenda.finish(task, result)

    def _lose(self, member: Member, lost: WorkerLost) -> None:
        """Owe a lost worker's tasks again, and have another in its place."""
        had = self._tasks_of(member)
        self._busy = {future: (other, task) for future, (other, task) in self._busy.items() if other is not member}
        if lost.by_task:
            self._suspects.update(map(_key, had))
        for task in reversed(had):  # each goes to the front
            if lost.by_task and len(had) == 1:
                self._losses[_key(task)] += 1
            if self._losses[_key(task)] >= MOST_LOSSES:
                self._agenda.give_up(task, f"{MOST_LOSSES} workers died of it")
            else:
                self._agenda.again(task)
        self._replace(member, lost)

    def _replace(self, member: Member, lost: WorkerLost) -> None:
        self._job.progress.say(f"note: {lost}; its clips are done again by others")
        self._holds.pop(member, None)
        self._crew.replace(member)

    def _cancel(self) -> None:
        for future in [future for future in self._busy if future.cancel()]:
            del self._busy[future]


def _key(task: Task) -> object:
    """What stays the same of a task that is handed out again."""
    match task:
        case Batch():
            return task.model, task.number
        case Group():
            return task.model, task.targets[0]
        case _:
            return task
