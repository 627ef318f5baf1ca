"""Noise that looks like matter: random grids, from coarse to fine, each half as strong as the one before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow


def smooth_noise(
    size: tuple[int, int], cells: int, random: np.random.Generator, octaves: int = 3, stretch: float = 1.0
) -> npt.NDArray[np.floating]:
    """Noise [H, W] of mean 0, about -1 to 1.

    Args:
        size: (H, W).
        cells: Of the coarsest grid, along the shorter side.
        random: Where it comes from.
        octaves: How many grids; each has twice the cells of the one before.
        stretch: How much longer than high its grains are.
    """
    height, width = size
    total = np.zeros(size)
    for octave in range(octaves):
        fine = cells * 2**octave
        rows = max(2, min(height, round(fine * height / min(size))))
        columns = max(2, min(width, round(fine * width / min(size) / stretch)))
        grid = Pillow.fromarray(random.uniform(-1, 1, (rows, columns)).astype(np.float32))
        total += np.asarray(grid.resize((width, height), Pillow.Resampling.BICUBIC)) / 2**octave
    return total / 1.3
