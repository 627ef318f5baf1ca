"""Background consistency: how alike the frames look to CLIP ViT-B/32 (Appendix C; Table 6).

Matches VBench 0.1.5, `background_consistency` (commit 45e79ec), in float32: all frames, the shorter side resized to 224
bicubically without antialiasing or rounding, the centre cropped; projected image features; the rest in
`consistency.py`. VBench on a GPU has half precision, which moves a score by about 1e-4.

A high number hides that nothing moves, and that the subject is looked at as much as what is behind it.
"""

from __future__ import annotations

from i2vbench.metrics.consistency import ConsistencyMetric
from i2vbench.types import MetricInfo


class BackgroundConsistency(ConsistencyMetric):
    info = MetricInfo(
        id="background_consistency",
        title="Background Consistency",
        direction="higher",
        unit="%",
        scale=100,
        range=(0.0, 1.0),
        checkpoints=("clip_vit_b32",),
        source="Appendix C, Table 6; VBench 0.1.5 background_consistency",
        hides="The subject is looked at too, and a still clip scores 100: read it beside the dynamic degree.",
    )
    kept_over_runs = True
    network = "clip"
