"""The tensors of a checkpoint's file, under torch's names. Nothing is unpickled (`i2vbench.checkpoints`)."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from i2vbench.checkpoints import read_state

_CHAINER = {"/W": ".weight", "/b": ".bias"}
"""How chainer's archives call parameters (conv1a/W), and what torch makes of it."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name; those of an .npz under torch's names (conv1a/W is conv1a.weight).

    Raises:
        UserError: A damaged file, or one that holds more than tensors.
    """
    state = read_state(path)
    return {_torch_name(name): tensor for name, tensor in state.items()} if path.suffix == ".npz" else state


def _torch_name(name: str) -> str:
    for end, ours in _CHAINER.items():
        if name.endswith(end):
            return name.removesuffix(end).replace("/", ".") + ours
    return name
