"""GRiT at small sizes, and frames to show it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from i2vbench.metrics.networks import grit
from i2vbench.metrics.networks.grit import Detections, GRiT, Sizes
from i2vbench.metrics.networks.wordpiece import SEP

SMALL = Sizes(
    width=32, depth=3, heads=2, window=3, grid=4, channels=64, box_width=16, text_width=32, text_depth=2, text_heads=2,
    vocabulary=2300, text_positions=40,
)  # fmt: skip
TEXT = "roi_heads.text_decoder.textual."
HEAD = "proposal_generator.centernet_head."


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@functools.cache
def _state() -> dict[str, Tensor]:
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in GRiT(SMALL).state_dict().items()}
    filled = {}
    for seed, (key, shape) in enumerate(shapes.items()):
        noise = drawn(*shape, seed=seed)
        if key.endswith("bias"):
            filled[key] = 0.1 * noise
        elif len(shape) == 1:
            filled[key] = 1 + 0.1 * noise
        else:
            filled[key] = noise / math.sqrt(math.prod(shape[1:]))
    filled[f"{HEAD}bbox_pred.bias"] += 3  # boxes of some size
    for stage in range(3):  # a few of the proposals are objects
        filled[f"roi_heads.box_predictor.{stage}.cls_score.weight"] *= 6
        filled[f"roi_heads.box_predictor.{stage}.bbox_pred.2.weight"] *= 3
    filled[f"{TEXT}embedding.positions.weight"] *= 4  # texts go on changing
    filled[f"{TEXT}output.weight"] *= 4
    filled[f"{TEXT}output.bias"][SEP] += 8  # and end somewhere
    filled[f"{TEXT}embedding.words.weight"] = filled[f"{TEXT}output.weight"]
    return filled


def state() -> dict[str, Tensor]:
    """A checkpoint of the published names at small sizes; not to be written into."""
    return dict(_state())


def altered(change: dict[str, Callable[[Tensor], Tensor]]) -> GRiT:
    """The network with some tensors changed."""
    return grit.load(state() | {key: how(_state()[key]) for key, how in change.items()}, SMALL)


@functools.cache
def network() -> GRiT:
    return grit.load(_state(), SMALL)


@functools.cache
def frames() -> Tensor:
    """uint8 [5, 3, 70, 90], the last without any structure."""
    noise = F.interpolate(drawn(5, 3, 7, 9), (70, 90), mode="bilinear")
    noise[-1] = 0
    return (noise * 90 + 128).clamp(0, 255).byte()


def assert_same(some: Detections, other: Detections) -> None:
    assert some.names == other.names
    assert some.fault == other.fault
    torch.testing.assert_close(some.boxes, other.boxes, rtol=0, atol=1e-3)
    torch.testing.assert_close(some.box_scores, other.box_scores, rtol=0, atol=1e-5)
    torch.testing.assert_close(some.scores, other.scores, rtol=0, atol=1e-5)
