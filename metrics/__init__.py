"""Metrics: one module per metric, named as the paper names it (see base.py for the contract).

Those that training loops can use are here as classes of torchmetrics; they are imported when they are asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from i2vbench.metrics.training_loops import (
        CLIPSimilarity,
        FrechetFrameDistance,
        FrechetVideoDistance,
        VideoInceptionScore,
    )

__all__ = ["CLIPSimilarity", "FrechetFrameDistance", "FrechetVideoDistance", "VideoInceptionScore"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from i2vbench.metrics import training_loops

    return getattr(training_loops, name)
