"""RAFT between two frames (`raft/`), and dynamic degree on the recorded clips (`vbench/dynamic_degree`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from i2vbench.metrics.dynamic_degree import SHARE, DynamicDegree, kept_frames
from i2vbench.metrics.flow import strongest_mean
from i2vbench.metrics.networks import raft as ours
from i2vbench.types import Clip, Measurement
from tests.reference.cases import Case, CaseError
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.kinds.recorded import published_state, read_clip, stated

PADDING = "pad_left_right_top_bottom"
TOP5 = "top5_percent_mean_magnitude"
FIRST = "flow_up_iter1"


def raft(case: Case) -> Iterator[Check]:
    """Two images go in; the flow after all iterations and after one, the padding and the strongest motion come out."""
    said = case.sidecar
    network = ours.load(published_state(case, "raft", said.get("overrides", {})))
    images = torch.stack([case.input("image1"), case.input("image2")])  # [2, H, W, 3]
    frames, pair = ours.preprocess(images), [(0, 1)]
    flow = network(frames, pair, said.get("iterations", ours.ITERATIONS))
    low, up = flow.low[0], flow.up[0]
    outputs = {"flow_low": low, "flow_up": up}
    if FIRST in case.tensors:
        outputs[FIRST] = network(frames, pair, 1).up[0]
    every = stated(case, "flow_up_abs")
    first = stated(case, f"{FIRST}_abs")
    yield from case.against(outputs, {"flow_low": every, "flow_up": every, FIRST: first})
    if PADDING in said:
        yield Check(f"sidecar: {PADDING}", list(ours.padding(*images.shape[1:3])), said[PADDING], EXACT)
    if TOP5 in said:
        magnitude = strongest_mean(up, SHARE)
        yield Check(f"sidecar: {TOP5}", magnitude, said[TOP5], stated(case, "top5_abs"))
    for name, recorded in said.get("output_stats", {}).items():
        yield Check(f"sidecar: output_stats.{name}", _STATISTICS[name](up), recorded, every)


_STATISTICS = {
    "min": torch.Tensor.min,
    "max": torch.Tensor.max,
    "mean": torch.Tensor.mean,
    "std": torch.Tensor.std,
}


def dynamic_degree(case: Case) -> Iterator[Check]:
    """Every variant's clips, and the value of each variant's data set."""
    for name, variant in case.sidecar["variants"].items():
        yield from _variant(case, name, variant)


def _variant(case: Case, name: str, variant: Mapping[str, Any]) -> Iterator[Check]:
    metric = DynamicDegree()
    metric._network = ours.load(published_state(case, "raft", variant.get("overrides", {})))
    clips = [read_clip(case, clip, fps=variant.get("fps", 8.0)) for clip in variant["clips"]]
    measured = metric.measure(clips)
    for clip, measurement in zip(clips, measured, strict=True):
        yield from _clip_checks(case, f"{name}.{clip.sample.id}", clip, measurement, variant["clips"][clip.sample.id])
    if "dataset_score" in variant:
        score = metric.aggregate(measured).value
        yield Check(f"sidecar: {name}.dataset_score", score, variant["dataset_score"], Tolerance(atol=1e-12))


def _clip_checks(
    case: Case, name: str, clip: Clip, measurement: Measurement, recorded: Mapping[str, Any]
) -> Iterator[Check]:
    if measurement.value is None:
        raise CaseError(f"{name}: {measurement.error}")
    details = measurement.details
    found = {
        "dynamic": bool(measurement.value),
        "frames_used": len(kept_frames(clip.video.num_frames, clip.video.fps)),
        "threshold": details["threshold"],
        "pairs_needed": details["pairs_needed"],
        "pairs_above": details["pairs_above"],
        "top5_magnitude_per_pair": details["top5_magnitude_per_pair"],
    }
    magnitude = stated(case, "magnitude_abs")
    for key, value in recorded.items():
        if key not in found:
            raise CaseError(f"{name}.{key} was recorded, and is unknown; known are {', '.join(found)}")
        yield Check(f"sidecar: {name}.{key}", found[key], value, magnitude if "magnitude" in key else EXACT)
