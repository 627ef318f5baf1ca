"""A GPU that computes nothing, and what a program waits for on one: checks of GPU work without a GPU."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision  # noqa: F401 - registers nms
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from i2vbench import transfer
from i2vbench.types import Frames

ROOT = Path(__file__).resolve().parents[1]
GPU = "cuda:0"

_aten = torch.ops.aten
_READS = {_aten._local_scalar_dense.default, _aten.equal.default}
_COUNTS = {
    _aten.nonzero.default,
    _aten.masked_select.default,
    _aten.repeat_interleave.Tensor,
    _aten._unique2.default,
    torch.ops.torchvision.nms.default,
}
"""Whose result's size only the GPU knows."""


class Waits(TorchDispatchMode):
    """Notes where the program waits for the GPU.

    Attributes:
        places: `FILE:LINE operation`, one for each time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if reason := _wait(func, args, kwargs):
            self.places.append(f"{_place()} {reason}")
        return self.run(func, args, kwargs)

    def run(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return func(*args, **kwargs)


def _wait(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Why the program stands still until the GPU is done; "" if it does not."""
    if func is _aten._to_copy.default:
        return _copy(args[0], torch.device(kwargs.get("device") or args[0].device), kwargs.get("non_blocking", False))
    if func is _aten.copy_.default:
        return _copy(args[1], args[0].device, kwargs.get("non_blocking", args[2] if len(args) > 2 else False))
    first = next((x for x in tree_leaves(args) if isinstance(x, Tensor)), None)
    if first is None or first.device.type == "cpu":
        return ""
    if func in _READS or func in _COUNTS:
        return str(func)
    if func in (_aten.index.Tensor, _aten.index_put_.default, _aten.index_put.default):
        indices = [index for index in args[1] if index is not None]
        if any(index.device.type == "cpu" for index in indices):
            return f"{func} by an index on the CPU"
        if any(index.dtype in (torch.bool, torch.uint8) for index in indices) and func is _aten.index.Tensor:
            return f"{func} by a mask"
    return ""


def _copy(source: Tensor, target: torch.device, non_blocking: bool) -> str:
    if source.device.type == target.type:
        return ""
    if target.type == "cpu":
        return "copy from the GPU"
    if not non_blocking:
        return "copy to the GPU that is waited for"
    return "" if getattr(source, "pinned", None) or _is_pinned(source) else "copy to the GPU from pageable memory"


def _is_pinned(source: Tensor) -> bool:
    return torch.cuda.is_available() and source.is_pinned()


def _place() -> str:
    """The innermost line that is ours."""
    for frame in reversed(traceback.extract_stack()):
        path = Path(frame.filename)
        if path.is_relative_to(ROOT) and path.parts[len(ROOT.parts)] not in (".venv", "tests", "benchmarks"):
            return f"{path.relative_to(ROOT)}:{frame.lineno}"
    return "elsewhere"


class PretendedGPU(Waits):
    """Tensors on "cuda" without numbers, beside real ones on the CPU.

    What is read from it is 1 everywhere; where it would count, it counts one.
    """

    def __init__(self, fake: FakeTensorMode) -> None:
        super().__init__()
        self._fake = fake

    def run(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        tensors = [x for x in tree_leaves((args, dict(kwargs))) if isinstance(x, Tensor)]
        on_gpu = any(isinstance(x, FakeTensor) for x in tensors)
        if not on_gpu and torch.device(kwargs.get("device") or "cpu").type == "cpu":
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        if func in _READS:
            return 1.0 if args[0].dtype.is_floating_point else 1
        if func is _aten._to_copy.default and torch.device(kwargs.get("device") or GPU).type == "cpu":
            with unset_fake_temporarily():
                return torch.ones(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        if func in _COUNTS or _by_mask(func, args):
            return _counted(func, args)
        return func(*args, **kwargs)


def _by_mask(func: Any, args: Sequence[Any]) -> bool:
    return func is _aten.index.Tensor and any(x is not None and x.dtype == torch.bool for x in args[1])


def _counted(func: Any, args: Sequence[Any]) -> Tensor:
    """One row, as the only one that is found."""
    if func is _aten.index.Tensor:
        mask = args[1][0]
        return args[0].new_empty(1, *args[0].shape[mask.ndim :])
    shape = (1, args[0].ndim) if func is _aten.nonzero.default else (1,)
    return torch.empty(shape, dtype=torch.int64, device=GPU)


@contextmanager
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedGPU]:
    """Inside, "cuda" is a GPU that computes nothing."""
    grid_sampler = torch.grid_sampler

    def composite(x: Tensor, grid: Tensor, *rest: Any) -> Tensor:
        # Its choice of a kernel asks for the driver.
        return _aten.grid_sampler_2d(x, grid, *rest) if x.device.type == "cuda" else grid_sampler(x, grid, *rest)

    monkeypatch.setattr(torch, "grid_sampler", composite)
    monkeypatch.setattr(transfer, "pinned", _pinned)
    monkeypatch.setattr(transfer, "_copied", _copied)
    monkeypatch.setattr(transfer, "_free_bytes", lambda device: 2**40)
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, PretendedGPU(fake) as gpu:
        yield gpu


def _pinned(tensor: Tensor) -> Tensor:
    copied = tensor.clone()
    copied.pinned = True  # type: ignore[attr-defined]
    return copied


def _copied(frames: Frames, device: str) -> Tensor:
    return _pinned(torch.tensor(frames)).to(device, non_blocking=True)


def on_gpu(network: nn.Module) -> nn.Module:
    """A copy of a network on the pretended GPU."""
    network = copy.deepcopy(network)
    moved: dict[int, Tensor] = {}
    for module in network.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    new = moved.setdefault(id(tensor), torch.empty_like(tensor, device=GPU))
                    tensors[name] = nn.Parameter(new, requires_grad=False) if tensors is module._parameters else new
    return network
