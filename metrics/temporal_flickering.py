"""Temporal flickering: how little neighbouring frames differ (Appendix C; Table 8).

Matches VBench 0.1.5, `temporal_flickering` (commit 45e79ec): per pair of neighbouring frames the mean over pixels and
channels of |a - b| on 0..255 values; the clip's value is (255 - mean over the pairs) / 255. No resizing, no static
filter: the paper counts every clip. Differences of uint8 are summed as integers, so the value does not depend on the
order of summation (VBench sums in float32; the recorded cases agree to 1e-6).

A high number hides that nothing moves: a still clip scores 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from i2vbench.metrics.base import Metric
from i2vbench.types import Clip, Frames, Measurement, MetricInfo


def mean_absolute_differences(frames: Frames) -> list[float]:
    """Mean |a - b| of each pair of neighbouring frames.

    Args:
        frames: uint8 [T, H, W, 3].

    Returns:
        T - 1 numbers between 0 and 255.
    """
    # max - min is |a - b| without leaving uint8
    return [int((np.maximum(a, b) - np.minimum(a, b)).sum(dtype=np.int64)) / a.size for a, b in pairwise(frames)]


class TemporalFlickering(Metric):
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

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        return [_measure(clip) for clip in clips]


def _measure(clip: Clip) -> Measurement:
    metric = TemporalFlickering.info.id
    differences = mean_absolute_differences(clip.video.frames)
    if not differences:
        return Measurement(clip.sample.id, metric, error="one frame has no neighbour; at least two are needed")
    mae = sum(differences) / len(differences)
    return Measurement(clip.sample.id, metric, value=(255 - mae) / 255, details={"mae_per_pair": differences})
