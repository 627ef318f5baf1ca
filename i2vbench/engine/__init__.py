"""Where the work happens: this process, other processes of this machine, or a Ray cluster.

base        what the run knows of an engine
directing   hands tasks to workers, takes in results, does again what a lost worker had
agenda      what a job owes, as tasks
crew        what directing sees of workers
worker      does tasks, with one model or one set of networks in memory
local       workers of this process; processes: of this machine
remote      both ends of a worker in another process; kit: what it is sent
ray_cluster the Ray engine; ray_crew, ray_actor: near and far ends of its workers; facts: what must be the same there
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from i2vbench.errors import UserError
from i2vbench.names import ENGINE_NAMES

if TYPE_CHECKING:
    from i2vbench.engine.base import Engine
    from i2vbench.settings import RunConfig


def choose(config: RunConfig) -> Engine:
    """The engine that is asked for.

    Raises:
        UserError: There is none of that name, it is not installed, or it has not all of the options that are given.
    """
    if config.engine == "local":
        given = {"--address": config.address, "--workers": config.workers, "--gpus-per-worker": config.gpus_per_worker}
        if strangers := [flag for flag, value in given.items() if value is not None]:
            raise UserError(
                f"{', '.join(strangers)}: only --engine ray has that; the local engine's workers are --devices"
            )
        from i2vbench.engine.local import LocalEngine

        # One GPU by its number is a place like --devices: the run may go on on another.
        return LocalEngine(config.devices or ((config.device,) if ":" in config.device else ()))
    if config.engine == "ray":
        if config.devices:
            raise UserError("--devices: only the local engine has that; Ray is asked for --workers, and places them")
        from i2vbench.engine.ray_cluster import RayEngine

        return RayEngine(config.address, config.workers, config.gpus_per_worker)
    raise UserError(f"--engine '{config.engine}': expected {' or '.join(ENGINE_NAMES)}")
