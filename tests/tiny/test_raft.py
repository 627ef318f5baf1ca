"""RAFT-tiny sees how things of the synthetic world move, and its recipe makes what the metric loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from i2vbench import weights
from i2vbench.datasets.synthetic import draw_clip, held_out, plan_clip
from i2vbench.metrics.base import read_network
from i2vbench.metrics.dynamic_degree import DynamicDegree
from i2vbench.metrics.networks import raft as network
from i2vbench.progress import choose
from i2vbench.tiny import raft
from i2vbench.tiny.recipe import Curve
from i2vbench.types import Clip, FrameSource, Sample


def test_its_flow_is_nearer_than_none() -> None:
    loaded = read_network("raft", "tiny_raft")
    assert isinstance(loaded, network.RAFT)
    errors = raft.flow_errors(loaded, 4)
    assert errors["epe_zero_px"] > 1.5
    assert errors["epe_px"] < 0.5 * errors["epe_zero_px"]


def test_dynamic_degree_tells_a_clip_that_moves_from_one_that_stays() -> None:
    metric = DynamicDegree()
    metric.info = replace(metric.info, checkpoints=("tiny_raft",))
    metric.load("cpu", "float32")
    plan = plan_clip(held_out(0))
    things = tuple(replace(thing, motion="stays") for thing in plan.things)
    clips = [draw_clip(replace(plan, things=things, camera=camera), num_frames=5) for camera in ("left", "still")]
    sample = Sample("clip", "Pet", "a dog", FrameSource(Path("x.png")))
    assert [m.value for m in metric.measure([Clip(sample, clip.video) for clip in clips])] == [1.0, 0.0]


def test_the_recipe_makes_what_is_loaded_and_the_same_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raft, "CLIPS", 2)
    monkeypatch.setattr(raft, "BATCH", 2)
    monkeypatch.setattr(raft, "ITERATIONS", 2)
    monkeypatch.setattr(raft, "COARSE", 0.7)

    def trained(name: str) -> dict[str, torch.Tensor]:
        recipe = raft.RaftTiny()
        recipe.steps = 4  # one that matches, one that is coarse, two of the rest
        with choose(quiet=True) as progress, Curve(tmp_path / name, progress, "raft", recipe.steps) as curve:
            return recipe.train(curve)

    first, second = trained("first.csv"), trained("second.csv")
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert (tmp_path / "first.csv").read_text().count("\n") == 5
    sizes = network.Sizes(**weights.entry("tiny_raft").sizes)
    assert network.load(first, sizes).state_dict().keys() == read_network("raft", "tiny_raft").state_dict().keys()
