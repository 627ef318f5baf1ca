"""Subject consistency: how alike the frames look to DINO ViT-B/16 (Appendix C; Table 7).

Matches VBench 0.1.5, `subject_consistency` (commit 45e79ec): all frames, the shorter side resized to 224 bilinearly
without antialiasing, nothing cropped; the class token; the rest in `consistency.py`.

A high number hides that nothing moves: a still clip scores 100.
"""

from __future__ import annotations

from i2vbench.metrics.consistency import ConsistencyMetric
from i2vbench.types import MetricInfo


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
    kept_over_runs = True
    network = "dino"
