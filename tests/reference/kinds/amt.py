"""AMT-S on pairs of frames (`amt_s/`), and VBench's motion smoothness on the recorded clips (`vbench/`)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from i2vbench.metrics.motion_smoothness import MotionSmoothness, padding
from i2vbench.metrics.networks import amt
from tests.reference.cases import Case, CaseError
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.kinds.recorded import published_state, read_clip, stated

PADDING = "pad_left_right_top_bottom"

FRACTION = Tolerance(atol=1e-3)
"""Of the pixels that are clamped; those within the tolerance of 0 and 1 may be on either side."""


def amt_s(case: Case) -> Iterator[Check]:
    """The prediction and the flows of one pair, and what the sidecar says of them."""
    sidecar = case.sidecar
    if sidecar.get("time", amt.TIME) != amt.TIME:
        raise CaseError(f"the case is of time {sidecar['time']}; ours is {amt.TIME}")
    image0, image1 = case.input("image0"), case.input("image1")  # uint8 [H, W, 3]
    height, width = image0.shape[:2]
    scale_factor = sidecar.get("scale_factor", 1.0)
    pad = padding(height, width, scale_factor)
    if PADDING in sidecar:
        yield Check(f"sidecar: {PADDING}", list(pad), sidecar[PADDING], EXACT)

    network = amt.load(published_state(case, "amt_s", sidecar.get("overrides", {})), scale_factor=scale_factor)
    pair = torch.stack((image0, image1)).permute(0, 3, 1, 2) / 255
    seen = network(F.pad(pair, pad, mode="replicate")[None])
    padded = seen.prediction[0]
    mean = stated(case, "prediction_mean_abs")
    largest = stated(case, "prediction_abs")
    flow = stated(case, "flow_level4_abs")
    ours = {
        "prediction": padded[:, pad.top : pad.top + height, pad.left : pad.left + width],
        "flow0_level4": seen.flow0_level4[0],
        "flow1_level4": seen.flow1_level4[0],
        "flow0_level2": seen.flow0_level2[0],
    }
    yield from case.against(ours, {name: largest if name == "prediction" else flow for name in ours})
    recorded = case.tensors.get("prediction")
    if mean and recorded is not None and recorded.shape == ours["prediction"].shape:
        yield Check("prediction on average", (ours["prediction"] - recorded).abs().mean().item(), 0.0, mean)
    # What is said of the output is said of all of it, padding included.
    if "fraction_clamped" in sidecar:
        clamped = ((padded == 0) | (padded == 1)).float().mean().item()
        yield Check("sidecar: fraction_clamped", clamped, sidecar["fraction_clamped"], FRACTION)
    for name, value in sidecar.get("output_stats", {}).items():
        tolerance = largest if name in ("min", "max") else mean
        yield Check(f"sidecar: output_stats.{name}", getattr(padded, name)().item(), value, tolerance)


def motion_smoothness(case: Case) -> Iterator[Check]:
    """Per variant of the checkpoint each clip's value and its errors, and the value of the data set."""
    score = stated(case, "score_abs")
    error = stated(case, "mae_abs")
    for variant, recorded in case.sidecar["variants"].items():
        metric = MotionSmoothness()
        metric._network = amt.load(published_state(case, "amt_s", recorded.get("overrides", {})))
        measured = metric.measure([read_clip(case, name) for name in recorded["clips"]])
        for measurement, (name, clip) in zip(measured, recorded["clips"].items(), strict=True):
            where = f"sidecar: {variant}.{name}"
            if measurement.value is None:
                raise CaseError(f"{where}: {measurement.error}")
            errors = measurement.details["mae_per_dropped_frame"]
            ours = {
                "score": (measurement.value, score),
                "vfi_mae": (sum(errors) / len(errors), error),
                "mae_per_dropped_frame": (errors, error),
            }
            for key in ours.keys() & clip.keys():
                yield Check(f"{where}.{key}", ours[key][0], clip[key], ours[key][1])
        if "dataset_score" in recorded:
            value = metric.aggregate(measured).value
            yield Check(f"sidecar: {variant}.dataset_score", value, recorded["dataset_score"], score)
