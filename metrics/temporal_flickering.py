"""Temporal flickering: how little neighbouring frames differ (Appendix C; Table 8).

Matches VBench 0.1.5, `temporal_flickering` (commit 45e79ec): per pair of neighbouring frames the mean over pixels and
channels of |a - b| on 0..255 values; the clip's value is (255 - mean over the pairs) / 255. No resizing, no static
filter: the paper counts every clip. Differences of uint8 are summed as integers, so the value does not depend on the
order of summation (VBench sums in float32; the recorded cases agree to 1e-6).

`temporal_flickering:static-only` measures the clips that pass VBench's static filter, as VBench's own protocol has it.

A high number hides that nothing moves: a still clip scores 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from i2vbench.metrics.base import NetworkMetric
from i2vbench.metrics.static_filter import Verdict, judge
from i2vbench.metrics.variants import check_variant
from i2vbench.types import Clip, Frames, Measurement, MetricInfo

STATIC_ONLY = "static-only"


def mean_absolute_differences(frames: Frames) -> list[float]:
    """Mean |a - b| of each pair of neighbouring frames.

    Args:
        frames: uint8 [T, H, W, 3].

    Returns:
        T - 1 numbers between 0 and 255.
    """
    # max - min is |a - b| without leaving uint8
    return [int((np.maximum(a, b) - np.minimum(a, b)).sum(dtype=np.int64)) / a.size for a, b in pairwise(frames)]


class TemporalFlickering(NetworkMetric):
    """`temporal_flickering`, or `temporal_flickering:static-only`, of the clips that the static filter lets through.

    Args:
        argument: The variant.
    """

    info = MetricInfo(
        id="temporal_flickering",
        title="Temporal Flickering",
        direction="higher",
        unit="%",
        scale=100,
        range=(0.0, 1.0),
        source="Appendix C, Table 8; VBench 0.1.5 temporal_flickering",
        hides="A still clip scores 100: read it beside the dynamic degree.",
    )
    kept_over_runs = True
    network = "raft"

    def __init__(self, argument: str = "") -> None:
        check_variant(self.info.id, argument, [STATIC_ONLY])
        super().__init__()
        self.static_only = argument == STATIC_ONLY
        if self.static_only:
            self.info = replace(
                self.info,
                id=f"{self.info.id}_static",
                title=f"{self.info.title} (static clips)",
                checkpoints=("raft_things",),
                source="VBench 0.1.5 static_filter, then temporal_flickering; not in the paper",
                hides="How few clips it may stand on: the filter leaves those that hardly move.",
            )

    def load(self, device: str, dtype: str) -> None:
        if self.static_only:
            super().load(device, dtype)

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        verdicts = judge(self._network, self._device, clips) if self.static_only else [None] * len(clips)
        return [self._measure(clip, verdict) for clip, verdict in zip(clips, verdicts, strict=True)]

    def _measure(self, clip: Clip, verdict: Verdict | None) -> Measurement:
        sample, metric = clip.sample.id, self.info.id
        if clip.video.num_frames < 2:
            return Measurement(sample, metric, error="one frame has no neighbour; at least two are needed")
        if verdict and verdict.error:
            return Measurement(sample, metric, error=verdict.error)
        if verdict and verdict.motion:
            why = f"the clip is not static: {verdict.motion}"
            return Measurement(sample, metric, not_applicable=why, details=verdict.details)
        differences = mean_absolute_differences(clip.video.frames)
        details: dict[str, Any] = {"mae_per_pair": differences}
        if verdict:
            details |= verdict.details
        return Measurement(sample, metric, value=(255 - sum(differences) / len(differences)) / 255, details=details)
