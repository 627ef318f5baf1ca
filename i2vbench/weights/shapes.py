"""The names and shapes of a file's tensors, and their fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from i2vbench.errors import UserError

_COUNTER = "num_batches_tracked"
"""A buffer of batch norms that some converters store and others do not; no network here reads it."""


def fingerprint(shapes: Mapping[str, Sequence[int]]) -> str:
    """SHA-256 over the sorted lines "NAME [SHAPE]", joined by newlines; counters of batch norms do not count."""
    lines = sorted(f"{name} {list(shape)}" for name, shape in shapes.items() if not name.endswith(_COUNTER))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def shapes_of(path: Path) -> dict[str, list[int]]:
    """The shapes of a file's tensors by name; of .safetensors only the header is read.

    Raises:
        UserError: A damaged file, or one that holds more than tensors.
    """
    if path.suffix != ".safetensors":
        from i2vbench.weights.tensors import read_tensors

        return {name: list(tensor.shape) for name, tensor in read_tensors(path).items()}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise UserError(f"checkpoint file {path} cannot be read as tensors: {error}") from error
