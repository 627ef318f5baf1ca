"""CLIPSIM from given features (`clipsim/`); the tolerances are those of clipsim/README.md."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from i2vbench.metrics.clipsim import clipsim as mean_over_videos
from i2vbench.metrics.clipsim import clipsim_per_video, frame_cosines
from tests.reference.cases import Case
from tests.reference.compare import Check, Tolerance

OURS = Tolerance(atol=1e-6)
TORCHMETRICS = Tolerance(atol=1e-4)


def clipsim(case: Case) -> Iterator[Check]:
    """Ours, and what TorchMetrics makes of the same cosines: times 100, each of its means cut off at 0."""
    cosines = frame_cosines(case.input("image_features").numpy(), case.input("text_features").numpy())  # [n, T]
    per_video = clipsim_per_video(cosines)
    ours = {
        "cosine": cosines,
        "clipsim_per_video": per_video,
        "clipsim": np.array([mean_over_videos(per_video)]),
        "torchmetrics_per_video": 100 * per_video.clip(min=0),
        "torchmetrics_all_frames": 100 * np.array([cosines.mean()]).clip(min=0),
    }
    tolerances = {name: TORCHMETRICS if name.startswith("torchmetrics") else OURS for name in ours}
    yield from case.against(ours, tolerances)
