"""ViCLIP-L/14 (`viclip/`), and VBench's overall consistency, which it makes (`vbench/overall_consistency`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from i2vbench.metrics.networks import viclip as our_viclip
from i2vbench.metrics.networks.clip import preprocess_vbench
from i2vbench.metrics.overall_consistency import OverallConsistency, cosine
from tests.reference.cases import Case
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.kinds.feature_networks import outputs_of
from tests.reference.kinds.recorded import published_state, read_clip, stated

STATISTICS = {"min", "max", "mean", "std"}


def viclip(case: Case) -> Iterator[Check]:
    """`video` and the sidecar's prompts go in; tokens, features of both and their cosines come out.

    What is recorded without what it is made of is taken as input.
    """
    network = our_viclip.load(published_state(case, case.folder, case.sidecar.get("overrides", {})))
    features, cosines = stated(case, "features_abs"), stated(case, "cosine_abs")
    ours: dict[str, Tensor] = {}
    if "video" in case.tensors:
        # Recorded at the network's size, where the resize leaves frames as they are.
        ours["vision_features"] = network.vision_encoder(preprocess_vbench(case.input("video"), rounded=True)[None])
    if "prompts" in case.sidecar:
        ours["tokens"], _ = our_viclip.tokenize(case.sidecar["prompts"])
    tokens = _ours_or_recorded(case, ours, "tokens")
    if tokens is not None:
        ours["text_features"] = network.text_encoder(tokens)
    videos, texts = (_ours_or_recorded(case, ours, name) for name in ("vision_features", "text_features"))
    if videos is not None and texts is not None:
        ours["cosine"] = torch.tensor([[cosine(v, t) for t in texts.numpy()] for v in videos.numpy()])
    else:
        _ours_or_recorded(case, ours, "cosine")
    for name, stats in (("vision_features", "vision_stats"), ("text_features", "text_stats")):
        recorded = case.sidecar.get("details", {}).get(stats, {}) if name in ours else {}
        for statistic in STATISTICS & recorded.keys():
            value = getattr(ours[name], statistic)().item()
            yield Check(f"sidecar: details.{stats}.{statistic}", value, recorded[statistic], features)
    tolerances = {"tokens": EXACT, "vision_features": features, "text_features": features, "cosine": cosines}
    yield from case.against(ours, tolerances)


def _ours_or_recorded(case: Case, ours: Mapping[str, Tensor], name: str) -> Tensor | None:
    if name in ours:
        return ours[name]
    return case.input(name) if name in case.tensors else None


def overall_consistency(case: Case) -> Iterator[Check]:
    """Features, frames and value of each clip, and the value of the data set."""
    metric = OverallConsistency()
    metric._network = our_viclip.load(published_state(case, case.sidecar["network"], case.sidecar.get("overrides", {})))
    score, features = stated(case, "score_abs"), stated(case, "features_abs")
    seen: dict[str, Tensor] = {}
    measured = []
    for name, recorded in case.sidecar["clips"].items():
        with outputs_of(metric._network, ("vision_encoder", "text_encoder")) as outputs:
            [one] = metric.measure([read_clip(case, name, recorded["prompt"])])
        measured.append(one)
        seen[f"{name}.vision_features"] = outputs["vision_encoder"]
        seen[f"{name}.text_features"] = outputs["text_encoder"]
        ours: dict[str, tuple[Any, Tolerance | None]] = {
            "score": (one.value, score),
            "frame_indices": (one.details["frame_indices"], EXACT),
        }
        for key in ours.keys() & recorded.keys():
            yield Check(f"sidecar: {name}.{key}", ours[key][0], recorded[key], ours[key][1])
    if "dataset_score" in case.sidecar:
        yield Check("sidecar: dataset_score", metric.aggregate(measured).value, case.sidecar["dataset_score"], score)
    if case.has_tensors:
        yield from case.against(seen, dict.fromkeys(seen, features))
