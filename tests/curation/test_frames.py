"""The frames that are measured: spread over the clip, and paired an eighth of a second apart."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.curation.frames import pair_indices, read_pairs, spread_frames, spread_indices
from i2vbench.types import Video
from i2vbench.video import VideoError, read_video, resize_and_crop, write_video
from tests.conftest import moving_frames
from tests.video import files as videos


@given(num_frames=st.integers(1, 400), count=st.integers(1, 40))
def test_spread_frames_are_first_to_last_in_equal_steps(num_frames: int, count: int) -> None:
    found = spread_indices(num_frames, count)
    assert found == sorted(set(found))
    assert len(found) == min(count, num_frames)
    assert found[0] == 0
    if len(found) > 1:
        assert found[-1] == num_frames - 1
        steps = [b - a for a, b in pairwise(found)]
        assert max(steps) - min(steps) <= 1


@given(
    steps=st.lists(st.floats(0.005, 0.4), min_size=0, max_size=80),
    count=st.integers(1, 12),
    seconds=st.floats(0.02, 0.3),
)
def test_pairs_are_as_far_apart_as_frames_allow(steps: list[float], count: int, seconds: float) -> None:
    times = np.cumsum([0.0, *steps]).tolist()
    found = pair_indices(times, count, seconds)
    assert len(found) <= count
    assert bool(found) == (len(times) > 1)
    for first, second in found:
        assert 0 <= first < second < len(times)
        error = abs(times[second] - times[first] - seconds)
        assert all(error <= abs(times[k] - times[first] - seconds) + 2e-6 for k in range(first + 1, len(times)))


@pytest.mark.parametrize("fps", [8, 10, 24, 24000 / 1001, 25, 29.97, 30, 60])
def test_pairs_of_a_steady_clip_are_all_equally_far_apart(fps: float) -> None:
    times = [i / fps for i in range(90)]
    pairs = pair_indices(times, 8)
    assert len(pairs) == 8
    assert len({second - first for first, second in pairs}) == 1
    assert pairs[0][0] == 0
    assert pairs[-1][1] >= 87
    assert abs((pairs[0][1] - pairs[0][0]) / fps - 1 / 8) <= 0.5 / fps


def test_what_is_looked_at_is_what_reading_gives(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, Video(moving_frames(20, 48, 80), 24))
    everything = read_video(path).frames
    assert np.array_equal(spread_frames(path, 4), everything[[0, 6, 13, 19]])
    assert spread_frames(path, 4, size=(16, 24)).shape == (4, 16, 24, 3)
    pairs = read_pairs(path, 3, side_px=32)
    assert pairs is not None
    assert pairs.seconds == pytest.approx([1 / 8] * 3)
    shown = [(pairs.frames[first], pairs.frames[second]) for first, second in pairs.positions]
    expected = resize_and_crop(everything, 32, 53)
    for (first, second), (i, j) in zip(shown, [(0, 3), (8, 11), (16, 19)], strict=True):
        assert np.array_equal(first, expected[i])
        assert np.array_equal(second, expected[j])


def test_a_single_frame_has_no_pairs(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, Video(moving_frames(1), 24))
    assert len(spread_frames(path)) == 1
    assert read_pairs(path) is None


def test_damage_is_refused(tmp_path: Path) -> None:
    path = videos.encode(tmp_path / "a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    path.write_bytes(path.read_bytes()[:9000])
    for read in (spread_frames, read_pairs):
        with pytest.raises(VideoError):
            read(path)


def test_no_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 1, got 0"):
        spread_indices(10, 0)
