"""The work on this machine: in this process, or in a process for each of several devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from i2vbench.engine.base import Engine
from i2vbench.engine.crew import Crew, Member
from i2vbench.engine.kit import Kit
from i2vbench.engine.worker import Holding, Result, Task, Worker
from i2vbench.errors import UserError
from i2vbench.job import Job
from i2vbench.settings import resolve_device, versions


@dataclass(frozen=True, slots=True)
class LocalEngine(Engine):
    """This machine.

    Attributes:
        wanted: Devices that the user names; none takes one, or all GPUs of one kind where that is a GPU.
    """

    name = "local"
    wanted: Sequence[str] = ()

    def device(self, asked: str) -> str:
        if not self.wanted:
            return resolve_device(asked)
        if "auto" in self.wanted:
            raise UserError(
                "--devices auto: expected devices by name, such as cuda:0,cuda:1; leave it out for every GPU"
            )
        kinds = {device.partition(":")[0] for device in self.wanted}
        if len(kinds) > 1:
            raise UserError(f"--devices {','.join(self.wanted)}: expected one kind; another would round differently")
        for device in self.wanted:
            resolve_device(device)
        return kinds.pop()

    def versions(self, device: str) -> dict[str, str]:
        return versions(self._devices(device)[0])

    def crew(self, job: Job, kit: Callable[[], Kit]) -> Crew:
        devices = self._devices(job.device)
        if len(devices) == 1:
            return ThisProcess(job, devices[0])
        from i2vbench.engine.processes import Processes

        return Processes(job, kit(), devices)

    def _devices(self, device: str) -> Sequence[str]:
        if self.wanted:
            return self.wanted
        if device != "cuda":
            return (device,)
        import torch

        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        # Another kind rounds differently.
        return [f"cuda:{i}" for i, name in enumerate(names) if name == names[0]] if len(names) > 1 else (device,)


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
