"""How much a clip moves, by optical flow: RAFT, between frames an eighth of a second apart.

The unit is the threshold's of dynamic degree: pixels of a picture whose shorter side is 256, in an eighth of a second.
Lengths in frames of another size, or not exactly so far apart, are scaled in proportion.

What fools it: noise and flicker move little, but all over; what has no texture does not move. Faster than a fifth of
the picture RAFT loses its way, and a cut within the clip is the fastest motion of all. tiny_raft is told frames of
128 pixels: there it finds 0.0 to 4.4 px in one real frame shown twice, and at 256 up to 23 in drawn ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from i2vbench.curation.frames import PAIR_SECONDS, Pairs
from i2vbench.errors import UserError

SHARE = 0.05
"""Of the flow vectors of a pair, the longest ones, as dynamic degree has it."""


SIDE_PX = 256
"""Of the picture that pixels are counted in, the shorter one."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Pixels at 256 in an eighth of a second.

    Attributes:
        median_px: Of the pairs' mean lengths of the longest 5 % of vectors the median: how the clip moves on the whole.
        fastest_px: Of the same the maximum: its most violent moment.
        whole_px: Of the pairs' mean lengths of all vectors the median: near `median_px`, the camera moves; far below
            it, a thing.
    """

    median_px: float
    fastest_px: float
    whole_px: float


class MotionMeter:
    """RAFT, loaded once.

    Args:
        device: As torch names it.
        checkpoint: Its name in the catalogue, as a profile gives it for dynamic degree: "raft_things", "tiny_raft".

    Raises:
        UserError: The checkpoint is not there, or is not RAFT's.
    """

    def __init__(self, device: str, checkpoint: str) -> None:
        from i2vbench.metrics.base import read_network

        self._device = device
        self._network = read_network("raft", checkpoint).to(device)

    def measure(self, clips: Sequence[Pairs]) -> list[Motion]:
        """The motion of each clip, in order; what is measured together does not change it.

        Raises:
            UserError: The network gives no finite flow.
        """
        from i2vbench.metrics.flow import NOT_FINITE, Look, means_of_strongest

        looks = [Look(clip.frames, clip.positions) for clip in clips]
        found = []
        for clip, means in zip(
            clips, means_of_strongest(self._network, self._device, looks, (SHARE, 1.0)), strict=True
        ):
            if not np.isfinite(means).all():
                raise UserError(NOT_FINITE)
            unit = SIDE_PX / min(clip.frames.shape[1:3]) * PAIR_SECONDS
            scaled = [
                [length * unit / seconds for length in pair] for pair, seconds in zip(means, clip.seconds, strict=True)
            ]
            strongest, whole = zip(*scaled, strict=True)
            found.append(Motion(median(strongest), max(strongest), median(whole)))
        return found
