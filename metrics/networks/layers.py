"""What several networks share: batch norm that only applies, and arithmetic that stays float32."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FrozenBatchNorm(nn.Module):
    """Batch norm with the statistics of its checkpoint, of any number of dimensions; it counts no batches.

    Args:
        channels: C of the input [N, C, ...].
        eps: Added to the variance. Copies of one network differ in it, so it has no default.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


def in_float32(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A forward pass without gradients, autocast and TF32, whatever is set around it.

    Distances between distributions move with the rounding of features: TF32 keeps 10 bits of a product's factors, and
    is on for convolutions unless it is switched off.
    """

    @functools.wraps(forward)
    def exact(self: nn.Module, x: Tensor) -> Any:
        matmul_precision = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            with (
                torch.no_grad(),
                torch.autocast(x.device.type, enabled=False),
                torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
            ):
                return forward(self, x)
        finally:
            torch.set_float32_matmul_precision(matmul_precision)

    return exact
