"""Numbers for a checkpoint that depend on each tensor's name alone, so that no published weights are needed.

Both sides of a case are filled with them: the published implementation when the case was recorded, ours when it runs. A
tensor's numbers are a function of (seed, key, shape), `key` being its name in the published checkpoint. They must stay
bit for bit what they were when the cases were recorded.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]
KeyList = Mapping[str, Mapping[str, Any]]
"""A published checkpoint's tensors: {"conv_in.weight": {"shape": [32, 4, 3, 3], "dtype": "float32"}, ...}."""


def tensor(key: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """One tensor: normal noise, scaled and shifted by what the tensor's name says it is."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(f"{seed}:{key}".encode())))
    noise = generator.standard_normal(shape, dtype=np.float32)
    role = key.rpartition(".")[2]
    values: np.ndarray[Any, Any]
    if role == "running_var":
        values = 1.0 + 0.1 * np.abs(noise)
    elif role in ("running_mean", "bias") or role.endswith("_bias"):
        values = 0.1 * noise
    elif not shape:
        values = np.array(0.5 + 0.1 * float(noise))
    elif len(shape) == 1:  # gains, slopes, layer scales, gates
        values = 1.0 + 0.1 * noise
    else:
        values = noise / math.sqrt(math.prod(shape[1:]))
    return np.asarray(values, dtype=np.float32)


def state(keys: KeyList, seed: int = 0) -> dict[str, Array]:
    """Every tensor of a checkpoint but the integer ones, which are no parameters."""
    floating = {key: spec for key, spec in keys.items() if spec["dtype"].startswith(("float", "bfloat"))}
    return {key: tensor(key, tuple(spec["shape"]), seed) for key, spec in floating.items()}


def unet_state(keys: KeyList, seed: int = 0, alpha_shift: float = -0.5) -> dict[str, Array]:
    """ConsistI2V's U-Net: the recipe, and `alpha_shift` added to every temporal gate.

    The recipe's gates lie near 1, where the temporal layers hardly show.
    """
    filled = state(keys, seed)
    gates = {
        key: np.asarray(filled[key] + np.float32(alpha_shift), np.float32) for key in filled if key.endswith(".alpha")
    }
    return filled | gates
