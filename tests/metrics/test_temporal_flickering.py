"""Temporal flickering equals VBench's recorded numbers, and behaves as its definition says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file

from i2vbench.metrics.temporal_flickering import TemporalFlickering
from i2vbench.types import Clip, Frames, FrameSource, Measurement, Sample, Video

REFERENCE = Path(__file__).parent.parent / "reference"
CASE = json.loads((REFERENCE / "vbench" / "temporal_flickering.json").read_text())
SAMPLE = Sample("clip", "Pet", "a dog.", FrameSource(Path("first.png")))

videos = st.integers(2, 6).flatmap(
    lambda t: arrays(np.uint8, st.tuples(st.just(t), st.integers(1, 9), st.integers(1, 9), st.just(3)))
)


def measure(frames: Frames) -> Measurement:
    return TemporalFlickering().measure([Clip(SAMPLE, Video(frames, 8.0))])[0]


@pytest.mark.parametrize("name", CASE["clips"])
def test_equals_vbench(name: str) -> None:
    frames = load_file(REFERENCE / "clips" / f"{name}.safetensors")["frames"]
    expected, tolerance = CASE["clips"][name], CASE["tolerance"]
    measured = measure(frames)
    assert measured.value == pytest.approx(expected["score"], abs=tolerance["score_abs"])
    assert measured.details["mae_per_pair"] == pytest.approx(expected["mae_per_pair"], abs=tolerance["mae_abs"])


def test_the_dataset_score_is_the_mean_of_the_recorded_clips() -> None:
    metric = TemporalFlickering()
    clips = [load_file(REFERENCE / "clips" / f"{name}.safetensors")["frames"] for name in CASE["clips"]]
    cell = metric.aggregate([measure(frames) for frames in clips])
    recorded = [clip["score"] for clip in CASE["clips"].values()]
    assert cell.value == pytest.approx(np.mean(recorded), abs=CASE["tolerance"]["score_abs"])
    assert cell.n == len(clips) == 2


@given(videos)
def test_it_is_the_mean_over_pixels_and_pairs(frames: Frames) -> None:
    exact = np.abs(np.diff(frames.astype(np.float64), axis=0)).mean()
    assert measure(frames).value == pytest.approx((255 - exact) / 255, abs=1e-12)


@given(videos)
def test_a_still_clip_scores_one(frames: Frames) -> None:
    assert measure(np.repeat(frames[:1], 5, axis=0)).value == 1.0


def test_black_and_white_in_turn_scores_zero() -> None:
    frames = np.zeros((4, 8, 8, 3), np.uint8)
    frames[1::2] = 255
    assert measure(frames).value == 0.0


def test_one_frame_is_a_reason_and_no_number() -> None:
    measured = measure(np.zeros((1, 8, 8, 3), np.uint8))
    assert measured.value is None
    assert "at least two" in (measured.error or "")
