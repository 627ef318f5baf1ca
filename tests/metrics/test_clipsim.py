"""CLIPSIM's formula; tests/reference compares it with TorchMetrics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.metrics.clipsim import clipsim, clipsim_per_video, frame_cosines


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 8), st.integers(0, 99), st.floats(1e-6, 1e6))
def test_lengths_do_not_matter_and_one_video_is_like_many(n: int, t: int, d: int, seed: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    images, texts = random.standard_normal((n, t, d)), random.standard_normal((n, d))
    cosines = frame_cosines(images, texts)
    assert cosines.shape == (n, t)
    assert (np.abs(cosines) <= 1 + 1e-12).all()
    np.testing.assert_allclose(frame_cosines(factor * images, texts / factor), cosines, atol=1e-12)
    for video in range(n):
        np.testing.assert_allclose(frame_cosines(images[video], texts[video]), cosines[video], atol=1e-14)


def test_negative_videos_count_as_they_are() -> None:
    images = np.array([[[1.0, 0], [1, 0]], [[-1, 0], [0, 1]], [[1, 0], [0, 1]]])
    per_video = clipsim_per_video(frame_cosines(images, np.array([[2.0, 0], [3, 0], [0, 1]])))
    assert per_video.tolist() == [1, -0.5, 0.5]
    assert clipsim(per_video) == 1 / 3


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got \[2, 3, 4\] and \[3, 4\]"):
        frame_cosines(np.ones((2, 3, 4)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="frame features of a length above 0, got 3 of 3 that are all zero"):
        frame_cosines(np.zeros((3, 4)), np.ones(4))
    with pytest.raises(ValueError, match="prompt features of a length above 0, got 1 of 1 that are not finite"):
        frame_cosines(np.ones((3, 4)), np.full(4, np.nan))
