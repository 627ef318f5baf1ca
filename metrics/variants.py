"""Other readings of a metric, NAME:VARIANT: each has an id of its own, so that the two never share a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from i2vbench.errors import UserError
from i2vbench.metrics.base import NetworkMetric
from i2vbench.names import nearest

ANTIALIAS = "antialias"
"""VBench named no antialiasing until November 2024, so that its resize followed torchvision: none up to 0.16, on from
0.17 on (January 2024). From 256 pixels to 224 the readings are near, from 1024 they are not."""


def check_variant(metric: str, argument: str, variants: Sequence[str]) -> None:
    """Refuse what is neither "" nor one of the variants.

    Raises:
        UserError: With the nearest one.
    """
    if argument and argument not in variants:
        raise UserError(f"metric '{metric}:{argument}': no variant '{argument}': {nearest(argument, variants)}")


class ResizingMetric(NetworkMetric):
    """A metric whose frames VBench resizes, or its variant NAME:antialias.

    Args:
        argument: The variant.

    Attributes:
        antialias: How the frames are to be resized.
    """

    def __init__(self, argument: str = "") -> None:
        check_variant(self.info.id, argument, [ANTIALIAS])
        super().__init__()
        self.antialias = argument == ANTIALIAS
        if self.antialias:
            self.info = replace(
                self.info,
                id=f"{self.info.id}_antialias",
                title=f"{self.info.title} (antialiased)",
                source=f"{self.info.source}, before November 2024 with torchvision 0.17 or newer",
            )
