"""VBench's static filter: whether so little moves in a clip that its flickering can be told from its motion.

Matches VBench 0.1.5, `static_filter` (commit 45e79ec): RAFT between all neighbouring frames, without thinning, and
between the first and the last frame, both ways. VBench asks for it before temporal flickering; the paper does not use
it, and of image-to-video clips it leaves few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from i2vbench.metrics.flow import NOT_FINITE, Look, strongest_means, too_small
from i2vbench.types import Clip

if TYPE_CHECKING:
    from torch import nn

SHARE = 0.02
"""Of the flow vectors of a pair, the longest ones."""

THRESHOLD_PX, THRESHOLD_SIDE_PX = 3.0, 256
"""What they must not exceed on a frame whose shorter side is 256 pixels."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the filter says of a clip.

    Attributes:
        details: What it was judged by; empty where it could not be judged.
        motion: Why the clip is not static; "" if it is.
        error: Why it could not be judged; "" if it could.
    """

    details: Mapping[str, Any] = field(default_factory=dict)
    motion: str = ""
    error: str = ""


def frame_pairs(num_frames: int) -> list[tuple[int, int]]:
    """All neighbours, then (first, last) and (last, first); one frame is paired with itself."""
    last = num_frames - 1
    return [(i, i + 1) for i in range(last)] + [(0, last), (last, 0)]


def threshold_px(height: int, width: int) -> float:
    """What the magnitude of a pair of neighbours may be, given the frame's size before it is padded."""
    return THRESHOLD_PX * (min(height, width) / THRESHOLD_SIDE_PX)


def pairs_allowed(num_frames: int) -> int:
    """How many pairs of neighbours may exceed the threshold all the same; halves go to the even neighbour."""
    return round(2 * num_frames / 16)


def reason_of_motion(magnitudes: Sequence[float], threshold: float, allowed: int) -> str:
    """Why a clip is not static; "" if it is.

    Args:
        magnitudes: Pixels, of the neighbours and, the last two, of the first and last frame.
        threshold: In pixels; first and last frame may differ by 2 * allowed times it, so by nothing in up to 4 frames.
        allowed: Pairs of neighbours that may exceed it.
    """
    above, limit = sum(m > threshold for m in magnitudes[:-2]), threshold * allowed * 2
    if above > allowed:
        return f"{above} pairs of neighbouring frames move by more than {threshold:.4g} pixels, {allowed} may"
    if max(magnitudes[-2:]) > limit:
        return f"first and last frame are {max(magnitudes[-2:]):.4g} pixels apart, {limit:.4g} are allowed"
    return ""


def judge(network: nn.Module, device: str, clips: Sequence[Clip]) -> list[Verdict]:
    """One verdict per clip, in order.

    Args:
        network: RAFT, on `device`.
    """
    errors = [too_small(clip.video) for clip in clips]
    looks = [
        Look(clip.video.frames, frame_pairs(clip.video.num_frames))
        for clip, error in zip(clips, errors, strict=True)
        if not error
    ]
    magnitudes = iter(strongest_means(network, device, looks, SHARE))
    return [
        Verdict(error=error) if error else _verdict(clip, next(magnitudes))
        for clip, error in zip(clips, errors, strict=True)
    ]


def _verdict(clip: Clip, magnitudes: list[float]) -> Verdict:
    if not np.isfinite(magnitudes).all():
        return Verdict(error=NOT_FINITE)
    video = clip.video
    threshold, allowed = threshold_px(video.height, video.width), pairs_allowed(video.num_frames)
    *neighbours, forth, back = magnitudes
    details = {
        "top2_magnitude_per_pair": neighbours,
        "threshold": threshold,
        "pairs_allowed": allowed,
        "pairs_above": sum(magnitude > threshold for magnitude in neighbours),
        "first_to_last_magnitude": forth,
        "last_to_first_magnitude": back,
    }
    return Verdict(details, reason_of_motion(magnitudes, threshold, allowed))
