"""AMT-tiny interpolates the synthetic world, and its recipe makes what the metric loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from i2vbench import weights
from i2vbench.datasets.synthetic import draw_clip, held_out
from i2vbench.metrics.base import read_network
from i2vbench.metrics.motion_smoothness import MotionSmoothness
from i2vbench.metrics.networks import amt as network
from i2vbench.progress import choose
from i2vbench.tiny import amt
from i2vbench.tiny.recipe import Curve
from i2vbench.types import Clip, FrameSource, Sample, Video


def test_its_frames_are_nearer_than_blended_ones() -> None:
    loaded = read_network("amt", "tiny_amt")
    assert isinstance(loaded, network.AMT)
    scores = amt.against_blending(loaded, 8)
    assert scores["psnr_db"] > scores["psnr_blend_db"] + 1.5
    assert scores["better_than_blend"] > 0.7


def test_motion_smoothness_sees_frames_out_of_order() -> None:
    metric = MotionSmoothness()
    metric.info = replace(metric.info, checkpoints=("tiny_amt",))
    metric.load("cpu", "float32")
    clip = draw_clip(held_out(1), num_frames=7)
    swapped = np.ascontiguousarray(clip.frames[[0, 3, 2, 5, 4, 1, 6]])
    sample = Sample("clip", "Pet", "a dog", FrameSource(Path("x.png")))
    smooth, jumping = metric.measure([Clip(sample, clip.video), Clip(sample, Video(swapped, clip.fps))])
    assert smooth.value is not None
    assert jumping.value is not None
    assert smooth.value > jumping.value + 0.005


def test_the_recipe_makes_what_is_loaded_and_the_same_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amt, "CLIPS", 2)
    monkeypatch.setattr(amt, "BATCH", 1)
    monkeypatch.setattr(amt, "MATCHING", 0.4)

    def trained(name: str) -> dict[str, torch.Tensor]:
        recipe = amt.AmtTiny()
        recipe.steps = 3  # one that matches
        with choose(quiet=True) as progress, Curve(tmp_path / name, progress, "amt", recipe.steps) as curve:
            return recipe.train(curve)

    first, second = trained("first.csv"), trained("second.csv")
    assert all(torch.equal(first[key], second[key]) for key in first)
    sizes = network.Sizes(**weights.entry("tiny_amt").sizes)
    assert network.load(first, sizes).state_dict().keys() == read_network("amt", "tiny_amt").state_dict().keys()
