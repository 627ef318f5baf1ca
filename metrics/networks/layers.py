"""What several networks share: batch norm that only applies, and arithmetic that stays float32."""

from __future__ import annotations

import functools
import threading
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
    """A forward pass without autocast, TF32 and bfloat16 products, whatever is set around it, and without gradients.

    Only a network in training mode has gradients; `load` gives every network in evaluation mode.

    Distances between distributions move with the rounding of features: TF32 keeps 10 bits of a product's factors, and
    is on for convolutions on a GPU unless it is switched off.
    """

    @functools.wraps(forward)
    def exact(self: nn.Module, x: Tensor, *more: Any, **options: Any) -> Any:
        gradients = torch.set_grad_enabled(self.training and torch.is_grad_enabled())
        with gradients, torch.autocast(x.device.type, enabled=False), _ieee_products:
            return forward(self, x, *more, **options)

    return exact


class _IeeeProducts:
    """float32 products for as long as any thread is inside: the settings are the process's."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._before: list[str] = []

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = [setting.fp32_precision for setting in _settings()]
                for setting in _settings():
                    setting.fp32_precision = "ieee"
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                for setting, precision in zip(_settings(), self._before, strict=True):
                    setting.fp32_precision = precision


def _settings() -> tuple[Any, ...]:
    # Not allow_tf32 and set_float32_matmul_precision: these raise where the newer settings here were used before.
    backends: Any = torch.backends
    return backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.conv, backends.mkldnn.matmul


_ieee_products = _IeeeProducts()
