"""Which frames of a clip are looked at."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np

from i2vbench.types import Frames


def middle_frame_indices(num_frames: int, wanted: int) -> list[int]:
    """The middle frame of each of `wanted` stretches of a clip, as VBench's `get_frame_indices` with "middle".

    The stretches end where a float sequence of equal steps, cut to integers, has it; of two middle frames it is the
    first. A clip with fewer frames repeats its last one.

    Args:
        num_frames: Of the clip, counted from 0.
        wanted: How many to take.

    Returns:
        `wanted` indices, none smaller than the one before.

    Raises:
        ValueError: A number below 1.

    >>> middle_frame_indices(16, 8)
    [0, 2, 4, 6, 8, 10, 12, 14]
    >>> middle_frame_indices(2, 4)
    [0, 1, 1, 1]
    """
    if min(num_frames, wanted) < 1:
        raise ValueError(f"frames to sample: expected at least 1 of at least 1, got {wanted} of {num_frames}")
    stretches = min(num_frames, wanted)
    borders = np.linspace(0, num_frames, stretches + 1).astype(int).tolist()
    middle = [(begin + end - 1) // 2 for begin, end in pairwise(borders)]
    return middle + [middle[-1]] * (wanted - stretches)


def first_alike(frames: Frames) -> list[int]:
    """Of each frame [T, H, W, 3] the first one of the same bytes: a video that stands still need be looked at once."""
    first: dict[bytes, int] = {}
    return [first.setdefault(hashlib.blake2b(frame.tobytes()).digest(), i) for i, frame in enumerate(frames)]
