"""The work on a Ray cluster: which one, how many workers it has room for, and what their machines are."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from i2vbench.engine.base import Engine
from i2vbench.engine.crew import Crew
from i2vbench.engine.facts import ON_GPU, facts, machine
from i2vbench.engine.kit import Kit
from i2vbench.errors import UserError
from i2vbench.extras import need
from i2vbench.job import Job
from i2vbench.machine import versions

_log = logging.getLogger("i2vbench")
_HERE = "local"
_SECONDS_TO_CONNECT = 10.0
_SECONDS_BETWEEN_WORDS = 60.0


class RayEngine(Engine):
    """A Ray cluster.

    Args:
        address: HOST:PORT of its head, or "auto"; None takes that of RAY_ADDRESS, or begins a cluster on this machine.
        workers: How many to ask for; None as many as there is room for.
        gpus_per_worker: Of the cluster's GPUs, for each; fractions share one. None takes 1 where there are any.

    Raises:
        UserError: For a share that no worker can have.
    """

    name = "ray"

    def __init__(self, address: str | None, workers: int | None, gpus_per_worker: float | None) -> None:
        self._share = 1.0 if gpus_per_worker is None else gpus_per_worker
        if not 0 < self._share <= 1:
            raise UserError(f"--gpus-per-worker {self._share:g}: a worker uses one GPU, or a share of one (0.25)")
        self._address, self._workers, self._on_a_gpu = address, workers, gpus_per_worker is not None
        self._begun = False
        self._gpu: dict[str, str] = {}

    def device(self, asked: str) -> str:
        if asked not in ("auto", "cpu", "cuda"):
            raise UserError(f"--device {asked}: with --engine ray it is auto, cpu or cuda; Ray says which GPU is whose")
        self._connect()
        there = self._room("GPU")
        if asked == "cuda" and not there and self._workers is None:
            raise UserError("--device cuda: the Ray cluster has no GPU now; if some will join, say how many --workers")
        device = ("cuda" if there else "cpu") if asked == "auto" else asked
        if device == "cpu" and self._on_a_gpu:
            raise UserError("--gpus-per-worker: the work is done on CPUs (the cluster has no GPU now, or --device cpu)")
        return device

    def versions(self, device: str) -> dict[str, str]:
        if device == "cpu":
            return versions(device)
        return versions("cpu") | {name: self._of_gpu()[name] for name in ON_GPU}

    def crew(self, job: Job, kit: Callable[[], Kit]) -> Crew:
        import torch

        from i2vbench.engine.ray_crew import Actors

        packed = kit()
        # Ray would have it be the CPUs that it has reserved.
        threads = packed.threads or torch.get_num_threads()
        packed = replace(packed, threads=threads)
        expected = facts("cpu", packed.config)
        if job.device == "cuda":
            # The machine that directs may be of another kind: it does no work.
            expected.pop("processor")
            return Actors(
                job, packed, expected | self._of_gpu(), self._workers or self._on_gpus(), {"num_gpus": self._share}
            )
        cpus = min(threads, max(map(int, self._room("CPU")), default=threads))
        count = self._workers or sum(int(there) // cpus for there in self._room("CPU"))
        if not count:
            raise UserError("the Ray cluster has no CPU now; if some will join, say how many --workers")
        return Actors(job, packed, expected, count, {"num_cpus": cpus})

    def close(self) -> None:
        if self._begun:
            sys.modules["ray"].shutdown()

    def _room(self, resource: str) -> list[float]:
        """How much of it each machine has that has any."""
        nodes = sys.modules["ray"].nodes()
        amounts = [node["Resources"].get(resource, 0.0) for node in nodes if node["Alive"]]
        return [amount for amount in amounts if amount >= 1]

    def _on_gpus(self) -> int:
        return sum(map(int, self._room("GPU"))) * int(1 / self._share + 1e-9)

    def _of_gpu(self) -> dict[str, str]:
        """`machine` where the first GPU is that Ray gives us."""
        if self._gpu:
            return self._gpu
        ray = sys.modules["ray"]
        answer = ray.remote(machine).options(num_gpus=self._share, num_cpus=0).remote("cuda")
        while not ray.wait([answer], timeout=_SECONDS_BETWEEN_WORDS)[0]:
            _log.warning("waiting for a GPU of the Ray cluster: none is free yet")
        try:
            self._gpu = ray.get(answer)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"no GPU of the Ray cluster can be worked with: {reason}") from error
        return self._gpu

    def _connect(self) -> None:
        """Join the cluster, or begin one here.

        Raises:
            UserError: Ray is not installed, or there is no such cluster.
        """
        address = self._address or os.environ.get("RAY_ADDRESS") or _HERE
        if "://" in address:
            raise UserError(
                f"--address {address}: the run is directed by a machine of the cluster, which sees its folder; run "
                "this there (over ssh, or with `ray job submit`) with --address auto"
            )
        ray = _import_ray(of_its_own=address == _HERE)
        if ray.is_initialized():  # by the program that calls us
            return
        _check_answers(address)
        options: dict[str, Any] = {"include_dashboard": False} if address == _HERE else {}
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            hint = (
                "" if "RAY_AUTH_MODE" in os.environ else " (if it asks for a token: set RAY_AUTH_MODE=token here too)"
            )
            raise UserError(f"--address {address}: {str(error).strip()}{hint}") from error
        self._begun = True
        _silence(ray)


def _import_ray(of_its_own: bool) -> Any:
    """Ray.

    Args:
        of_its_own: Whether a cluster is to be begun here.
    """
    need("--engine ray", "ray")
    if "ray" not in sys.modules:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if of_its_own and "RAY_AUTH_MODE" not in os.environ:
            # It listens on every network that this machine is in, and whoever is let in can run what he likes.
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray

    return ray


def _check_answers(address: str) -> None:
    """Refuse an address where nobody is; Ray itself takes a minute and a half, and ends the process."""
    host, colon, port = address.rpartition(":")
    if not colon:
        return  # "auto", "local", or what Ray says something of
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"--address {address}: expected HOST:PORT, or auto")
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()
    except OSError as error:
        raise UserError(f"--address {address}: no Ray cluster answers there ({error.strerror or error})") from error


def _silence(ray: Any) -> None:
    """A worker's death is told by the run itself, in a line; Ray has no setting for its own paragraph of it."""
    ray._private.worker._worker_logs_enabled = False
