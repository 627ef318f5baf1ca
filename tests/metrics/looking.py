"""Checkpoints of the published layout with the recipe's numbers, where metrics look for theirs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from i2vbench.types import Clip, FrameSource, Sample, Video
from i2vbench.weights import catalogue
from tests.conftest import moving_frames
from tests.reference import recipe
from tests.reference.cases import bundled_json

PINS = re.compile(r"^(sha256|size|git_object) = .*\n", re.MULTILINE)


def recipe_state(folder: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """The recipe's checkpoint of a folder of recorded cases, its statistics such that clips differ."""
    keys = bundled_json(f"{folder}/keys.json")
    return {key: torch.from_numpy(array) for key, array in recipe.state(keys, seed).items()}


def lay_out(cache: Path, monkeypatch: pytest.MonkeyPatch, states: dict[str, dict[str, torch.Tensor]]) -> None:
    """A catalogue without pinned contents, and a cache folder with these checkpoints."""
    cache.mkdir(parents=True, exist_ok=True)
    text = PINS.sub("", catalogue.CATALOGUE_FILE.read_text(encoding="utf-8"))
    (cache / "catalogue.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(catalogue, "CATALOGUE_FILE", cache / "catalogue.toml")
    monkeypatch.setenv("I2VBENCH_CACHE", str(cache))
    monkeypatch.setenv("HF_HOME", str(cache / "hf"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache / "hf" / "hub"))
    for name, state in states.items():
        file = cache / "weights" / name / catalogue.entry(name).file
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, file)


def make_clip(seed: int, num_frames: int = 9, prompt: str = "a dog", size: int = 32) -> Clip:
    sample = Sample(f"clip-{seed}", "Pet", prompt, FrameSource(Path("x.png")))
    return Clip(sample, Video(np.ascontiguousarray(moving_frames(num_frames, size, size, seed)), 8.0))
