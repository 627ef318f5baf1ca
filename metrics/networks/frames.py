"""uint8 frames to a network's size, a few at a time, so that a result depends neither on batch nor on chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from i2vbench.transfer import put

PIXELS_AT_ONCE = 2**22
"""Of the larger of input and output, resized in one go; three float32 channels of them are 48 MiB."""

Resize = Callable[[Tensor], Tensor]
"""float32 [F, 3, H, W] -> [F, 3, S, S], or another height and width, each frame by itself."""


def resize_videos(videos: Tensor, size_px: int, resize: Resize) -> Tensor:
    """Every frame stretched to a square.

    Args:
        videos: uint8 [N, T, H, W, 3].
        size_px: S, what `resize` gives.

    Returns:
        float32 [N, 3, T, S, S] on the same device, in grey levels.

    Raises:
        ValueError: For another dtype or shape, or nothing in it.
    """
    check_videos(videos)
    resized = torch.empty(
        (videos.shape[0], 3, videos.shape[1], size_px, size_px), dtype=torch.float32, device=videos.device
    )
    for video, out in zip(videos, resized, strict=True):
        _resize(video, out.transpose(0, 1), resize)  # [T, H, W, 3] -> [T, 3, S, S]
    return resized


def resize_images(images: Tensor, size_px: int, resize: Resize) -> Tensor:
    """As `resize_videos`: uint8 [N, H, W, 3] -> float32 [N, 3, S, S]."""
    check_images(images)
    return _resized(images, (size_px, size_px), resize)


def fit_images(images: Tensor, short_px: int, resize: Callable[[Tensor, tuple[int, int]], Tensor]) -> Tensor:
    """As `resize_images`, and to a shorter side: uint8 [N, H, W, 3] -> float32 [N, 3, h, w], h and w by `fitted_size`.

    Args:
        resize: Is given h and w beside the frames.
    """
    check_images(images)
    size = fitted_size(images.shape[1], images.shape[2], short_px)
    return _resized(images, size, lambda frames: resize(frames, size))


class Padding(NamedTuple):
    """Pixels on each side, in the order of torch's pad."""

    left: int
    right: int
    top: int
    bottom: int


def padding_to(height: int, width: int, multiple: int) -> Padding:
    """What brings the sides to multiples, the smaller half on the left and top."""
    across, down = -width % multiple, -height % multiple
    return Padding(across // 2, across - across // 2, down // 2, down - down // 2)


def fitted_size(height: int, width: int, short_px: int) -> tuple[int, int]:
    """(height, width) with the shorter side `short_px` and the longer one in proportion, cut to an integer."""
    short = min(height, width)
    return short_px * height // short, short_px * width // short


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Grey levels [N, 3, h, w] over 255, less a mean and over a deviation of each channel; in place."""
    centre, spread = put(torch.tensor([mean, std]), images.device).view(2, 1, 3, 1, 1)
    return images.div_(255).sub_(centre).div_(spread)


def check_videos(videos: Tensor) -> None:
    """Raise ValueError unless these are uint8 [N, T, H, W, 3] with nothing of size 0."""
    _check(videos, "videos", "[N, T, H, W, 3]")


def check_images(images: Tensor) -> None:
    """Raise ValueError unless these are uint8 [N, H, W, 3] with nothing of size 0."""
    _check(images, "images", "[N, H, W, 3]")


def _resized(images: Tensor, size: tuple[int, int], resize: Resize) -> Tensor:
    resized = torch.empty((len(images), 3, *size), dtype=torch.float32, device=images.device)
    _resize(images, resized, resize)
    return resized


def _resize(frames: Tensor, out: Tensor, resize: Resize) -> None:
    height, width = frames.shape[1:3]
    at_once = max(1, PIXELS_AT_ONCE // max(height * width, out.shape[-2] * out.shape[-1]))
    for chunk, place in zip(frames.split(at_once), out.split(at_once), strict=True):
        # In one layout: PyTorch takes another kernel, which rounds differently, for channels that lie last.
        planes = chunk.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)  # [F, 3, H, W]
        place.copy_(resize(planes))


def _check(frames: Tensor, name: str, layout: str) -> None:
    expected_ndim = layout.count(",") + 1
    wrong = frames.ndim != expected_ndim or frames.shape[-1] != 3 or 0 in frames.shape
    if frames.dtype != torch.uint8 or wrong:
        dtype = str(frames.dtype).removeprefix("torch.")
        raise ValueError(f"{name}: expected uint8 {layout} with nothing of size 0, got {dtype} {list(frames.shape)}")
