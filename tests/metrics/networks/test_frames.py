"""Frames come to a network's size one by one, whatever they lie beside and however they lie in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from i2vbench.metrics.networks import c3d, frames, i3d, inception
from tests.metrics.networks.states import noise

MEAN = torch.zeros(3, 16, 112, 112)
PREPROCESS: dict[str, Callable[[Tensor], Tensor]] = {
    "i3d": i3d.preprocess,
    "c3d": lambda videos: c3d.preprocess(videos, MEAN),
    "inception": inception.preprocess,
}


def frames_for(network: str) -> Tensor:
    return noise(3, 20, 28, 3) if network == "inception" else noise(3, 16, 20, 28, 3)


@pytest.mark.parametrize("network", PREPROCESS)
def test_neither_batch_nor_chunk_nor_layout_changes_a_pixel(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = frames_for(network)
    before = given.clone()
    expected = PREPROCESS[network](given)
    assert expected.dtype == torch.float32
    assert torch.equal(given, before)
    assert torch.equal(PREPROCESS[network](given[1:2]), expected[1:2])
    planes_first = given.movedim(-1, 1).contiguous().movedim(1, -1)
    assert torch.equal(PREPROCESS[network](planes_first), expected)
    monkeypatch.setattr(frames, "PIXELS_AT_ONCE", 1)  # one frame at a time
    assert torch.equal(PREPROCESS[network](given), expected)


def test_chunks_are_bounded_by_the_larger_of_input_and_output() -> None:
    largest = 0

    def shrink(planes: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, planes[:, 0].numel())
        return planes[..., :2, :2]

    frames.resize_images(noise(30, 400, 500, 3), 2, shrink)
    assert 0 < largest <= frames.PIXELS_AT_ONCE < 30 * 400 * 500


@pytest.mark.parametrize("network", PREPROCESS)
@pytest.mark.parametrize("spoil", [Tensor.float, lambda x: x[..., :2], lambda x: x[:0], lambda x: x[None]])
def test_anything_but_uint8_rgb_is_refused(network: str, spoil: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \[N, .*H, W, 3\] with nothing of size 0, got "):
        PREPROCESS[network](spoil(frames_for(network)))


@pytest.mark.parametrize(
    ("network", "num_frames", "says"),
    [
        ("i3d", 8, "I3D: expected clips of at least 9 frames, got 8"),
        ("c3d", 15, "C3D: expected clips of 16 frames, got 15"),
        ("c3d", 17, "C3D: expected clips of 16 frames, got 17"),
    ],
)
def test_clips_of_a_length_that_the_network_cannot_see_are_refused(network: str, num_frames: int, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}$"):
        PREPROCESS[network](noise(1, num_frames, 20, 28, 3))
