"""What workers in other processes have in common: both ends, whatever lies between them."""

from __future__ import annotations

import itertools
import logging
import pickle
import threading
import traceback
import uuid
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace

from i2vbench import timings
from i2vbench.attempt import describe
from i2vbench.engine.crew import Member, WorkerLost
from i2vbench.engine.kit import Kit
from i2vbench.engine.worker import Holding, Result, Task, Worker
from i2vbench.job import Job, Tools

_log = logging.getLogger("i2vbench")


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back of a task.

    Attributes:
        result: Of the task.
        log: What was logged meanwhile: level and text, with the traceback that belongs to it.
        times: What was spent meanwhile; None where that is not counted.
    """

    result: Result
    log: tuple[tuple[int, str], ...]
    times: timings.Times | None = None


class Far:
    """The far end: a worker, made of the kit that it was sent.

    Args:
        kit: The run's.
        device: As torch names it, there.
        check: Refuses what it is to work with.
    """

    def __init__(self, kit: Kit, device: str, check: Callable[[Tools], None] = lambda tools: None) -> None:
        if device == "cpu" and kit.threads is not None:
            import torch

            torch.set_num_threads(kit.threads)
        if kit.config.timings:
            timings.begin()
        with timings.timed("start", "workers"):
            tools = replace(kit, place=replace(kit.place, writer=uuid.uuid4().hex)).unpack()
        check(tools)
        self._worker = Worker(tools, device, threading.Event())
        self._futures: dict[int, Future[Result]] = {}
        self._collected = _Collected()
        logs = (_log, logging.getLogger("py.warnings"))
        logging.captureWarnings(True)
        for log in logs:
            log.addHandler(self._collected)
            log.propagate = False
        _log.setLevel(logging.INFO)

    def do(self, number: int, task: Task) -> Future[Answer]:
        """Do a task; `number` names it."""
        answer: Future[Answer] = Future()
        future = self._futures[number] = self._worker.submit(task)

        def hand_over(done: Future[Result]) -> None:
            self._futures.pop(number, None)
            if done.cancelled():
                answer.set_exception(CancelledError())
            elif error := done.exception():
                answer.set_exception(sendable(error))
            else:
                answer.set_result(Answer(done.result(), self._collected.take(), timings.take()))

        future.add_done_callback(hand_over)
        return answer

    def cancel(self, number: int) -> None:
        """Leave a task that has not begun."""
        if future := self._futures.get(number):
            future.cancel()

    def close(self) -> None:
        self._worker.close()


def sendable(error: BaseException) -> BaseException:
    """An error that keeps its traceback, as text, when it is raised in another process."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it has to be told
        told = RuntimeError(describe(error))
        told.__notes__ = error.__notes__
        return told
    return error


def outcome(done: Future[Answer]) -> Answer | BaseException:
    """What has come of a task, as it can be sent."""
    return done.exception() or done.result()


class _Collected(logging.Handler):
    """Records as text, until they are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._lines: list[tuple[int, str]] = []
        self._mutex = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        with self._mutex:
            self._lines.append((record.levelno, self.format(record)))

    def take(self) -> tuple[tuple[int, str], ...]:
        with self._mutex:
            lines, self._lines = tuple(self._lines), []
        return lines


class RemoteMember(Member):
    """The near end: what it has been handed and has not answered.

    Args:
        place: Where the worker is, for the user.
        outside: Models that the directing process alone may hold.
    """

    def __init__(self, place: str, outside: frozenset[str]) -> None:
        self.place, self._outside = place, outside
        self.ready = Future()
        self._numbers = itertools.count()
        self._mutex = threading.RLock()
        self._open: dict[int, Future[Result]] = {}  # in order: the first is the one being done
        self._is_lost = False

    def takes(self, holding: Holding) -> bool:
        return holding[0] != "model" or holding[1] not in self._outside

    def submit(self, task: Task) -> Future[Result]:
        future: Future[Result] = Future()
        with self._mutex:
            if self._is_lost:
                future.set_exception(WorkerLost(self.place, by_task=False))
                return future
            number = next(self._numbers)
            self._open[number] = future
            self._begin_first()
        future.add_done_callback(lambda done: self._cancel(number) if done.cancelled() else None)
        self._send(number, task)
        return future

    @abstractmethod
    def _send(self, number: int, task: Task) -> None:
        """Hand a task over; `_answered` or `_lost` comes later, from any thread."""

    @abstractmethod
    def _cancel(self, number: int) -> None:
        """Ask for a task not to be begun."""

    def _answered(self, number: int, answer: Answer | BaseException) -> None:
        """A task's answer, or its exception."""
        with self._mutex:
            future = self._open.pop(number)
            self._begin_first()
        if isinstance(answer, Answer):
            timings.merge(answer.times)
            for level, text in answer.log:
                _log.log(level, "%s: %s", self.place, text)
        if future.cancelled():
            return
        if not future.running():
            future.set_running_or_notify_cancel()
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer.result)

    def _lost(self, by_task: bool) -> None:
        """The worker is gone, with all that it had."""
        with self._mutex:
            self._is_lost, lost = True, WorkerLost(self.place, by_task)
            opened, self._open = list(self._open.values()), {}
        if not self.ready.done():
            self.ready.set_exception(lost)
        for future in opened:
            if not future.cancelled():
                future.set_exception(lost)

    def _begin_first(self) -> None:
        """What is being done cannot be cancelled."""
        first = next(iter(self._open.values()), None)
        if first is not None and not first.running() and not first.cancelled():
            first.set_running_or_notify_cancel()


def held_here(job: Job) -> frozenset[str]:
    """Models that no other process may hold, by their columns."""
    return frozenset(name for name, model in job.tools.models.items() if model.one_holder)
