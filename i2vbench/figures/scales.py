"""From where to where axes go."""

from __future__ import annotations

import math
from collections.abc import Sequence

from i2vbench.types import MetricInfo

RULE = "from the lowest to the highest number drawn, widened to round ones"
"""How `axis_range` decides, as figures say it."""


def axis_range(values: Sequence[float], info: MetricInfo) -> tuple[float, float]:
    """The ends of an axis: the lowest and the highest number, widened to round ones inside of what the metric can be.

    Where all numbers are equal it is all that the metric can be, or from zero to about twice the number if that has no
    end.

    Args:
        values: In the printed unit, at least one.
        info: The metric.
    """
    low, high = min(values), max(values)
    bounds = tuple(end * info.scale for end in info.range) if info.range else (-math.inf, math.inf)
    if low == high:
        if info.range:
            return bounds[0], bounds[1]
        step = round_step(abs(low) / 4) if low else 1.0
        far = math.copysign(math.ceil(abs(2 * low) / step - 1e-9) * step, low) if low else step
        return min(0.0, far), max(0.0, far)
    step = round_step((high - low) / 8)
    digits = max(0, -math.floor(math.log10(step)))
    return (
        max(round(math.floor(low / step + 1e-9) * step, digits), bounds[0]),
        min(round(math.ceil(high / step - 1e-9) * step, digits), bounds[1]),
    )


def round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)
