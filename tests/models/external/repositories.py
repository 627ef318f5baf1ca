"""Stand-ins of published repositories as folders on the disk, with an environment of their own."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

STANDINS = Path(__file__).with_name("standins")

FOLDERS = {
    "seine": "SEINE",
    "dynamicrafter": "DynamiCrafter",
    "dynamicrafter-512": "DynamiCrafter",
    "dynamicrafter-1024": "DynamiCrafter",
    "animateanything": "animate-anything",
    "vgen": "VGen",
}

_CHECKPOINTS = {
    "SEINE": {"pretrained/seine.pt": {"ema": 1}, "pretrained/stable-diffusion-v1-4/model_index.json": {}},
    "DynamiCrafter": {f"checkpoints/dynamicrafter_{n}_v1/model.ckpt": {"state_dict": 1} for n in (256, 512, 1024)},
    "animate-anything": {
        "output/latent/animate_anything_512_v1.02/config.yaml": {
            "pretrained_model_path": "elsewhere",
            "motion_strength": True,
            "train_batch_size": 8,
            "seed": None,
            "validation_data": {"prompt": "a girl moves hands", "num_frames": 16, "sample_preview": True},
        }
    },
    "VGen": {
        "models/i2vgen_xl_00854500.pth": {"state_dict": 1, "step": 0},
        "models/open_clip_pytorch_model.bin": {},
        "models/v2-1_512-ema-pruned.ckpt": {},
    },
}


def make_repository(word: str, folder: Path) -> Path:
    """A clone of what `word` names, with an environment in .venv and checkpoints where the file says."""
    name = FOLDERS.get(word, word)
    repository = folder / name
    shutil.copytree(STANDINS / name, repository, ignore=shutil.ignore_patterns("__pycache__"))
    make_environment(repository)
    for path, content in _CHECKPOINTS.get(name, {}).items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(json.dumps(content))
    return repository


def make_environment(repository: Path) -> None:
    """A Python that finds the stand-ins of torch and others, as a repository's own environment finds its own."""
    python = repository / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nPYTHONPATH='{STANDINS / 'fakes'}' exec '{sys.executable}' \"$@\"\n")
    python.chmod(0o755)


def records(log: Path) -> list[dict[str, Any]]:
    """What the stand-ins noted."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
