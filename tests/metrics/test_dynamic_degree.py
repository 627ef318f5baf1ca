"""Dynamic degree: the decision, what it is made of, and the clips that it is not made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from i2vbench import weights
from i2vbench.measure import measure_clips
from i2vbench.metrics import dynamic_degree
from i2vbench.metrics.dynamic_degree import DynamicDegree, is_dynamic, kept_frames, pairs_needed, threshold_px
from i2vbench.profiles import load_profile
from i2vbench.registry import METRICS
from i2vbench.types import Clip, FrameSource, Sample, Video
from tests.conftest import moving_frames
from tests.metrics.networks.test_raft import tamed
from tests.metrics.test_flow import Brightness, Corner, video

magnitudes = st.lists(st.floats(0, 100), min_size=1, max_size=30)


def clip(name: str, made: Video) -> Clip:
    return Clip(Sample(name, "Pet", "a dog.", FrameSource(Path("first.png"))), made)


@pytest.fixture
def metric() -> DynamicDegree:
    made = DynamicDegree()
    made._network = Brightness()
    return made


@given(magnitudes, st.integers(0, 29), st.floats(0, 100))
def test_more_motion_never_makes_a_clip_static(found: list[float], place: int, more: float) -> None:
    needed = pairs_needed(len(found) + 1)
    before = is_dynamic(found, 6.0, needed)
    found[place % len(found)] += more
    assert is_dynamic(found, 6.0, needed) >= before


@given(magnitudes, st.sampled_from([0.5, 2.0, 4.0]))
def test_the_decision_scales_with_the_picture(found: list[float], factor: float) -> None:
    needed = pairs_needed(len(found) + 1)
    scaled = [magnitude * factor for magnitude in found]
    at_256, at_other = threshold_px(256, 400), threshold_px(int(256 * factor), int(400 * factor))
    assert is_dynamic(found, at_256, needed) == is_dynamic(scaled, at_other, needed)
    assert threshold_px(400, 256) == at_256


def test_equal_to_the_threshold_does_not_move_and_nan_neither() -> None:
    assert not is_dynamic([6.0, float("nan")], 6.0, 1)
    assert is_dynamic([6.0, 6.0001], 6.0, 1)
    assert is_dynamic([0.0], 6.0, pairs_needed(2)), "as VBench has it"
    assert not is_dynamic([], 6.0, pairs_needed(1))


@given(st.integers(3, 200), st.floats(1, 240))
def test_thinning_keeps_the_first_frame_and_about_8_a_second(num_frames: int, fps: float) -> None:
    kept = kept_frames(num_frames, fps)
    assert kept[0] == 0
    assert kept[-1] < num_frames
    assert set(np.diff(kept)) <= {dynamic_degree.frame_interval(fps)}
    if fps >= 8:
        assert 8 / 1.5 <= fps / dynamic_degree.frame_interval(fps) <= 12


def test_value_and_details(metric: DynamicDegree) -> None:
    levels = [0, 0, 4, 4, 8, 8, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12]
    moving, still = clip("moving", video(levels)), clip("still", video([7] * 16))
    measured = measure_clips(metric, [moving, still])
    assert [m.value for m in measured] == [0.0, 0.0], "three pairs move, four are needed"
    details = measured[0].details
    assert details["top5_magnitude_per_pair"] == pytest.approx(np.abs(np.diff(levels)), abs=1e-4)
    rest = {key: details[key] for key in details if key != "top5_magnitude_per_pair"}
    assert rest == {"threshold": 3.0, "pairs_needed": 4, "pairs_above": 3, "frame_interval": 1}
    levels[10:] = [16] * 6
    (now,) = measure_clips(metric, [clip("more", video(levels))])
    assert (now.value, now.details["pairs_above"]) == (1.0, 4)
    assert metric.aggregate([*measured, now]).value == pytest.approx(1 / 3)
    (short,) = measure_clips(metric, [clip("short", video([0] * 6))])
    assert short.details["pairs_needed"] == 2, "a quarter of its 6 frames, not of their 5 pairs"


def test_the_longest_5_percent_of_the_vectors_are_what_moves(metric: DynamicDegree) -> None:
    pixels = int(0.05 * 128 * 128)
    for moving, expected in ((pixels, 4), (pixels // 2, 4 * (pixels // 2) / pixels)):
        metric._network = Corner(moving)
        (measured,) = metric.measure([clip("corner", video([0, 4, 8, 12]))])
        assert measured.details["top5_magnitude_per_pair"] == pytest.approx([expected] * 3, abs=1e-3)


def test_the_rate_is_the_clips_own(metric: DynamicDegree) -> None:
    levels = list(range(0, 200))
    thinned, whole = metric.measure([clip("a", video(levels, fps=24)), clip("b", video(levels, fps=8))])
    assert thinned.details["frame_interval"] == 3
    assert thinned.details["top5_magnitude_per_pair"] == pytest.approx([3] * 66, abs=1e-3)
    assert whole.details["top5_magnitude_per_pair"] == pytest.approx([1] * 199, abs=1e-3)


def test_clips_without_a_flow_get_a_reason_and_cost_no_other(metric: DynamicDegree) -> None:
    clips = [
        clip("small", video([0, 9, 18, 27], 120, 300)),
        clip("good", video([0, 9, 18, 27])),
        clip("one", video([0])),
        clip("two", video([0, 9])),
        clip("thinned", video([0, 9, 18, 27], fps=16)),
    ]
    small, good, one, two, thinned = metric.measure(clips)
    assert good.value == 1.0
    assert "120 x 300" in str(small.error)
    assert "one frame has no pair" in str(one.error)
    assert "expected at least 3 frames" in str(two.error)
    assert "got 2 of 4 at 16 a second" in str(thinned.error)
    assert metric._network.calls == [3]


def test_a_flow_that_is_not_finite_is_an_error_and_no_static_clip(metric: DynamicDegree) -> None:
    def network(frames: torch.Tensor, pairs: list[tuple[int, int]]) -> Any:
        found = Brightness()(frames, pairs)
        found.up[0, 0, 5, 5] = torch.nan
        return found

    metric._network = network
    (measured,) = metric.measure([clip("x", video([0, 9, 18, 27]))])
    assert "not finite" in str(measured.error)


def test_it_looks_through_raft_whatever_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An odd portrait that moves, and a grey one."""
    state = tamed()
    monkeypatch.setattr(weights, "read", lambda name: {"raft_things": state}[name])
    metric = DynamicDegree()
    metric.load("cpu", "float32")
    moving = Video(np.ascontiguousarray(moving_frames(3, 150, 121, 0)), 8.0)
    clips = [clip("moving", moving), clip("grey", video([9, 9, 9], 150, 121))]
    together = measure_clips(metric, clips)
    alone = [measure_clips(metric, [one])[0] for one in clips]
    for one, other in zip(together, alone, strict=True):
        assert one.value is not None
        found, expected = (m.details["top5_magnitude_per_pair"] for m in (one, other))
        assert found == pytest.approx(expected, abs=1e-4)
        assert len(found) == 2
    metric.unload()


def test_the_profile_and_the_registry_know_it() -> None:
    metric = METRICS.create("dynamic_degree")
    paper = load_profile("paper")
    metric.prepare(paper)
    assert metric.info.checkpoints == paper.checkpoints["dynamic_degree"] == ("raft_things",)
    assert "BSD" in weights.entry("raft_things").licence
