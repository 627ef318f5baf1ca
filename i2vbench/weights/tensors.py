"""The tensors of a checkpoint's file. Nothing is unpickled.

.safetensors are read as such, .npz without objects, everything else by torch's weights-only reader.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from i2vbench.errors import UserError

# The one place that says where the safe reader is.
from i2vbench.models.consisti2v.checkpoint import read_state

_CHAINER = {"/W": ".weight", "/b": ".bias"}
"""How chainer's archives call parameters (conv1a/W), and what torch makes of it."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name; those of an .npz under torch's names (conv1a/W is conv1a.weight).

    Raises:
        UserError: A damaged file, or one that holds more than tensors.
    """
    return _read_npz(path) if path.suffix == ".npz" else read_state(path)


def _read_npz(path: Path) -> dict[str, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {_torch_name(name): torch.from_numpy(archive[name]) for name in archive.files}
    except (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile, AttributeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"checkpoint file {path} cannot be read as arrays: {reason}") from error


def _torch_name(name: str) -> str:
    for end, ours in _CHAINER.items():
        if name.endswith(end):
            return name.removesuffix(end).replace("/", ".") + ours
    return name
