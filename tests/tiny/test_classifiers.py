"""I3D, Inception and C3D of the tiny profile: what is taught, what was learned, and that it can be learned again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from i2vbench import weights
from i2vbench.datasets.synthetic import draw_clip, plan_clip
from i2vbench.metrics.base import read_network
from i2vbench.metrics.frechet import frechet_distance
from i2vbench.metrics.networks import c3d as c3d_network
from i2vbench.metrics.networks import i3d as i3d_network
from i2vbench.progress import choose
from i2vbench.tiny import c3d, i3d, inception
from i2vbench.tiny.classifier_clips import FLOW, Drawn, Groups, flow_shares
from i2vbench.tiny.recipe import Curve, Recipe

ALL = Groups("scene", "camera", "motion", "flow")


@pytest.fixture(scope="module")
def clips() -> Drawn:
    return ALL.draw(6, 5)


def same(one: Drawn, other: Drawn) -> bool:
    return all(torch.equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Drawn))


@pytest.mark.parametrize(("camera", "word"), [("right", "180°"), ("left", "0°"), ("up", "90°"), ("still", "still")])
def test_what_goes_by_as_the_camera_moves_goes_the_other_way(camera: str, word: str) -> None:
    """Things follow their own motion, and most of the picture is scene."""
    plan = replace(plan_clip(0), camera=camera)
    shares = flow_shares(draw_clip(plan, 5, 8.0, 128, 128)).mean((1, 2, 3))
    assert FLOW[int(shares.argmax())] == word
    assert float(shares.sum()) == pytest.approx(1)


@pytest.mark.parametrize("change", [ALL.mirrored, ALL.backward])
def test_what_is_turned_twice_is_as_it_was(change: Callable[[Drawn], Drawn], clips: Drawn) -> None:
    once = change(clips)
    assert not same(once, clips)
    assert same(change(once), clips)


def test_a_mirror_turns_left_to_right_and_leaves_up_and_down(clips: Drawn) -> None:
    seen, mirrored = (drawn.flows.mean((0, 2, 3, 4)) for drawn in (clips, ALL.mirrored(clips)))
    for word, other in (("0°", "180°"), ("45°", "135°"), ("90°", "90°"), ("still", "still")):
        torch.testing.assert_close(mirrored[FLOW.index(word)], seen[FLOW.index(other)])


def test_a_frozen_clip_is_still(clips: Drawn) -> None:
    frozen = ALL.frozen(clips)
    assert torch.equal(frozen.frames, clips.frames[:, :1].expand_as(clips.frames))
    assert (frozen.flows[:, FLOW.index("still")] == 1).all()
    words = [ALL.words[i] for i in frozen.clips[0].nonzero()[:, 0].tolist()]
    assert ("camera", "still") in words
    assert set(c3d.Classes().of(c3d.GROUPS.frozen(c3d.GROUPS.draw(3, 2))).tolist()) <= set(range(12))


def test_the_best_that_can_be_said_costs_least(clips: Drawn) -> None:
    """And it is right about every clip."""
    sure = 20 * ALL.targets(clips)
    there = sure[..., None, None, None].expand(-1, -1, 2, 2, 2)
    assert set(ALL.accuracies(there, clips).values()) == {1.0}
    assert ALL.loss(there, clips) < ALL.loss(torch.zeros_like(there), clips) < ALL.loss(-there, clips)


def test_inception_names_scenes_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inception, "HELD_OUT", 80)
    scores = inception.Inception().score(weights.read("tiny_inception"))
    assert scores["scene"] > 0.95
    assert scores["colour"] > 0.7


def test_c3d_tells_whether_anything_moves() -> None:
    network = cast(c3d_network.C3D, read_network("c3d", "tiny_c3d"))
    mean = c3d_network.load_mean(weights.read("tiny_c3d_mean"))
    scores = c3d.told(network, mean, c3d.GROUPS.draw_held_out(24, c3d_network.NUM_FRAMES))
    assert scores["scene"] > 0.9
    assert scores["moves"] > 0.85  # always the same: 0.5


def test_i3d_tells_scenes_and_cameras_and_fvd_sees_that_clips_are_frozen() -> None:
    sizes = i3d_network.Sizes(**weights.entry("tiny_i3d").sizes)
    network = i3d_network.load(weights.read("tiny_i3d"), sizes=sizes)
    drawn = i3d.CLIPS.draw_held_out(24, i3d.NUM_FRAMES)

    def features(clips: Drawn) -> Tensor:
        return torch.cat([network(i3d_network.preprocess(frames)) for frames in clips.frames.split(8)])

    moving, frozen = features(drawn), features(i3d.CLIPS.frozen(drawn))
    scores = i3d.CLIPS.accuracies(moving, drawn)
    assert scores["scene"] > 0.9
    assert scores["camera"] > 0.7  # always "still": 0.5
    halves = frechet(moving[:12], moving[12:])
    assert frechet(moving[:12], frozen[12:]) > 1.2 * halves


def frechet(one: Tensor, other: Tensor) -> float:
    return float(frechet_distance(np.asarray(one, dtype=float), np.asarray(other, dtype=float)))


def few(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """With a step or two of each stage, on a few clips."""
    monkeypatch.setattr(c3d, "CLIPS", 4)
    monkeypatch.setattr(c3d, "BATCH", 2)
    monkeypatch.setattr(inception, "CLIPS", 4)
    monkeypatch.setattr(inception, "BATCH", 4)
    monkeypatch.setattr(inception, "WHOLE_BATCH", 2)
    monkeypatch.setattr(i3d.I3D, "clips", 2)
    recipe.steps = {"c3d": 2, "inception": 8, "i3d": 7}[recipe.name]
    return recipe


@pytest.mark.parametrize("make", [c3d.C3D, inception.Inception, i3d.I3D])
def test_a_recipe_makes_what_is_loaded_and_the_same_twice(
    make: Callable[[], Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = few(make(), monkeypatch)
    states = []
    for name in ("first.csv", "second.csv"):
        with choose(quiet=True) as progress, Curve(tmp_path / name, progress, recipe.name, recipe.steps) as curve:
            states.append(recipe.train(curve))
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert (tmp_path / "first.csv").read_text() == (tmp_path / "second.csv").read_text()
    bundled = weights.read(recipe.checkpoint)
    assert {key: value.shape for key, value in states[0].items()} == {
        key: torch.as_tensor(value).shape for key, value in bundled.items()
    }
