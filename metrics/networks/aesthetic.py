"""LAION's aesthetic predictors: from CLIP's features of a picture to how much people like such ones, about 1 to 10.

Each must match its repository, on features of the CLIP that it was trained over:

- `sac+logos+ava1-l14-linearMSE` (christophschuhmann/improved-aesthetic-predictor, simple_inference.py): OpenAI's
  ViT-L/14 and its own preprocessing, features over their length, five linear layers without anything between them;
- `sa_0_4_vit_l_14_linear`, `sa_0_4_vit_b_32_linear` (LAION-AI/aesthetic-predictor, asthetics_predictor.ipynb): OpenAI's
  ViT-L/14 or ViT-B/32, features over their length, one linear layer.

CLIP is float32 here. Their notebook takes open_clip's `ViT-L-14` of its time, and OpenAI's package float16 on a GPU.

A high score hides what the raters liked (paintings, portraits, dusk); it says nothing of motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from i2vbench.checkpoints import fill, unwrap
from i2vbench.metrics.networks.layers import in_float32

WIDTHS = (1024, 128, 64, 16)
"""Of the improved predictor's layers between CLIP's features and the score."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of what is published over ViT-L/14.

    Attributes:
        features: C of the CLIP that it was trained over.
    """

    features: int = 768


PUBLISHED = Sizes()


class Linear(nn.Linear):
    """One layer, under the names `weight` and `bias`."""

    def __init__(self, features: int) -> None:
        super().__init__(features, 1)

    @in_float32
    def forward(self, features: Tensor) -> Tensor:
        """[N] scores of features [N, C] of length 1."""
        return super().forward(features)[:, 0]


class Chain(nn.Module):
    """Five linear layers, dropout between them in training alone: the places of its layers count those too."""

    def __init__(self, features: int) -> None:
        super().__init__()
        widths = (features, *WIDTHS)
        steps: list[nn.Module] = []
        for i, (given, made) in enumerate(zip(widths, (*WIDTHS, 1), strict=True)):
            steps += [nn.Linear(given, made)]
            steps += [nn.Identity()] if i < 3 else []  # in place of dropout, which is off
        self.layers = nn.Sequential(*steps)

    @in_float32
    def forward(self, features: Tensor) -> Tensor:
        """[N] scores of features [N, C] of length 1."""
        scores: Tensor = self.layers(features)
        return scores[:, 0]


def load(state: Mapping[str, Any], sizes: Sizes = PUBLISHED) -> nn.Module:
    """The predictor that the names of its tensors tell, float32, in evaluation mode, without gradients.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    given = {name: torch.as_tensor(value).float() for name, value in unwrap(state).items()}
    network: nn.Module = Linear(sizes.features) if "weight" in given else Chain(sizes.features)
    fill(network, given, "LAION's aesthetic predictor")
    return network.eval().requires_grad_(False)


def width_of(network: nn.Module) -> int:
    """C of the features that a predictor takes."""
    first = next(module for module in network.modules() if isinstance(module, nn.Linear))
    return first.in_features


def unit_length(features: Tensor) -> Tensor:
    """[..., C] over their length; zeros stay zeros, as in the published code."""
    lengths = features.float().norm(dim=-1, keepdim=True)
    return features / lengths.where(lengths > 0, torch.ones_like(lengths))
