"""How bright the frames of a clip are, and how much of them is lost in black and white.

What fools it: bars are dark pixels, so they must be cut away first. A dark share is not a fault by itself: a firework
is mostly black; a clip that is black all over is told by its contrast too. Brightness is that of the file's numbers,
neither of light nor of what the camera could have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from i2vbench.curation.frames import luma
from i2vbench.types import Frames

_DARK, _BRIGHT = 16, 239
"""Luma of 255 below or above which little is to be seen."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Of luma (BT.601) over all frames, each from 0 to 1.

    Attributes:
        mean: Black is 0, white 1.
        dark_share: Of pixels nearly black, below 16 of 255.
        bright_share: Of pixels nearly white, above 239 of 255.
        contrast: The mean over the frames of their standard deviation; at most 0.5.
    """

    mean: float
    dark_share: float
    bright_share: float
    contrast: float


def exposure(frames: Frames) -> Exposure:
    """What the frames, uint8 [T, H, W, 3] with T >= 1, are like on the whole."""
    # A frame at a time: floats are large.
    counts = [np.bincount(np.rint(luma(frame)).astype(np.uint8).ravel(), minlength=256) for frame in frames]
    levels = np.arange(256)
    means = [float(count @ levels) / count.sum() for count in counts]
    spreads = [
        float(np.sqrt(count @ (levels - mean) ** 2 / count.sum())) for count, mean in zip(counts, means, strict=True)
    ]
    every = np.sum(counts, axis=0)
    return Exposure(
        mean=float(np.mean(means)) / 255,
        dark_share=float(every[:_DARK].sum() / every.sum()),
        bright_share=float(every[_BRIGHT + 1 :].sum() / every.sum()),
        contrast=float(np.mean(spreads)) / 255,
    )
