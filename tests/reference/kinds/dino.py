"""DINO and CLIP (`dino_vitb16/`, `clip_vit_b32/`), and the consistencies that VBench makes of their features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from i2vbench.metrics.background_consistency import BackgroundConsistency
from i2vbench.metrics.consistency import ConsistencyMetric, frame_features, measurement
from i2vbench.metrics.networks import clip as our_clip
from i2vbench.metrics.networks import dino as our_dino
from i2vbench.metrics.subject_consistency import SubjectConsistency
from i2vbench.types import Measurement
from tests.reference.cases import Case
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.kinds.recorded import published_state, read_clip, stated

STATISTICS = ("min", "max", "mean", "std")


def dino(case: Case) -> Iterator[Check]:
    """Every `inputN` goes in, and its `outputN` comes out."""
    network = our_dino.load(published_state(case, case.folder, case.sidecar.get("overrides", {})))
    numbers = [name.removeprefix("input") for name in case.tensors if name.startswith("input")]
    seen = {number: network(case.input(f"input{number}").float()) for number in numbers}
    tolerance = stated(case, "abs")
    ours = {f"output{number}": features for number, features in seen.items()}
    yield from case.against(ours, dict.fromkeys(ours, tolerance))
    for number, details in case.sidecar.get("details", {}).items():
        if number in seen:
            yield from _statistics(f"details.{number}.stats", seen[number], details.get("stats", {}), tolerance)
            yield from _cosine(f"details.{number}", seen[number], details, tolerance)


def clip_vit_b32(case: Case) -> Iterator[Check]:
    """`image` goes in and features come out; tokens come out of the sidecar's prompts, and features out of those."""
    network = our_clip.load(published_state(case, case.folder, case.sidecar.get("overrides", {})))
    tolerance = stated(case, "abs")
    details = case.sidecar.get("details", {})
    ours = {}
    if "image" in case.tensors:
        images = our_clip.image_features(network, case.input("image").float())
        ours["image_features"] = images
        yield from _statistics("details.image_stats", images, details.get("image_stats", {}), tolerance)
        yield from _cosine("details", images, details, tolerance)
    tokens = None
    if "prompts" in case.sidecar:
        ours["tokens"] = tokens = our_clip.tokenize(case.sidecar["prompts"], say=lambda text: None)
    elif "tokens" in case.tensors:
        tokens = case.input("tokens")
    if tokens is not None:
        ours["text_features"] = our_clip.text_features(network, tokens)
        yield from _statistics("details.text_stats", ours["text_features"], details.get("text_stats", {}), tolerance)
    yield from case.against(ours, {"tokens": EXACT, "image_features": tolerance, "text_features": tolerance})


def subject_consistency(case: Case) -> Iterator[Check]:
    yield from _consistency(case, SubjectConsistency(), our_dino.load)


def background_consistency(case: Case) -> Iterator[Check]:
    yield from _consistency(case, BackgroundConsistency(), our_clip.load)


def _consistency(case: Case, metric: ConsistencyMetric, load: Any) -> Iterator[Check]:
    """Features, similarities and values of each variant's clips, measured together, and the values of the data set."""
    features: dict[str, Any] = {}
    for variant, recorded in case.sidecar["variants"].items():
        state = published_state(case, case.sidecar["network"], recorded.get("overrides", {}))
        metric._network = load(state)
        clips = [read_clip(case, name) for name in recorded["clips"]]
        seen = frame_features(clips, metric.look, "cpu")
        measured = [measurement(clip, metric.info.id, rows) for clip, rows in zip(clips, seen, strict=True)]
        features |= {f"{variant}.{one.sample.id}.features": rows for one, rows in zip(clips, seen, strict=True)}
        for clip, one in zip(clips, measured, strict=True):
            ours = {"score": one.value, "frames": clip.video.num_frames, **one.details}
            yield from _numbers(case, f"{variant}.{clip.sample.id}", ours, recorded["clips"][clip.sample.id])
        yield from _numbers(case, variant, _dataset_scores(metric, measured), recorded)
    if case.has_tensors:
        yield from case.against(features, dict.fromkeys(features, stated(case, "features_abs")))


def _dataset_scores(metric: ConsistencyMetric, measured: Sequence[Measurement]) -> dict[str, float | None]:
    """Ours, and VBench's on one process, for which longer clips weigh more."""
    pairs = [
        (np.array(one.details["similarity_to_previous"]) + np.array(one.details["similarity_to_first"])) / 2
        for one in measured
    ]
    return {
        "dataset_score_mean_of_clips": metric.aggregate(measured).value,
        "dataset_score_per_frame_pooled": float(np.concatenate(pairs).mean()),
    }


def _numbers(case: Case, where: str, ours: Mapping[str, Any], recorded: Mapping[str, Any]) -> Iterator[Check]:
    for name in ours.keys() & recorded.keys():
        allowed = stated(case, "similarity_abs" if name.startswith("similarity") else "score_abs")
        tolerance = EXACT if name == "frames" else allowed
        yield Check(f"sidecar: {where}.{name}", ours[name], recorded[name], tolerance, minor=name == "frames")


def _statistics(
    where: str, ours: Tensor, recorded: Mapping[str, float], tolerance: Tolerance | None
) -> Iterator[Check]:
    for name in recorded.keys() & STATISTICS:
        yield Check(f"sidecar: {where}.{name}", getattr(ours, name)().item(), recorded[name], tolerance)


def _cosine(where: str, ours: Tensor, details: Mapping[str, Any], tolerance: Tolerance | None) -> Iterator[Check]:
    name = "cosine_between_the_two"
    if name in details:
        cosine = nn.functional.cosine_similarity(ours[0], ours[1], dim=0).item()
        yield Check(f"sidecar: {where}.{name}", cosine, details[name], tolerance)
