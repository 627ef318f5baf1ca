"""Random numbers of a training step as they were recorded."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from i2vbench.models.consisti2v.training.objective import Draws


class RecordedDraws(Draws):
    """Draws that were recorded, given back in their order.

    Args:
        normals: One tensor a draw.
        timesteps: int64 [b].
        uniforms: One number a draw.

    Raises:
        ValueError: From its methods, when more is asked for than was recorded, or another shape.
    """

    def __init__(self, normals: Sequence[Tensor], timesteps: Tensor, uniforms: Sequence[float]) -> None:
        self._normals = iter(normals)
        self._timesteps = timesteps
        self._uniforms = iter(uniforms)

    def normal(self, shape: Sequence[int]) -> Tensor:
        found = next(self._normals, None)
        if found is None or tuple(found.shape) != tuple(shape):
            there = "no more" if found is None else list(found.shape)
            raise ValueError(f"recorded draws: expected normals {list(shape)}, found {there}")
        return found

    def timesteps(self, count: int, num_train_timesteps: int) -> Tensor:
        if tuple(self._timesteps.shape) != (count,):
            raise ValueError(f"recorded draws: expected {count} timesteps, found {list(self._timesteps.shape)}")
        return self._timesteps

    def uniform(self) -> float:
        found = next(self._uniforms, None)
        if found is None:
            raise ValueError("recorded draws: no uniform number is left")
        return found
