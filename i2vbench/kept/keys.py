"""Keys: a hash of everything that decides the bytes of a group's measurements, or of a batch's videos."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args

import i2vbench
from i2vbench.machine import versions
from i2vbench.metrics.base import Metric
from i2vbench.models.base import Model
from i2vbench.types import ClipSource, Image, Request, Sample

Room = Literal["metrics", "models"]
ROOMS: tuple[Room, ...] = get_args(Room)

_DECIDES = ("num_frames", "fps", "height", "width", "interpolation", "sampling", "other_videos")
"""Fields of a protocol that decide frames."""

_NAMES = ("name", "title", "paper", "licence")
"""Fields of a model's info that decide nothing."""

_CHOOSES = (
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "DIFFUSERS_ATTN_BACKEND",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
"""Environment variables by which libraries choose their kernels."""

_MORE = (
    "accelerate",
    "beautifulsoup4",
    "ftfy",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13",
    "sentencepiece",
    "tokenizers",
)
"""Packages beside those of run.json: pipelines clean and split prompts otherwise where one is there and not there."""

_ASIDE = frozenset(
    "adapter annotate cli compare curation datasets doctor export figures human leaderboards tables tiny "
    "validate".split()
)
"""Rooms whose code runs before or after; that of models and metrics is counted where it matters."""

_CODE = frozenset({".py", ".toml", ".txt"})

_BEGUN = time.time() - time.process_time()
"""When this process began, or a little later."""

_LOOK_SECONDS = 1.0
"""Between two looks at when our code was written."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A clip, as far as it decides what is measured of it.

    Attributes:
        sample: What it was made for.
        sha256: Of its file.
        stretch: Of the file, for a real clip; None for a model's video.
    """

    sample: Sample
    sha256: str
    stretch: ClipSource | None = None


class Keys:
    """Of what one run makes.

    Args:
        recorded: What run.json says.
    """

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        self._recorded = recorded

    def of_measurements(self, metric: Metric, clips: Sequence[Seen], device: str) -> str | None:
        """The key of what a metric says of clips that it is shown together; None if that is not kept."""
        if not is_kept(metric) or not is_as_hashed("metrics"):
            return None
        record, profile = self._recorded["metrics"][metric.info.id], self._recorded["profile"]
        return _hash(
            kind="measurements",
            metric={name: value for name, value in record.items() if name != "spec"},
            cls=type(metric).__qualname__,
            clips=[_clip(clip, metric) for clip in clips],
            protocol={name: profile["protocol"].get(name) for name in _DECIDES},
            precision=profile["precision"],
            reader=self._recorded["reader"],
            made_by=surroundings(device),
            code=code_sha256("metrics"),
        )

    def of_videos(self, name: str, model: Model, requests: Sequence[Request], device: str) -> str | None:
        """The key of what a model makes of requests that it is handed together; None if that is not kept.

        Args:
            name: Of its column.
            model: What stands there.
            requests: In order.
            device: As torch names it.
        """
        if not is_kept(model) or not requests or not is_as_hashed("models"):
            return None
        record = self._recorded["models"][name]
        return _hash(
            kind="videos",
            model={key: value for key, value in record.items() if key not in ("spec", "batch_size", "info")},
            info={key: value for key, value in record["info"].items() if key not in _NAMES},
            # Of what a profile says some decides how a network runs (whether it is compiled) and is no setting.
            options=self._recorded["profile"].get("models", {}),
            cls=type(model).__qualname__,
            requests=[_request(request) for request in requests],
            dtype=self._recorded["dtype"],
            made_by=surroundings(device),
            code=code_sha256("models"),
        )


def is_kept(thing: Model | Metric) -> bool:
    """Whether its class itself says that what it makes may be kept over runs; a class derived from it says so anew."""
    return bool(vars(type(thing)).get("kept_over_runs", False))


def surroundings(device: str) -> dict[str, Any]:
    """What of this machine and process decides how numbers are rounded."""
    import torch

    return {
        **_lasting(device),
        "threads": torch.get_num_threads(),  # a sum over an array is split among them
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "tuned": torch.backends.cudnn.benchmark,
    }


@cache
def _lasting(device: str) -> dict[str, Any]:
    """The part that stays what it is as long as the process lives."""
    import torch

    return {
        "i2vbench": i2vbench.__version__,
        "versions": versions(device, _MORE),
        "device": device.partition(":")[0],
        "processor": processor(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "environment": {name: os.environ[name] for name in _CHOOSES if name in os.environ},
    }


def processor() -> str:
    """As its maker calls it: libraries choose kernels by it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


@cache
def code_sha256(room: Room) -> str:
    """A hash of our code that can decide what metrics measure, or models make."""
    total = hashlib.sha256()
    for name, path in sorted(code_files(room).items()):
        total.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def is_as_hashed(room: Room) -> bool:
    """Whether none of that code was written since this process began: it imports modules when it first needs them, so
    what it makes after an edit is neither the old code's nor the new one's, and must not be kept as either's."""
    return _is_as_hashed(room, int(time.monotonic() / _LOOK_SECONDS))


@lru_cache(maxsize=4)
def _is_as_hashed(room: Room, _: int) -> bool:
    try:
        return all(path.stat().st_mtime <= _BEGUN for path in code_files(room).values())
    except FileNotFoundError:
        return False


def code_files(room: Room) -> dict[str, Path]:
    """The files of that code, and of tables beside it."""
    root = Path(i2vbench.__file__).parent
    apart = _ASIDE | {"metrics", "models"}  # a wheel has these below it, too
    found = {name: path for name, path in _below(root).items() if name.partition("/")[0] not in apart}
    own = Path(import_module(f"i2vbench.{room}").__path__[0])
    return found | {f"{room}/{name}": path for name, path in _below(own).items()}


def _below(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.suffix in _CODE}


def _clip(clip: Seen, metric: Metric) -> list[object]:
    sample, reads = clip.sample, metric.info.reads
    words = {"prompt": sample.prompt, "objects": list(sample.objects), "scene": sample.scene}
    read = {name: value for name, value in words.items() if name in reads}
    stretch = clip.stretch and [clip.stretch.start, clip.stretch.end, clip.stretch.stride]
    return [clip.sha256, stretch, read, sample.lacks(reads)]


def _request(request: Request) -> list[object]:
    size = [request.num_frames, request.height, request.width, request.fps, request.frame_stride]
    pictures = [_picture(request.first_frame), _picture(request.source_image)]
    return [*pictures, request.prompt, *size, request.seed]


def _picture(picture: Image | None) -> list[object] | None:
    return None if picture is None else [*picture.shape, hashlib.sha256(picture.tobytes()).hexdigest()]


def _hash(**decides: object) -> str:
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
