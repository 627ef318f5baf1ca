"""Networks without weights, videos, and the metrics of training loops over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from i2vbench.metrics.networks.inception import Features

pytest.importorskip("torchmetrics")

from i2vbench.metrics import (
    CLIPSimilarity,
    FrechetFrameDistance,
    FrechetVideoDistance,
    VideoInceptionScore,
)
from i2vbench.metrics.training_loops import distances

T, H, W = 16, 10, 12
MEAN = torch.full((3, 16, 112, 112), 100.0)


def pixels(x: Tensor, count: int) -> Tensor:
    """[N, ..., S, S] -> [N, count]: some that lie so far apart that resizing did not tie them to each other."""
    side = x.shape[-1]
    picked = x[..., side // 6 :: side // 3, side // 6 :: side // 3].flatten(1)
    return picked.repeat(1, -(-count // picked.shape[1]))[:, :count]


class Videos(nn.Module):
    """Features [N, d] that depend on what is seen, without weights: pixels of some frames."""

    def __init__(self, dimensions: int, classes: bool = False) -> None:
        super().__init__()
        self.dimensions, self.classes = dimensions, classes
        self.register_buffer("scale", torch.tensor(1.0))

    def forward(self, videos: Tensor) -> Tensor:  # [N, 3, T, S, S]
        picked = pixels(videos[:, :, ::4], self.dimensions) * self.scale
        return (picked / 50).softmax(1) if self.classes else picked


class Frames(nn.Module):
    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.dimensions = dimensions

    def forward(self, images: Tensor) -> Features:  # [N, 3, S, S]
        features = pixels(images, self.dimensions)
        return Features(features, features, features, features, features)


class Words(nn.Module):
    vocab_size, context_length = 49408, 77

    def encode_image(self, images: Tensor) -> Tensor:  # [N, 3, 224, 224]
        return images[:, :, 7::56, 7::56].flatten(1)

    def encode_text(self, tokens: Tensor) -> Tensor:  # [N, 77]
        return tokens[:, :48].float().sin()


class SmallVideoDistance(FrechetVideoDistance):
    dimensions = 6


class SmallFrameDistance(FrechetFrameDistance):
    dimensions = 6


METRICS: dict[str, Callable[[], Any]] = {
    "fvd": lambda: SmallVideoDistance(Videos(6)),
    "fid": lambda: SmallFrameDistance(Frames(6)),
    "inception score": lambda: VideoInceptionScore(Videos(101, classes=True), MEAN, splits=2),
    "clipsim": lambda: CLIPSimilarity(Words()),
}


def videos(count: int, seed: int = 0) -> Tensor:
    """uint8 [count, T, H, W, 3] of every level."""
    return torch.randint(256, (count, T, H, W, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def prompts(count: int) -> list[str]:
    return [f"clip number {i}." for i in range(count)]


REAL, GENERATED = videos(9, 1), videos(7, 2)


def take(metric: Any, generated: Tensor, real: Tensor, size: int = 3, texts: list[str] | None = None) -> None:
    """Update with what a metric takes, in batches; torchmetrics knows which arguments that are."""
    texts = texts or prompts(len(generated))
    if isinstance(metric, SmallFrameDistance):
        generated, real = generated[:, :4], real[:, :4]
    if isinstance(metric, distances.FrechetDistance):
        for begin in range(0, len(real), size):
            metric.update(real[begin : begin + size], real=True)
    for begin in range(0, len(generated), size):
        some = slice(begin, begin + size)
        metric.update(generated[some], **metric._filter_kwargs(real=False, prompts=texts[some]))


def numbers(metric: Any) -> list[float]:
    return floats(metric.compute())


def floats(value: Tensor | tuple[Tensor, ...]) -> list[float]:
    return [float(x) for x in (value if isinstance(value, tuple) else (value,))]
