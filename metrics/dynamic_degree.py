"""Dynamic degree: the share of clips in which something moves (Appendix C; Table 12).

Matches VBench 0.1.5, `dynamic_degree` (commit 45e79ec): RAFT between neighbouring frames, thinned to about 8 a second;
a pair moves if the mean of its longest 5 % of flow vectors exceeds 6 pixels at 256; a clip is dynamic, 1, if a quarter
as many pairs move as it has frames, and static, 0, otherwise. Where VBench is silently wrong, a clip gets a reason
instead: frames padded to less than 128 pixels, whose flow is NaN, and two frames, which always count as dynamic.

A high number hides what moves: the camera, the subject, or noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from i2vbench.metrics.base import NetworkMetric
from i2vbench.metrics.flow import NOT_FINITE, Look, strongest_means, too_small
from i2vbench.types import Clip, Measurement, MetricInfo

FPS = 8
SHARE = 0.05
"""Of the flow vectors of a pair, the longest ones."""

THRESHOLD_PX, THRESHOLD_SIDE_PX = 6.0, 256
"""What they must exceed on a frame whose shorter side is 256 pixels."""

LEAST_FRAMES = 3


def frame_interval(fps: float) -> int:
    """One in how many frames is kept: of 12 frames a second one in 2, of 20 one in 2, of 28 one in 4."""
    return max(1, round(fps / FPS))  # Python's round: halves go to the even neighbour


def kept_frames(num_frames: int, fps: float) -> list[int]:
    """Positions of the frames that are kept."""
    return list(range(0, num_frames, frame_interval(fps)))


def threshold_px(height: int, width: int) -> float:
    """What a pair's magnitude must exceed, given the frame's size before it is padded."""
    return THRESHOLD_PX * (min(height, width) / THRESHOLD_SIDE_PX)


def pairs_needed(num_frames: int) -> int:
    """How many pairs must move, given the number of kept frames; of 2 frames none."""
    return round(4 * num_frames / 16)


def pairs_above(magnitudes: Sequence[float], threshold: float) -> int:
    """How many pairs move; NaN does not."""
    return sum(magnitude > threshold for magnitude in magnitudes)


def is_dynamic(magnitudes: Sequence[float], threshold: float, needed: int) -> bool:
    """VBench's decision, as it is: two frames are dynamic whatever they show, one frame is not."""
    return bool(magnitudes) and pairs_above(magnitudes, threshold) >= needed


class DynamicDegree(NetworkMetric):
    """Whether a clip is dynamic, by RAFT."""

    info = MetricInfo(
        id="dynamic_degree",
        title="Dynamic Degree",
        direction="higher",
        unit="%",
        scale=100,
        range=(0.0, 1.0),
        checkpoints=("raft_things",),
        source="Appendix C, Table 12; VBench 0.1.5 dynamic_degree, RAFT (things), 20 iterations",
        hides="A moving camera, a jump or noise counts as motion; threshold and count go with size, length and rate.",
    )
    kept_over_runs = True
    network = "raft"

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        refusals = [too_small(clip.video) or _too_short(clip) for clip in clips]
        looks = [_look(clip) for clip, refusal in zip(clips, refusals, strict=True) if refusal is None]
        magnitudes = iter(strongest_means(self._network, self._device, looks, SHARE))
        return [
            _measurement(clip, next(magnitudes))
            if refusal is None
            else Measurement(clip.sample.id, self.info.id, error=refusal)
            for clip, refusal in zip(clips, refusals, strict=True)
        ]


def _too_short(clip: Clip) -> str | None:
    video = clip.video
    kept = len(kept_frames(video.num_frames, video.fps))
    if kept >= LEAST_FRAMES:
        return None
    why = "one frame has no pair" if kept == 1 else "of two, none need to move, so VBench calls any clip dynamic"
    return (
        f"too short: expected at least {LEAST_FRAMES} frames once thinned to about {FPS} a second, got {kept} of "
        f"{video.num_frames} at {video.fps:g} a second ({why}). Give the profile's protocol more num_frames"
    )


def _look(clip: Clip) -> Look:
    kept = kept_frames(clip.video.num_frames, clip.video.fps)
    return Look(clip.video.frames, list(pairwise(kept)))


def _measurement(clip: Clip, magnitudes: list[float]) -> Measurement:
    metric = DynamicDegree.info.id
    if not np.isfinite(magnitudes).all():
        return Measurement(clip.sample.id, metric, error=NOT_FINITE)
    video = clip.video
    threshold, needed = threshold_px(video.height, video.width), pairs_needed(len(magnitudes) + 1)
    details = {
        "top5_magnitude_per_pair": magnitudes,
        "threshold": threshold,
        "pairs_needed": needed,
        "pairs_above": pairs_above(magnitudes, threshold),
        "frame_interval": frame_interval(video.fps),
    }
    return Measurement(clip.sample.id, metric, value=float(is_dynamic(magnitudes, threshold, needed)), details=details)
