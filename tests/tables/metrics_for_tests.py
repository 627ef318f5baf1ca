"""Metrics that runs of the tests name as FILE.py:Class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from i2vbench.metrics.base import Metric
from i2vbench.types import Cell, Clip, Measurement, MetricInfo


class Error(Metric):
    """Per clip; lower is better."""

    info = MetricInfo(
        id="warp_error", title="Warping Error", direction="lower", decimals=3, hides="A still clip has none."
    )

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        raise NotImplementedError


class Distance(Metric):
    """Of distributions: the distance of the means of the features."""

    info = MetricInfo(
        id="distance",
        title="Feature Distance",
        direction="lower",
        decimals=1,
        reads=frozenset({"video", "reference"}),
    )

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        raise NotImplementedError

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        assert reference is not None, "no reference was handed in"
        made, real = (np.stack([m.features for m in some if m.features is not None]) for some in (generated, reference))
        distance: Any = np.linalg.norm(made.mean(axis=0) - real.mean(axis=0))  # numpy's number, as metrics may return
        note = "fewer than 3 clips: the distance is biased" if len(made) < 3 else ""
        return Cell(distance, len(made), note=note)


class Broken(Metric):
    """Its aggregation raises."""

    info = MetricInfo(id="broken", title="Broken", direction="higher")

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        raise NotImplementedError

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        raise RuntimeError("the matrix\nis singular")
