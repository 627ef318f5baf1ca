"""Tables of small decisions (`vbench/rules`): each by a function of its own; one that is not here is a failure.

The sidecar has no kind; the tolerances are those of the references' README.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from tests.reference.cases import Case, CaseError
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.kinds.recorded import read_clip

MAGNITUDE = Tolerance(atol=1e-4)
SAMPLE = Tolerance(atol=1e-5)
ROWS, COLUMNS = slice(3, None, 16), slice(5, None, 16)
"""Of a preprocessed frame, those that are recorded."""

Row = dict[str, Any]


def rules(case: Case) -> Iterator[Check]:
    """Every table that the case holds."""
    flows = [name for name in case.tensors if name.startswith("flow")] if case.has_tensors else []
    for name in flows:
        case.input(name)
    for table, content in case.sidecar.items():
        if table not in TABLES:
            raise CaseError(f"table {table} is unknown; known are {', '.join(TABLES)}")
        yield from TABLES[table](case, content)


def dynamic_degree_decision(case: Case, rows: list[Row]) -> Iterator[Check]:
    from i2vbench.metrics import dynamic_degree as metric

    for i, row in enumerate(rows):
        threshold, needed = metric.threshold_px(row["height"], row["width"]), metric.pairs_needed(row["frames"])
        dynamic = metric.is_dynamic(row["magnitudes"], threshold, needed)
        given = ("height", "width", "frames", "magnitudes")
        found = {"threshold": threshold, "pairs_needed": needed, "dynamic": dynamic}
        yield from _exactly(f"dynamic_degree_decision[{i}]", found, row, given)


def dynamic_degree_frame_interval(case: Case, rows: list[Row]) -> Iterator[Check]:
    from i2vbench.metrics import dynamic_degree as metric

    for i, row in enumerate(rows):
        lists = [key for key in row if key.startswith("indices_of_")]
        found: Row = {key: metric.kept_frames(int(key.split("_")[2]), row["fps"]) for key in lists}
        found["interval"] = metric.frame_interval(row["fps"])
        yield from _exactly(f"dynamic_degree_frame_interval[{i}]", found, row, ("fps",))


def top5_magnitude(case: Case, rows: list[Row]) -> Iterator[Check]:
    from i2vbench.metrics import dynamic_degree, static_filter
    from i2vbench.metrics.flow import strongest_count, strongest_mean

    shares = {
        "top5_mean_magnitude": dynamic_degree.SHARE,
        "static_filter_top2_mean_magnitude": static_filter.SHARE,
    }
    for row in rows:
        if row["flow"] not in case.tensors:
            continue
        name, flow = f"sidecar: top5_magnitude.{row['flow']}", case.input(row["flow"])
        for key, recorded in row.items():
            if key in shares:
                expected = math.nan if recorded is None else recorded
                yield Check(f"{name}.{key}", strongest_mean(flow, shares[key]), expected, MAGNITUDE)
            elif key == "pixels_kept":
                yield Check(f"{name}.{key}", strongest_count(*flow.shape[-2:], dynamic_degree.SHARE), recorded, EXACT)
            elif key != "flow":
                raise CaseError(f"top5_magnitude: {key} is unknown")


def static_filter_decision(case: Case, rows: list[Row]) -> Iterator[Check]:
    from i2vbench.metrics import static_filter as metric

    for i, row in enumerate(rows):
        threshold, allowed = metric.threshold_px(row["height"], row["width"]), metric.pairs_allowed(row["frames"])
        static = not metric.reason_of_motion(row["magnitudes"], threshold, allowed)
        given = ("height", "width", "frames", "magnitudes")
        found = {"threshold": threshold, "pairs_allowed": allowed, "static": static}
        yield from _exactly(f"static_filter_decision[{i}]", found, row, given)
        pairs = metric.frame_pairs(row["frames"])
        yield Check(f"sidecar: static_filter_decision[{i}] pairs", len(pairs), len(row["magnitudes"]), EXACT)


def object_success(case: Case, rows: list[Row]) -> Iterator[Check]:
    from i2vbench.metrics.frame_success import names_object

    for i, row in enumerate(rows):
        found = {
            "successes": sum(names_object([row["object"]], names) for names in row["per_frame"]),
            "frames": len(row["per_frame"]),
        }
        yield from _exactly(f"object_success[{i}]", found, row, ("object", "per_frame"))


def scene_success(case: Case, rows: list[Row]) -> Iterator[Check]:
    from i2vbench.metrics.frame_success import tells_scene

    for i, row in enumerate(rows):
        found = {
            "successes": sum(tells_scene(row["scene"], caption) for caption in row["captions"]),
            "frames": len(row["captions"]),
        }
        yield from _exactly(f"scene_success[{i}]", found, row, ("scene", "captions"))


def motion_smoothness_pairing(case: Case, rows: list[Row]) -> Iterator[Check]:
    from i2vbench.metrics.motion_smoothness import kept_and_compared

    for i, row in enumerate(rows):
        kept, compared, never = kept_and_compared(row["frames"])
        found = {
            "kept": list(kept),
            "compared": [
                {"dropped_frame": dropped, "interpolated_between": list(around)} for dropped, around in compared
            ],
            "never_compared": list(never),
        }
        yield from _exactly(f"motion_smoothness_pairing[{i}]", found, row, ("frames",))


def middle_frame_indices(case: Case, rows: list[Row]) -> Iterator[Check]:
    from i2vbench.metrics.sampling import middle_frame_indices as indices

    for i, row in enumerate(rows):
        found = {"indices": list(indices(row["frames"], row["wanted"]))}
        yield from _exactly(f"middle_frame_indices[{i}]", found, row, ("frames", "wanted"))


def preprocessing(case: Case, content: Row) -> Iterator[Check]:
    """Size, mean and deviation of the network's input, and a lattice of its values, `pre.CLIP.KIND`."""
    unknown = sorted(set(content) - {"note", "frames"})
    if unknown:
        raise CaseError(f"preprocessing: {', '.join(unknown)} is unknown")
    for name, recorded in content["frames"].items():
        clip, _, kind = name.rpartition(".")
        seen = _preprocessed(kind, read_clip(case, clip).video.frames[recorded["frame"]])
        found: Row = {"shape": list(seen.shape), "mean": seen.mean(), "std": seen.std()}
        for key, value in recorded.items():
            if key == "frame":
                continue
            if key not in found:
                raise CaseError(f"preprocessing.{name}: {key} is unknown")
            yield Check(f"sidecar: preprocessing.{name}.{key}", found[key], value, EXACT if key == "shape" else SAMPLE)
        tensor = f"pre.{name}"
        if case.has_tensors and tensor in case.tensors:
            yield Check(tensor, seen[:, ROWS, COLUMNS], case.tensors[tensor], SAMPLE)


def _preprocessed(kind: str, frame: np.ndarray[Any, Any]) -> torch.Tensor:
    """The input [3, h, w] that the metric makes of one frame."""
    from i2vbench.metrics.networks import clip, dino

    frames = torch.from_numpy(frame.copy())[None]  # clips are read-only
    makers: dict[str, Callable[[], torch.Tensor]] = {
        "dino": lambda: dino.preprocess(frames),
        "clip_float": lambda: clip.preprocess_vbench(frames, rounded=False),
        "clip_uint8": lambda: clip.preprocess_vbench(frames, rounded=True),
    }
    if kind not in makers:
        raise CaseError(f"preprocessing: kind {kind} is unknown; known are {', '.join(makers)}")
    return makers[kind]()[0]


TABLES: dict[str, Callable[[Case, Any], Iterator[Check]]] = {
    "dynamic_degree_decision": dynamic_degree_decision,
    "dynamic_degree_frame_interval": dynamic_degree_frame_interval,
    "top5_magnitude": top5_magnitude,
    "static_filter_decision": static_filter_decision,
    "object_success": object_success,
    "scene_success": scene_success,
    "motion_smoothness_pairing": motion_smoothness_pairing,
    "middle_frame_indices": middle_frame_indices,
    "preprocessing": preprocessing,
}


def _exactly(name: str, found: Row, row: Row, given: tuple[str, ...]) -> Iterator[Check]:
    """Everything in a row that is not given."""
    for key, recorded in row.items():
        if key in given:
            continue
        if key not in found:
            raise CaseError(f"{name}: {key} is unknown")
        yield Check(f"sidecar: {name}.{key}", found[key], recorded, EXACT)
