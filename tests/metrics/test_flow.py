"""How far the fastest pixels move, and of which clips that can be said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from i2vbench.metrics import flow
from i2vbench.metrics.flow import Look, strongest_mean, strongest_means
from i2vbench.metrics.networks.raft import Flow
from i2vbench.types import Video


class Brightness:
    """Stands for RAFT: between two frames everything moves right by the difference of their first pixels."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.frames: list[int] = []

    def __call__(self, frames: Tensor, pairs: list[tuple[int, int]]) -> Flow:
        self.calls.append(len(pairs))
        self.frames.append(len(frames))
        value = (frames[:, 0, 0, 0] + 1) * 127.5
        up = torch.zeros(len(pairs), 2, *frames.shape[2:])
        for i, (first, second) in enumerate(pairs):
            up[i, 0] = value[second] - value[first]
        return Flow(up[..., ::8, ::8], up)


class Corner(Brightness):
    """The same, but that only the first of the pixels move."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.pixels = pixels

    def __call__(self, frames: Tensor, pairs: list[tuple[int, int]]) -> Flow:
        up = super().__call__(frames, pairs).up
        up.flatten(2)[..., self.pixels :] = 0
        return Flow(up[..., ::8, ::8], up)


def video(levels: list[int], height: int = 128, width: int = 128, fps: float = 8.0) -> Video:
    """Frames of these grey levels."""
    frames = np.empty((len(levels), height, width, 3), np.uint8)
    frames[:] = np.array(levels, np.uint8)[:, None, None, None]
    return Video(frames, fps)


def test_the_longest_vectors_count() -> None:
    field = torch.zeros(2, 10, 10)
    field[0, 0, :5] = torch.tensor([3.0, 3, 3, 3, 8])
    field[1, 0, :5] = torch.tensor([4.0, 4, 4, 4, 6])
    assert strongest_mean(field, 0.05).item() == pytest.approx((4 * 5 + 10) / 5)
    assert strongest_mean(field, 0.02).item() == pytest.approx((5 + 10) / 2)
    assert strongest_mean(field, 0.009).isnan()
    assert strongest_mean(torch.stack((field, 2 * field)), 0.05).tolist() == pytest.approx([6, 12])


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([0.02, 0.05]), st.integers(0, 9))
def test_it_is_a_sort_and_a_mean(height: int, width: int, share: float, seed: int) -> None:
    field = np.random.default_rng(seed).normal(size=(2, height, width)).astype(np.float32)
    lengths = np.sort(np.hypot(*field).ravel())[::-1][: int(share * height * width)]
    expected = float(lengths.mean()) if lengths.size else np.nan
    assert strongest_mean(torch.from_numpy(field), share).item() == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_clips_of_any_sizes_and_lengths_go_together_and_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [
        (video([0, 9]), [(0, 1)]),
        (video([5, 6, 8], 128, 160), [(0, 1), (1, 2), (2, 0)]),
        (video([1, 5], 128, 160), [(1, 0)]),
        (video(list(range(0, 200)), 129, 160), [(i, i + 1) for i in range(199)]),
    ]
    looks = [Look(clip.frames, pairs) for clip, pairs in clips]
    expected = [[9], [1, 2, 3], [4], [1] * 199]
    network: Any = Brightness()
    found = strongest_means(network, "cpu", looks, 0.05)
    assert network.calls == [1, 4, 199]
    network.calls.clear()
    network.frames.clear()
    monkeypatch.setattr(flow, "PIXELS_AT_ONCE", {"cpu": 4 * 128 * 160})
    fewer = strongest_means(network, "cpu", looks, 0.05)
    assert network.calls == [1, 3, 1, *[2] * 99, 1]
    assert max(network.frames) == 3, "memory does not grow with a clip's length"
    for one in (found, fewer):
        assert len(one) == len(expected)
        for got, wanted in zip(one, expected, strict=True):
            assert got == pytest.approx(wanted, abs=1e-3)
    assert strongest_means(network, "cpu", [], 0.05) == []


def test_the_flow_leads_from_the_first_of_a_pair_to_the_second() -> None:
    class FromFirst(Brightness):
        """As far as the first frame is bright."""

        def __call__(self, frames: Tensor, pairs: list[tuple[int, int]]) -> Flow:
            return super().__call__(torch.cat((-torch.ones_like(frames[:1]), frames)), [(0, i + 1) for i, _ in pairs])

    network: Any = FromFirst()
    found = strongest_means(network, "cpu", [Look(video([3, 7]).frames, [(0, 1), (1, 0)])], 0.05)
    assert found == [pytest.approx([3, 7], abs=1e-3)]


def test_pairs_of_the_same_frames_are_looked_at_once() -> None:
    network: Any = Brightness()
    looks = [
        Look(video([5] * 6).frames, [(i, i + 1) for i in range(5)]),
        Look(video([5, 7, 5, 7]).frames, [(0, 1), (2, 3)]),
    ]
    assert strongest_means(network, "cpu", looks, 0.05) == [[0] * 5, pytest.approx([2, 2], abs=1e-3)]
    assert (network.calls, network.frames) == ([2], [3])


@pytest.mark.parametrize(
    ("height", "width", "refused"),
    [(121, 121, False), (120, 400, True), (400, 120, True), (64, 64, True), (121, 200, False), (128, 128, False)],
)
def test_a_side_under_128_once_padded_has_no_flow(height: int, width: int, refused: bool) -> None:
    reason = flow.too_small(video([0, 1], height, width))
    assert (reason is not None) == refused
    if reason:
        assert f"got {height} x {width};" in reason
        assert "at least 128" in reason
