"""Subject consistency: how alike the frames look to DINO ViT-B/16 (Appendix C; Table 7).

Matches VBench 0.1.5, `subject_consistency` (commit 45e79ec): all frames, the shorter side resized to 224 bilinearly
without antialiasing, nothing cropped; the class token; the rest in `consistency.py`.

A high number hides that nothing moves: a still clip scores 100.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from i2vbench.metrics.consistency import ConsistencyMetric
from i2vbench.types import MetricInfo

if TYPE_CHECKING:
    from torch import Tensor


class SubjectConsistency(ConsistencyMetric):
    info = MetricInfo(
        id="subject_consistency",
        title="Subject Consistency",
        direction="higher",
        unit="%",
        scale=100,
        range=(0.0, 1.0),
        checkpoints=("dino_vitb16",),
        source="Appendix C, Table 7; VBench 0.1.5 subject_consistency",
        hides="A still clip scores 100: read it beside the dynamic degree.",
    )
    network = "dino"

    def look(self, frames: Tensor) -> Tensor:
        from i2vbench.metrics.networks import dino

        features: Tensor = self._network(dino.preprocess(frames, self.antialias))
        return features
