"""The nouns refuse what would become a wrong number later, and say what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.types import FrameSource, Measurement, MetricInfo, Request, Sample, Video


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), "float32"),
        (np.full((2, 4, 4, 3), np.nan, np.float32), "NaN"),
        (np.zeros((4, 4, 3), np.uint8), "T, H, W, 3"),
        (np.zeros((2, 4, 4, 4), np.uint8), "T, H, W, 3"),
        (np.zeros((0, 4, 4, 3), np.uint8), "T, H, W, 3"),
        ([[1]], "list"),
    ],
)
def test_a_video_names_what_is_wrong_with_its_frames(frames: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Video(frames, 8.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_video_needs_a_rate(fps: float) -> None:
    with pytest.raises(ValueError, match="fps"):
        Video(np.zeros((1, 2, 2, 3), np.uint8), fps)


def test_a_request_holds_the_first_frame_to_its_size() -> None:
    with pytest.raises(ValueError, match="'dog'"):
        Request("dog", np.zeros((8, 8, 3), np.uint8), "a dog", 16, 16, 16, 8.0, seed=0)


def test_a_request_may_carry_the_picture_before_it_was_brought_to_size() -> None:
    frame, source = np.zeros((16, 16, 3), np.uint8), np.zeros((30, 40, 3), np.uint8)
    request = Request("dog", frame, "a dog", 16, 16, 16, 8.0, seed=0, source_image=source)
    assert request.source_image is source
    assert not source.flags.writeable
    for wrong in (np.zeros((30, 40), np.uint8), np.zeros((30, 40, 3), np.float32), np.zeros((0, 40, 3), np.uint8)):
        with pytest.raises(ValueError, match="source_image of request 'dog'"):
            Request("dog", frame, "a dog", 16, 16, 16, 8.0, seed=0, source_image=wrong)


def test_a_measurement_is_one_of_number_features_or_reason() -> None:
    with pytest.raises(ValueError, match="got none"):
        Measurement("dog", "fvd")
    with pytest.raises(ValueError, match="value and error"):
        Measurement("dog", "fvd", value=1.0, error="no")
    with pytest.raises(ValueError, match="nan"):
        Measurement("dog", "fvd", value=float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        Measurement("dog", "fvd", features=np.array([1.0, np.inf]))


@given(st.floats(-10, 10), st.integers(0, 4))
def test_print_rounds_to_the_stated_decimals(value: float, decimals: int) -> None:
    info = MetricInfo(id="m", title="M", direction="higher", scale=100, decimals=decimals)
    text = info.print(value)
    assert float(text) == pytest.approx(value * 100, abs=0.5 * 10**-decimals + 1e-9)
    assert len(text.partition(".")[2]) == decimals
    assert text.lstrip("-0.") != "" or not text.startswith("-"), "no negative zero"


def test_lacks_says_what_is_missing() -> None:
    sample = Sample("dog", "Pet", "a dog", FrameSource(Path("dog.png")))
    assert sample.lacks(frozenset({"video", "prompt"})) is None
    assert "reference" in (sample.lacks(frozenset({"reference"})) or "")
    assert "object" in (sample.lacks(frozenset({"objects"})) or "")
    assert "scene" in (sample.lacks(frozenset({"scene"})) or "")
