"""VBench's dimensions that are measured here, and a video's record in each, made of the metric's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from i2vbench.rows import MeasurementRow

ALL_DIMENSIONS = (
    "subject_consistency", "background_consistency", "temporal_flickering", "motion_smoothness", "dynamic_degree",
    "aesthetic_quality", "imaging_quality", "object_class", "multiple_objects", "human_action", "color",
    "spatial_relationship", "scene", "appearance_style", "temporal_style", "overall_consistency",
)  # fmt: skip
"""What VBench's score is made of."""

I2V_DIMENSIONS = ("i2v_subject", "i2v_background", "camera_motion")
"""What VBench-I2V adds to some of them."""

FLICKERING, OBJECTS, SCENE = "temporal_flickering", "object_class", "scene"

STATIC_ONLY = "temporal_flickering_static"


@dataclass(frozen=True, slots=True)
class Judged:
    """One video in one dimension.

    Attributes:
        record: What VBench's file says of it beside its path.
        part: The dimension's number is the sum of these over that of `whole`.
        whole: How many clips or frames it is of.
    """

    record: Mapping[str, Any]
    part: float
    whole: int


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension of VBench: its name, the metric that matches it, and a video's record made of that metric's."""

    name: str
    metric: str
    judge: Callable[[MeasurementRow], Judged]


def _value(row: MeasurementRow) -> float:
    if row.value is None:
        raise ValueError("it has no value")
    return row.value


def _plain(row: MeasurementRow) -> Judged:
    return Judged({"video_results": _value(row)}, _value(row), 1)


def _decision(row: MeasurementRow) -> Judged:
    dynamic = bool(_value(row))
    return Judged({"video_results": dynamic}, dynamic, 1)


def _similarity(row: MeasurementRow) -> Judged:
    to_previous, to_first = row.details["similarity_to_previous"], row.details["similarity_to_first"]
    if not to_previous or len(to_previous) != len(to_first):
        raise ValueError("its similarities are not of pairs of frames")
    total = math.fsum([*to_previous, *to_first]) / 2
    record = {"video_results": _value(row), "video_sim": total, "cnt_per_video": len(to_previous)}
    return Judged(record, total, len(to_previous))


def _similarity_alone(row: MeasurementRow) -> Judged:
    judged = _similarity(row)
    return replace(judged, record={"video_results": judged.record["video_results"]})


def _successes(row: MeasurementRow) -> Judged:
    successes, frames = int(row.details["successes"]), int(row.details["frames"])
    if not 0 <= successes <= frames or frames == 0:
        raise ValueError(f"it has {successes} successes in {frames} frames")
    record = {"video_results": _value(row), "success_frame_count": successes, "frame_count": frames}
    return Judged(record, successes, frames)


DIMENSIONS = (
    Dimension("subject_consistency", "subject_consistency", _similarity_alone),
    Dimension("background_consistency", "background_consistency", _similarity),
    Dimension(FLICKERING, "temporal_flickering", _plain),
    Dimension(FLICKERING, STATIC_ONLY, _plain),
    Dimension("motion_smoothness", "motion_smoothness", _plain),
    Dimension("dynamic_degree", "dynamic_degree", _decision),
    Dimension(OBJECTS, "object_consistency", _successes),
    Dimension(SCENE, "scene_consistency", _successes),
    Dimension("overall_consistency", "overall_consistency", _plain),
)
"""Those that are measured here. Of two metrics of one dimension a run's first one counts."""

SPECS = {STATIC_ONLY: "temporal_flickering:static-only"}
"""How metrics are asked for whose id says it otherwise."""
