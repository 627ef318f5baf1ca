"""The synthetic world: its clips are what their words and their truth say, whatever the size, length and rate."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from i2vbench.datasets.check import check_folder
from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.metadata import read_folder
from i2vbench.datasets.synthetic import (
    CATEGORIES,
    COLOURS,
    KINDS,
    MOTIONS,
    SCENES,
    SIZES,
    TEXTURES,
    Plan,
    Thing,
    draw_clip,
    held_out,
    plan_clip,
)
from i2vbench.datasets.synthetic.dataset import SyntheticDataset, seeds_by_category
from i2vbench.errors import UserError
from i2vbench.metrics.networks import wordpiece
from i2vbench.video import read_video
from tests import processes
from tests.conftest import environment

SEEDS = st.integers(0, 2**40)


def plan(motion: str = "stays", camera: str = "still", kind: str = "ball", seed: int = 3) -> Plan:
    return Plan(seed, (Thing(kind, "red", "plain", "large", motion),), "field", camera)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(1, 5), st.sampled_from([4.0, 8.0, 29.97]), st.integers(9, 60), st.integers(9, 60))
def test_a_clip_is_a_function_of_its_arguments(seed: int, frames: int, fps: float, height: int, width: int) -> None:
    some, other = (draw_clip(seed, frames, fps, height, width) for _ in range(2))
    assert some.frames.shape == (frames, height, width, 3)
    assert (some.frames == other.frames).all()
    assert (some.layers == other.layers).all()
    assert (some.frames.dtype, some.layers.dtype, some.boxes.dtype) == (np.uint8, np.uint8, np.float32)
    assert some.caption == other.caption


@settings(max_examples=12, deadline=None)
@given(SEEDS, st.sampled_from([(64, 64), (48, 80), (80, 48)]), st.integers(1, 6))
@example(408, (64, 64), 1)  # snow: each flake is a pixel, so a frame must be smoothed to be read between pixels
def test_flow_leads_from_each_pixel_to_its_own_colour(seed: int, size: tuple[int, int], ahead: int) -> None:
    clip = draw_clip(seed, 8, 8.0, *size)
    flow, seen = clip.flow(1, 1 + ahead)
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    to = np.stack((x, y), -1) + flow
    # Away from edges, where a pixel is of two things.
    flat = _flat(clip.layers[1]) & seen & (to > 2).all(axis=-1) & (to < (size[1] - 3, size[0] - 3)).all(axis=-1)
    column, row = to[flat].round().astype(int).T
    flat[flat] &= _flat(clip.layers[1 + ahead])[row, column]
    assume(flat.any())
    before, after = (_smoothed(clip.frames[i]) for i in (1, 1 + ahead))
    difference = np.abs(_between(after, to[flat]) - before[flat]).mean()
    assert difference < 2 or difference < np.abs(after - before)[flat].mean() / 2
    column, row = to[flat].round().astype(int).T
    assert (clip.layers[1 + ahead][row, column] == clip.layers[1][flat]).all()


def _flat(layer: np.ndarray) -> np.ndarray:
    """Pixels whose neighbours show the same; none at the border."""
    flat = np.zeros_like(layer, bool)
    flat[2:-2, 2:-2] = True
    for axis in (0, 1):
        for step in (-2, -1, 1, 2):
            flat &= np.roll(layer, step, axis) == layer
    return flat


def _smoothed(frame: np.ndarray) -> np.ndarray:
    """Means of 3 x 3."""
    steps = (-1, 0, 1)
    return sum(np.roll(frame.astype(float), (a, b), (0, 1)) for a in steps for b in steps) / 9  # type: ignore[return-value]


def _between(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """What lies at points [N, 2], x before y, linearly between pixels, [N, 3]."""
    column, row = np.floor(points).astype(int).T
    right, down = (points - np.floor(points)).T[..., None]
    upper = (1 - right) * frame[row, column] + right * frame[row, column + 1]
    lower = (1 - right) * frame[row + 1, column] + right * frame[row + 1, column + 1]
    return (1 - down) * upper + down * lower


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_boxes_hold_what_is_seen(seed: int) -> None:
    clip = draw_clip(seed, 4, 8.0, 48, 64)
    for k, frame in np.ndindex(clip.boxes.shape[:2]):
        seen = clip.layers[frame] == k + 1
        if not seen.any():
            assert np.isnan(clip.boxes[k, frame]).all()
            continue
        x1, y1, x2, y2 = clip.boxes[k, frame].astype(int)
        assert seen[y1:y2, x1:x2].sum() == seen.sum()
        assert all(edge.any() for edge in (seen[y1], seen[y2 - 1], seen[:, x1], seen[:, x2 - 1]))


@pytest.mark.parametrize(
    ("motion", "way"), [("left", (-1, 0)), ("right", (1, 0)), ("up", (0, -1)), ("down", (0, 1)), ("stays", (0, 0))]
)
def test_things_move_as_their_words_say(motion: str, way: tuple[int, int]) -> None:
    clip = draw_clip(plan(motion))
    flow, _ = clip.flow(7, 8)
    mean = flow[clip.layers[7] == 1].mean(axis=0)
    assert (np.sign(mean.round(3)) == way).all()
    assert not flow[clip.layers[7] == 0].any(), "the scene stands still"


@pytest.mark.parametrize(("motion", "larger"), [("grows", True), ("shrinks", False)])
def test_things_grow_and_shrink(motion: str, larger: bool) -> None:
    areas = (draw_clip(plan(motion)).layers == 1).sum(axis=(1, 2))
    assert (areas[-1] > 1.3 * areas[0]) if larger else (areas[0] > 1.3 * areas[-1])


def test_things_turn_in_place() -> None:
    clip = draw_clip(plan("turns"))
    flow, _ = clip.flow(0, 1)
    assert np.abs(flow[clip.layers[0] == 1].mean(axis=0)).max() < 1 < np.abs(flow).max()


@pytest.mark.parametrize(("camera", "way"), [("left", (1, 0)), ("right", (-1, 0)), ("up", (0, 1)), ("down", (0, -1))])
def test_the_scene_moves_against_the_camera(camera: str, way: tuple[int, int]) -> None:
    flow, _ = draw_clip(plan(camera=camera)).flow(0, 1)
    assert (np.sign(flow.reshape(-1, 2).mean(axis=0).round(3)) == way).all()


@pytest.mark.parametrize(("camera", "out"), [("in", True), ("out", False)])
def test_zooming_is_from_and_to_the_middle(camera: str, out: bool) -> None:
    flow, _ = draw_clip(plan(camera=camera)).flow(0, 1)
    assert (flow[0, 0].max() < 0 < flow[-1, -1].min()) == out


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.sampled_from([2, 60, 240]))
def test_what_moves_stays_in_sight_however_long_it_takes(seed: int, frames: int) -> None:
    clip = draw_clip(replace(plan_clip(seed), things=plan_clip(seed).things[:1]), frames, 24.0, 32, 32)
    assert (clip.layers[frames // 2] == 1).any()


def test_a_changed_word_changes_nothing_else() -> None:
    before = draw_clip(plan(), 2)
    scene = draw_clip(replace(plan(), scene="city"), 2)
    assert (before.layers == scene.layers).all()
    inside = before.layers == 1
    assert np.abs(before.frames[inside].astype(int) - scene.frames[inside]).mean() < 5
    assert (before.frames[~inside] != scene.frames[~inside]).any(axis=-1).mean() > 0.8
    blue = replace(plan(), things=(replace(plan().things[0], colour="blue"),))
    assert (draw_clip(blue, 2).layers == before.layers).all()


@pytest.mark.parametrize("words", [KINDS, COLOURS, TEXTURES, SIZES, SCENES])
def test_small_captioners_can_write_every_word_of_a_picture(words: tuple[str, ...]) -> None:
    assert all(word in wordpiece.pieces()[:7600] for word in words)


def test_seeds_bring_every_word_and_hold_some_back() -> None:
    plans = [plan_clip(seed) for seed in range(400)]
    things = [thing for one in plans for thing in one.things]
    assert {thing.kind for thing in things} == set(KINDS)
    assert {thing.motion for thing in things} == set(MOTIONS)
    assert {one.scene for one in plans} == set(SCENES)
    assert {len(one.things) for one in plans} == {1, 2, 3}
    assert all(len({thing.kind for thing in one.things}) == len(one.things) for one in plans)
    assert held_out(5) not in range(1_000_000)
    with pytest.raises(ValueError, match="seed"):
        plan_clip(-1)


@pytest.mark.parametrize("wrong", [{"num_frames": 0}, {"height": 0}, {"width": -1}, {"fps": 0.0}])
def test_impossible_clips_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected positive numbers"):
        draw_clip(0, **wrong)  # type: ignore[arg-type]


class TestDataset:
    def test_its_clips_are_those_of_their_seeds(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path))
        samples = SyntheticDataset("3").samples()
        assert [sample.category for sample in samples] == list(CATEGORIES[:3])
        for sample, seed in zip(samples, islice(seeds_by_category(held_out(0)), 3), strict=True):
            clip = draw_clip(seed)
            assert (sample.prompt, sample.scene) == (clip.caption, clip.scene)
            assert sample.objects == (clip.things[0].kind,)
            assert sample.reference
            assert (read_video(sample.reference.path).frames == clip.frames).all()
        digests = [hashlib.sha256(path.read_bytes()).digest() for path in sorted(tmp_path.rglob("*.mp4"))]
        assert [s.id for s in SyntheticDataset("2").samples()] == [s.id for s in samples[:2]]
        assert digests == [hashlib.sha256(path.read_bytes()).digest() for path in sorted(tmp_path.rglob("*.mp4"))]

    def test_one_of_each_category_unless_it_is_told_how_many(self) -> None:
        assert SyntheticDataset()._count == len(CATEGORIES)
        for wrong in ("0", "-1", "a", "1.5"):
            with pytest.raises(UserError, match="expected a number of clips"):
                SyntheticDataset(wrong)

    def test_seeds_take_turns_by_category_and_never_come_twice(self) -> None:
        seeds = list(islice(seeds_by_category(0), 170))
        assert len(set(seeds)) == 170
        assert [draw_clip(seed, 1, 8.0, 8, 8).category for seed in seeds[17:20]] == list(CATEGORIES[:3])


def test_a_folder_with_its_truth(tmp_path: Path) -> None:
    out = tmp_path / "drawn"
    command = [sys.executable, "-m", "i2vbench", "data", "draw", str(out), "--count", "2", "--frames", "3"]
    made = processes.run([*command, "--size", "32x48", "--fps", "12", "--truth"], env=environment())
    assert (made.returncode, made.stderr) == (0, "")
    assert check_folder(out) == []
    rows, faults, _ = read_folder(out)
    assert not faults
    assert [sample.category for sample in FolderDataset(str(out)).samples()] == list(CATEGORIES[:2])
    seed = int(rows[0].sample.id.removeprefix("synthetic-"))
    clip = draw_clip(seed, 3, 12.0, 32, 48)
    with np.load(out / f"{rows[0].sample.id}.npz") as truth:
        assert (truth["layers"] == clip.layers).all()
        np.testing.assert_array_equal(truth["boxes"], clip.boxes)
        np.testing.assert_array_equal(truth["flow"][1], clip.flow(1, 2)[0])
        np.testing.assert_array_equal(truth["seen"][1], clip.flow(1, 2)[1])
    again = processes.run(command, env=environment())
    assert again.returncode == 2
    assert "is there already" in again.stderr
