"""Workers on this machine, a process each: one for every GPU."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

from i2vbench.engine.crew import Crew, Member
from i2vbench.engine.inside import Inside
from i2vbench.engine.kit import Kit
from i2vbench.engine.remote import Answer, Far, RemoteMember, held_here, outcome, sendable
from i2vbench.engine.worker import Task
from i2vbench.job import Job

_GPUS = "CUDA_VISIBLE_DEVICES"
_STOPPING = (signal.SIGINT, signal.SIGTERM)


class Processes(Crew):
    """A process on each device, and this one for models that it alone may hold.

    Args:
        job: The run's work.
        kit: What workers are sent.
        devices: As torch names them here; one may stand there several times.
    """

    def __init__(self, job: Job, kit: Kit, devices: Sequence[str]) -> None:
        self._kit, self._outside = kit, held_here(job)
        self.members: list[Member] = [self._begin(device) for device in devices]
        if self._outside:
            self.members.append(Inside(job, job.device, ("model",), self._outside))

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._kit.place.sweep()

    def replace(self, lost: Member) -> None:
        assert isinstance(lost, Process)
        self.members[self.members.index(lost)] = self._begin(lost.device)

    def _begin(self, device: str) -> Process:
        return Process(self._kit, device, self._outside)


class Process(RemoteMember):
    """One of them."""

    def __init__(self, kit: Kit, device: str, outside: frozenset[str]) -> None:
        super().__init__(f"on {device}", outside)
        self.device = device
        # Not forked: what torch has begun here (CUDA, threads) does not live on in a copy.
        context = multiprocessing.get_context("spawn")
        self._connection, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(far, kit, *_as_seen_there(device)), name=self.place)
        with _stopping_held():
            self._process.start()
        far.close()
        self.place = f"on {device} (process {self._process.pid})"  # one device may have several
        self._sending = threading.Lock()
        threading.Thread(target=self._listen, name=f"listen to {self.place}", daemon=True).start()

    def close(self) -> None:
        if self.ready.done():
            self._post(None)
        else:
            self._process.kill()  # it has nothing to finish, and would go on importing for a while
        self._process.join()

    def _send(self, number: int, task: Task) -> None:
        self._post((number, task))

    def _cancel(self, number: int) -> None:
        self._post((number, None))

    def _post(self, message: object) -> None:
        try:
            with self._sending:
                self._connection.send(message)
        except OSError:
            pass  # it is gone; `_listen` says so

    def _listen(self) -> None:
        try:
            while True:
                match self._connection.recv():
                    case None:
                        self.ready.set_result(None)
                    case BaseException() as error:
                        self.ready.set_exception(error)
                    case number, answer:
                        self._answered(number, answer)
        except (EOFError, OSError):
            self._lost(by_task=True)


@contextmanager
def _stopping_held() -> Iterator[None]:
    """Have a process that is begun meanwhile not see Ctrl-C before it has said what that is to do there."""
    resource_tracker.ensure_running()  # as it begins, it would let them through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _as_seen_there(device: str) -> tuple[str, str | None]:
    """How a process that sees one GPU alone calls this one, and which one that is."""
    if not device.startswith("cuda"):
        return device, None
    number = int(device.partition(":")[2] or 0)
    visible = os.environ.get(_GPUS, "")
    return "cuda", visible.split(",")[number].strip() if visible else str(number)


def _serve(connection: Connection, kit: Kit, device: str, gpu: str | None) -> None:
    """What such a process does: tasks, until it is told to end or the one that began it is gone."""
    # Whoever stops the run stops its workers; they finish what has begun.
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)  # or what a model begins would never see them
    os.dup2(2, 1)  # what a model prints is not the result
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if gpu is not None:
        os.environ[_GPUS] = gpu  # torch is not there yet, nor any code that calls for a "cuda:0"
    sending = threading.Lock()

    def post(message: object) -> None:
        with sending:
            connection.send(message)

    try:
        far = Far(kit, device)
    except BaseException as error:  # noqa: BLE001 - it is raised where the run is directed
        post(sendable(error))
        return
    post(None)
    while (message := connection.recv()) is not None:
        number, task = message
        if task is None:
            far.cancel(number)
        else:
            far.do(number, task).add_done_callback(partial(_hand_over, number, post))
    far.close()


def _hand_over(number: int, post: Callable[[object], None], done: Future[Answer]) -> None:
    post((number, outcome(done)))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
