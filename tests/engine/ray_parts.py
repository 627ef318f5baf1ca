"""Models and metrics that end the worker they are in. Where they leave their marks is the folder of the calls' log."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from i2vbench.types import Cell, Clip, Measurement, MetricInfo, ModelInfo, Request, Video
from tests.parts import LOG, Colours, Noise, note

SECONDS = 60


def mark(name: str) -> Path:
    return Path(os.environ[LOG]).with_name(name)


def wait_for(path: Path) -> None:
    end = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.02)


def die_once(name: str) -> None:
    if not mark(name).exists():
        mark(name).touch()
        os.kill(os.getpid(), signal.SIGKILL)


class ByBatch(Noise):
    """Noise that depends on the batch, as a network's last bits do: one that is done again must come back whole."""

    info = ModelInfo(name="by-batch", title="", max_batch=2)

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        note("generate", [r.sample_id for r in requests])
        first = requests[0]
        size = (first.num_frames, first.height, first.width, 3)
        return [
            Video(np.random.default_rng(r.seed + len(requests)).integers(0, 256, size, np.uint8), r.fps)
            for r in requests
        ]


class DiesOnce(ByBatch):
    def generate(self, requests: Sequence[Request]) -> list[Video]:
        if requests[0].sample_id == "clip-2":
            die_once("died generating")
        return super().generate(requests)


class AlwaysDies(ByBatch):
    def generate(self, requests: Sequence[Request]) -> list[Video]:
        videos = super().generate(requests)
        if requests[0].sample_id == "clip-2":
            time.sleep(0.5)  # or what it did before is lost with it
            os.kill(os.getpid(), signal.SIGKILL)
        return videos


class OnTwoMachines(ByBatch):
    """On the machine that the mark names it never gets done; elsewhere it waits until that one has begun."""

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        if mark("goes").exists():
            import ray

            if ray.get_runtime_context().get_node_id() == mark("goes").read_text():
                note("generate", [r.sample_id for r in requests])
                mark("begun there").touch()
                time.sleep(SECONDS)
            wait_for(mark("begun there"))
        return super().generate(requests)


class Distance(Colours):
    """Of the mean colours of two sets; its worker is killed once, amid a group."""

    info = MetricInfo(id="distance", title="Distance", direction="lower", reads=frozenset({"video", "reference"}))

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        if clips[0].sample.id == "clip-0":
            die_once("died measuring")
        return [Measurement(c.sample.id, "distance", features=c.video.frames.mean((0, 1, 2))) for c in clips]

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        ours, real = ([m.features for m in group] for group in (generated, reference or ()))
        return Cell(float(np.linalg.norm(np.mean(ours, 0) - np.mean(real, 0))), len(ours))
