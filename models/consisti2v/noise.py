"""Correlated initial noise (Appendix A.1, "Correlated Noise Initialization", equations 9 and 10).

The paper sets alpha = 1.5; the published code, and with it the checkpoint, alpha = 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from i2vbench.models.consisti2v.sampling import NOISE_METHODS, NoiseMethod

Shape = tuple[int, int, int, int, int]


def initial_noise(
    shape: Shape,
    method: NoiseMethod = "pyoco_mixed",
    alpha: float = 1.0,
    generator: Generator | Sequence[Generator] | None = None,
) -> Tensor:
    """Noise for a batch of clips, float32, as the published code draws and mixes it.

    Args:
        shape: [b, channels, T, h, w].
        method: "pyoco_mixed" (equation 10), "pyoco_progressive" (each frame continues the one before) or "vanilla"
            (independent frames).
        alpha: Strength of what frames share.
        generator: Draws on its own device; several, one per clip, draw for each clip by itself. None is torch's
            global one of the CPU.

    Raises:
        ValueError: Another method, or another number of generators than clips.
    """
    if isinstance(generator, Sequence):
        if len(generator) != shape[0]:
            raise ValueError(f"expected one generator per clip, {shape[0]}, got {len(generator)}")
        return torch.cat([initial_noise((1, *shape[1:]), method, alpha, one) for one in generator])
    draws = [standard_normal(drawn, generator) for drawn in draw_shapes(shape, method)]
    return mix_noise(draws, method, alpha)


def draw_shapes(shape: Shape, method: NoiseMethod) -> list[Shape]:
    """What is drawn, in order, for noise of this shape.

    Raises:
        ValueError: Another method.
    """
    if method == "vanilla":
        return [shape]
    if method == "pyoco_mixed":
        return [(*shape[:2], 1, *shape[3:]), shape]
    if method == "pyoco_progressive":
        return [shape, shape]
    raise ValueError(f"noise '{method}': expected one of {', '.join(NOISE_METHODS)}")


def mix_noise(draws: Sequence[Tensor], method: NoiseMethod, alpha: float) -> Tensor:
    """Noise [b, channels, T, h, w] from standard normal draws, of variance 1 in each frame.

    Args:
        draws: Of `draw_shapes`, in order.
        method: As in `initial_noise`.
        alpha: Neighbouring frames correlate by alpha^2 / (1 + alpha^2) in "pyoco_mixed", and by its root in
            "pyoco_progressive".
    """
    if method == "vanilla":
        return draws[0]
    shared, own = math.sqrt(alpha**2 / (1 + alpha**2)), math.sqrt(1 / (1 + alpha**2))
    first, second = draws
    if method == "pyoco_mixed":
        return shared * first + own * second
    frames = [first[:, :, 0]]
    for frame in range(1, first.shape[2]):
        frames.append(shared * frames[-1] + own * second[:, :, frame])
    return torch.stack(frames, dim=2)


def standard_normal(shape: Sequence[int], generator: Generator | Sequence[Generator] | None) -> Tensor:
    """Standard normal numbers, float32; with several generators each draws an equal share of the first axis.

    Raises:
        ValueError: A first axis that does not divide among the generators.
    """
    if isinstance(generator, Sequence):
        if shape[0] % len(generator):
            raise ValueError(f"{shape[0]} draws cannot be shared by {len(generator)} generators")
        share = (shape[0] // len(generator), *shape[1:])
        return torch.cat([standard_normal(share, one) for one in generator])
    return torch.randn(tuple(shape), generator=generator, device=generator.device if generator else "cpu")
