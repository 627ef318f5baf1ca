"""The near ends of workers on a Ray cluster, an actor each."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError, RuntimeEnvSetupError

from i2vbench.engine.crew import Crew, Member
from i2vbench.engine.inside import Inside
from i2vbench.engine.kit import Kit
from i2vbench.engine.ray_actor import FarActor, Here, Terms
from i2vbench.engine.remote import RemoteMember, held_here
from i2vbench.engine.worker import Task
from i2vbench.errors import UserError
from i2vbench.job import Job

_log = logging.getLogger("i2vbench")

_PASSED_ON = ("I2VBENCH_", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE")
"""How variables begin that say where files are: they hold for workers too."""

_SECONDS_BETWEEN_WORDS = 60.0

_GRACE_SECONDS = 2.0
"""A machine that is taken away ends its processes before itself: so long is waited before one of them is blamed."""

_SECONDS_TO_ANSWER = 5.0
"""So long a machine may take to show that it is there."""


class Actors(Crew):
    """An actor for each worker, and this process for models that it alone may hold.

    Args:
        job: The run's work.
        kit: What workers are sent.
        facts: What must be the same where they are.
        count: How many to ask for. Those that there is no room for now begin when there is.
        share: Of a machine, for each: num_gpus or num_cpus, as Ray has it.
    """

    def __init__(self, job: Job, kit: Kit, facts: Mapping[str, str], count: int, share: Mapping[str, float]) -> None:
        self._job, self._facts, self._outside = job, facts, held_here(job)
        self._seen = _file_of_data_set(kit)
        self._kit = ray.put(kit)
        self._options = {
            "num_cpus": 0,
            **share,
            # Replacing is ours: who is begun again by Ray would know nothing of its tasks.
            "max_restarts": 0,
            "max_task_retries": 0,
            "runtime_env": {"env_vars": _environment()},
        }
        self._over, self._any_lost = threading.Event(), False
        self.members: list[Member] = [self._begin() for _ in range(count)]
        if self._outside:
            self.members.append(Inside(job, job.device, ("model",), self._outside))
        threading.Thread(target=self._tell, name="tell of workers", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with ThreadPoolExecutor(min(32, len(self.members))) as pool:
            list(pool.map(lambda member: member.close(), self.members))
        if self._any_lost:
            self._job.tools.place.sweep()

    def replace(self, lost: Member) -> None:
        self._any_lost = True
        self.members[self.members.index(lost)] = self._begin()

    def _begin(self) -> Actor:
        terms = Terms(self._job.device, self._facts, self._seen)
        return Actor(self._kit, terms, self._options, self._outside)

    def _tell(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_WORDS):
            actors = [member for member in self.members if isinstance(member, Actor)]
            if not any(actor.ready.done() for actor in actors):
                self._job.progress.say(f"waiting for workers: {len(actors)} asked for, none is there yet")


class Actor(RemoteMember):
    """One of them.

    Args:
        kit: Where Ray keeps what it is sent.
        terms: On which it may work.
        options: Ray's.
        outside: As `RemoteMember` has it.
    """

    def __init__(self, kit: Any, terms: Terms, options: Mapping[str, Any], outside: frozenset[str]) -> None:
        super().__init__("of the Ray cluster", outside)
        self._node: str | None = None
        self._over, self._gone, self._once = threading.Event(), False, threading.Lock()
        far: Any = ray.remote(FarActor)  # whose type knows nothing of its options
        self._far = far.options(**options).remote()
        self._ask(self._far.where.remote(), self._is_at)
        self._ask(self._far.begin.remote(kit, terms), self._has_begun)

    def close(self) -> None:
        self._over.set()
        if self.ready.done() and self.ready.exception() is None and not self._gone:
            with suppress(RayError):
                ray.get(self._far.close.remote())
        ray.kill(self._far)

    def _send(self, number: int, task: Task) -> None:
        self._ask(self._far.do.remote(number, task), partial(self._answered, number))

    def _cancel(self, number: int) -> None:
        self._far.cancel.remote(number)

    def _ask(self, reference: Any, take: Callable[[Any], None]) -> None:
        """Have an answer taken in, from a thread of Ray's."""

        def arrived(done: Future[Any]) -> None:
            if self._gone:  # its tasks are others' by now
                return
            error = done.exception()
            if error is None:
                take(done.result())
            elif isinstance(error, RayTaskError):  # what it was sent, or its answer, cannot be sent
                take(error.cause if isinstance(error.cause, BaseException) else error)
            else:
                self._end(error)

        reference.future().add_done_callback(arrived)

    def _is_at(self, here: Here | BaseException) -> None:
        if isinstance(here, Here):
            self.place, self._node = f"on {here.machine} (process {here.process})", here.node

    def _has_begun(self, problem: BaseException | None) -> None:
        if problem is None:
            self.ready.set_result(None)
        else:
            self.ready.set_exception(problem)

    def _end(self, error: BaseException) -> None:
        """It is gone or cannot be reached, or an answer of its is lost."""
        with self._once:
            if self._gone or self._over.is_set():
                return
            self._gone = True
        threading.Thread(target=self._bury, args=(error,), name=f"end of {self.place}", daemon=True).start()

    def _bury(self, error: BaseException) -> None:
        if isinstance(error, RuntimeEnvSetupError) or (isinstance(error, RayActorError) and error.actor_init_failed):
            reason = str(error).strip().splitlines()[-1]
            self.ready.set_exception(UserError(f"Ray cannot begin a worker: {reason}"))
            return
        _log.info("%s: %s", self.place, error)
        if self._over.wait(_GRACE_SECONDS):
            return
        ray.kill(self._far)  # if it lives on unreached, it is not to write
        # Otherwise it was an answer that was lost.
        died = isinstance(error, RayActorError | OutOfMemoryError)
        self._lost(by_task=died and self._node is not None and _is_there(self._node))


def _is_there(name: str) -> bool:
    """Whether a machine is. Ray itself notices after a quarter of a minute that one is gone."""
    nodes = ray.nodes()
    node = next((node for node in nodes if node["NodeID"] == name and node["Alive"]), None)
    if node is None:
        return False
    try:
        socket.create_connection((node["NodeManagerAddress"], node["NodeManagerPort"]), _SECONDS_TO_ANSWER).close()
    except OSError:
        return False
    return True


def _environment() -> dict[str, str]:
    """What of this process's environment holds for workers too."""
    passed_on = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
    # Ray would have it be the CPUs that it has reserved; sums of another number of threads round differently.
    threads = os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count() or 1)
    return passed_on | {"OMP_NUM_THREADS": threads}


def _file_of_data_set(kit: Kit) -> Any:
    """A file that must be there for everybody; None if nothing of the data set is a file here."""
    sources = (source for planned in kit.plan for source in (planned.sample.reference, planned.sample.first_frame))
    return next((source.path for source in sources if source is not None and source.path.exists()), None)
