"""Weights that make something of what comes in: as libraries start them, many layers are zero and all videos grey."""

from __future__ import annotations

import math

import torch
from torch import nn


def enliven(module: nn.Module, seed: int = 0, gain: float = 1.0) -> nn.Module:
    """Draw every matrix and kernel again, so that a layer's output is about as large as its input.

    Biases and what belongs to a normalisation stay as they were made.

    Args:
        module: Changed in place.
        seed: Decides the weights.
        gain: Output's standard deviation over the input's.
    """
    generator = torch.Generator().manual_seed(seed)
    for _, part in sorted(module.named_modules()):
        if "norm" in type(part).__name__.lower() and not any(True for _ in part.children()):
            continue
        for own, parameter in part.named_parameters(recurse=False):
            if parameter.ndim < 2 or own == "gamma":
                continue
            fan_in = 1 if isinstance(part, nn.Embedding) else parameter[0].numel()
            with torch.no_grad():
                parameter.normal_(0, gain / math.sqrt(fan_in), generator=generator)
    return module.eval()
