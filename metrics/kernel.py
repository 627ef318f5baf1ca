"""Kernel distance (KID): unbiased squared maximum mean discrepancy with a cubic kernel.

    k(x, y) = (x . y / d + 1)^3        (Binkowski et al., "Demystifying MMD GANs", ICLR 2018)

Unlike a Fréchet distance it does not shrink as n grows, and it takes nothing for a Gaussian. It can be slightly
negative: that is what makes it unbiased, so it is not cut off at 0.

Must match torch-fidelity 0.4 on each of its subsets, given features in float64.
"""

from __future__ import annotations

import math

import numpy as np

from i2vbench.metrics.moments import Features, check_features

CHUNK = 2048
"""Rows of a tile of the kernel matrix: at most 32 MiB at a time, whatever the number of rows."""


def kernel_distance(real: Features, generated: Features) -> float:
    """Unbiased estimate from all rows.

    Args:
        real: Rows [n, d], n >= 2.
        generated: Rows [m, d], m >= 2; m may differ from n.

    Returns:
        The squared discrepancy; around 0 for equal distributions, and then below 0 as often as above.

    Raises:
        ValueError: The sets have different d, fewer than two rows, or values that are not finite.
    """
    real, generated = _checked(real, generated)
    n, m = len(real), len(generated)
    within = _sum_of_pairs(real) / (n * (n - 1)) + _sum_of_pairs(generated) / (m * (m - 1))
    tiles = (kernel_matrix(x, y).sum() for x in _chunks(real) for y in _chunks(generated))
    return float(within - 2 * math.fsum(tiles) / (n * m))


def _checked(real: Features, generated: Features) -> tuple[Features, Features]:
    real = check_features(real)
    generated = check_features(generated, real.shape[1])
    if min(len(real), len(generated)) < 2:
        raise ValueError(
            "kernel distance: expected at least 2 rows on each side, "
            f"got {len(real)} real and {len(generated)} generated"
        )
    return real, generated


def _sum_of_pairs(rows: Features) -> float:
    """Sum of the kernel over ordered pairs of different rows: tiles above the diagonal count twice."""
    chunks = _chunks(rows)
    sums = []
    for i, x in enumerate(chunks):
        diagonal = kernel_matrix(x, x)
        sums.append(diagonal.sum() - np.trace(diagonal))
        sums += [2 * kernel_matrix(x, y).sum() for y in chunks[i + 1 :]]
    return math.fsum(sums)


def _chunks(rows: Features) -> list[Features]:
    return [rows[begin : begin + CHUNK] for begin in range(0, len(rows), CHUNK)]


def kernel_matrix(x: Features, y: Features) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """k between every row of x, [n, d], and every row of y, [m, d]: [n, m] in float64."""
    left = x.astype(np.float64)
    products = left @ (left if x is y else y.astype(np.float64)).T
    products /= x.shape[1]
    products += 1
    return products * products * products
