"""Features to unit vectors, whose products are cosines; what has no direction is said instead of divided by zero."""

from __future__ import annotations

import numpy as np

from i2vbench.metrics.moments import Features, Matrix


def unit(features: Features, what: str) -> Matrix:
    """The same directions at length 1, float64.

    Args:
        features: [..., d], of any length.
        what: Whose they are, for the reason.

    Raises:
        ValueError: Some are not finite or all zero.
    """
    doubles = features.astype(np.float64)
    lengths = np.linalg.norm(doubles, axis=-1, keepdims=True)
    for wrong, state in ((~np.isfinite(lengths), "not finite"), (lengths == 0, "all zero")):
        if wrong.any():
            raise ValueError(
                f"expected {what} features of a length above 0, got {wrong.sum()} of {wrong.size} that are {state}, "
                f"first number {wrong.argmax()} (from 0): check the network's checkpoint, and measure again in float32"
            )
    directions: Matrix = doubles / lengths
    return directions
