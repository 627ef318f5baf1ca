"""Brightness and what is lost in black and white, against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.curation.exposure import Exposure, exposure


def grey(*levels: int, shape: tuple[int, int] = (10, 12)) -> np.ndarray:
    return np.stack([np.full((*shape, 3), level, np.uint8) for level in levels])


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((0,), Exposure(0, 1, 0, 0)),
        ((255, 255), Exposure(1, 0, 1, 0)),
        ((51,), Exposure(0.2, 0, 0, 0)),
        ((0, 255), Exposure(0.5, 0.5, 0.5, 0)),  # contrast is that of a frame, not of a cut between two
        ((15, 16), Exposure(15.5 / 255, 0.5, 0, 0)),
        ((239, 240), Exposure(239.5 / 255, 0, 0.5, 0)),
    ],
)
def test_single_colours(levels: tuple[int, ...], expected: Exposure) -> None:
    found = exposure(grey(*levels))
    assert [found.mean, found.dark_share, found.bright_share, found.contrast] == pytest.approx(
        [expected.mean, expected.dark_share, expected.bright_share, expected.contrast]
    )


def test_half_black_half_white_has_the_most_contrast() -> None:
    frames = grey(0)
    frames[:, :5] = 255
    assert exposure(frames).contrast == pytest.approx(0.5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), num_frames=st.integers(1, 4))
def test_against_the_definition(seed: int, num_frames: int) -> None:
    frames = np.random.default_rng(seed).integers(0, 256, (num_frames, 9, 7, 3), np.uint8)
    luma = np.rint(frames.astype(np.float64) @ [0.299, 0.587, 0.114])
    found = exposure(frames)
    assert found.mean == pytest.approx(luma.mean() / 255, abs=1e-4)
    assert found.contrast == pytest.approx(luma.std(axis=(1, 2)).mean() / 255, abs=1e-4)
    assert found.dark_share == pytest.approx((luma < 16).mean(), abs=2 / luma.size)
    assert found.bright_share == pytest.approx((luma > 239).mean(), abs=2 / luma.size)
