"""Which frames are looked at: VBench's "middle"."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.metrics.sampling import first_alike, middle_frame_indices

counts = st.integers(1, 400)


@pytest.mark.parametrize(
    ("num_frames", "wanted", "expected"),
    [
        (16, 8, [0, 2, 4, 6, 8, 10, 12, 14]),
        (16, 16, list(range(16))),
        (24, 16, [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22]),
        (25, 16, [0, 1, 3, 4, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 21, 23]),
        (10, 16, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9]),
        (1, 4, [0, 0, 0, 0]),
    ],
)
def test_as_recorded(num_frames: int, wanted: int, expected: list[int]) -> None:
    """Rows of `middle_frame_indices` in the reference tables."""
    assert middle_frame_indices(num_frames, wanted) == expected


@given(num_frames=counts, wanted=counts)
def test_there_are_as_many_as_wanted_in_order_and_in_the_clip(num_frames: int, wanted: int) -> None:
    indices = middle_frame_indices(num_frames, wanted)
    assert len(indices) == wanted
    assert indices == sorted(indices)
    assert 0 <= indices[0] <= indices[-1] < num_frames
    assert len(set(indices)) == min(num_frames, wanted)
    assert all(type(index) is int for index in indices), "JSON takes no numpy integers"


@given(num_frames=counts, wanted=st.sampled_from([1, 2, 4, 8, 16]))
def test_equal_steps_of_a_power_of_two_are_exact(num_frames: int, wanted: int) -> None:
    """Where the float sequence has no rounding, it is the sentence of the protocol in integers."""
    stretches = min(num_frames, wanted)
    borders = [j * num_frames // stretches for j in range(stretches + 1)]
    expected = [(borders[j] + borders[j + 1] - 1) // 2 for j in range(stretches)]
    assert middle_frame_indices(num_frames, wanted)[:stretches] == expected


@pytest.mark.parametrize(("num_frames", "wanted"), [(0, 8), (8, 0), (-1, 8)])
def test_nothing_cannot_be_sampled(num_frames: int, wanted: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 of at least 1, got {wanted} of {num_frames}"):
        middle_frame_indices(num_frames, wanted)


@given(st.lists(st.integers(0, 3), max_size=12))
def test_alike_is_the_first_frame_of_the_same_bytes(levels: list[int]) -> None:
    frames = np.zeros((len(levels), 2, 3, 3), np.uint8)
    frames[:, 1, 2, 1] = levels
    assert first_alike(frames) == [levels.index(level) for level in levels]
