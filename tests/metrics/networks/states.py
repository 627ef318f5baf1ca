"""Checkpoints of the networks as the reference cases have them, and noise to look at."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from tests.reference.cases import BUNDLED, Case
from tests.reference.kinds.feature_networks import published_state

CASES = {"i3d": "i3d/case-1", "c3d": "c3d/case-0", "inception_fid": "inception_fid/case-1"}
"""Calibrated where there is such a state: else the features hardly depend on what is seen."""


@functools.cache  # 450 MB, of which C3D 312
def _state(network: str) -> dict[str, Tensor]:
    return published_state(Case(BUNDLED, CASES[network]))


def state(network: str) -> dict[str, Tensor]:
    """The published checkpoint's tensors by name; not to be written into."""
    return dict(_state(network))


def noise(*shape: int) -> Tensor:
    """uint8 of every level."""
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
