"""Workers of this process, on threads of their own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from i2vbench.engine.crew import Crew, Member
from i2vbench.engine.worker import Holding, Result, Task, Worker
from i2vbench.job import Job


class ThisProcess(Crew):
    """This process alone.

    On a CPU, one worker generates while another measures. On a GPU there is one, and models and networks take turns in
    it, so that a generator and the metrics' networks never compete for its memory.
    """

    def __init__(self, job: Job, device: str) -> None:
        halves = [("model", "first frames"), ("metrics",)] if device == "cpu" else [None]
        self.members = [Inside(job, device, kinds=kinds) for kinds in halves]


class Inside(Member):
    """A worker of this process, on threads of its own.

    Args:
        job: The run's work.
        device: As torch names it.
        kinds: Of what it may hold; None takes all.
        models: Those that it may hold; None takes all.
    """

    def __init__(
        self,
        job: Job,
        device: str,
        kinds: Sequence[str] | None = None,
        models: frozenset[str] | None = None,
    ) -> None:
        self._worker, self._kinds, self._models = Worker(job.tools, device, job.stop), kinds, models
        self.ready = Future()
        self.ready.set_result(None)

    def takes(self, holding: Holding) -> bool:
        kind, name = holding
        return (self._kinds is None or kind in self._kinds) and (self._models is None or name in self._models)

    def submit(self, task: Task) -> Future[Result]:
        return self._worker.submit(task)

    def close(self) -> None:
        self._worker.close()
