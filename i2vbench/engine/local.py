"""The work on this machine: in this process, or in a process for each of several devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from i2vbench.engine.base import Engine
from i2vbench.engine.crew import Crew
from i2vbench.engine.inside import ThisProcess
from i2vbench.engine.kit import Kit
from i2vbench.engine.processes import Processes
from i2vbench.errors import UserError
from i2vbench.job import Job
from i2vbench.machine import resolve_device, versions


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
