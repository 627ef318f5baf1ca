"""Runs made by hand: a store with a plan, states, measurements and, where wanted, videos."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from i2vbench.profiles import load_profile
from i2vbench.registry import METRICS
from i2vbench.store import REFERENCE, Store
from i2vbench.types import FrameSource, Measurement, MetricInfo, ModelInfo, PlannedClip, Sample, Video
from i2vbench.video import encode_png, write_video
from tests.conftest import record

FLICKERING = "temporal_flickering"
METRICS_FILE = Path(__file__).with_name("metrics_for_tests.py")


@dataclass
class RunSpec:
    """A run to be made. Scores are by (metric, model), in the order of the plan: a number, an array of features, a
    text (the reason of a failure), ("n/a", reason), what else a measurement has, or None where nothing is measured yet.

    `lost` are clips that no video came of, by (model, sample id): the reason, or ("n/a", reason), or None if owed.
    """

    samples: Sequence[Sample]
    scores: Mapping[tuple[str, str], Sequence[Any]]
    models: Sequence[str] = ("static", "pan")
    metrics: Sequence[str] = (FLICKERING,)
    seeds: Sequence[int] = (0,)
    lost: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    reference: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    videos: Mapping[str, Sequence[Video]] = field(default_factory=dict)


def sample(id_: str, category: str, prompt: str = "a prompt", **more: Any) -> Sample:
    return Sample(id_, category, prompt, FrameSource(Path("nowhere.png")), **more)


def make_run(folder: Path, spec: RunSpec) -> Path:
    """Write the run and return its folder."""
    plan = [PlannedClip(s, seed, 7) for s in spec.samples for seed in spec.seeds]
    infos = {METRICS.create(name).info.id: name for name in spec.metrics}
    with Store.create(folder, _settings(spec, infos)) as store:
        for model in spec.models:
            store.plan(model, plan, 2)
            store.finish_batch(model, {(p.sample.id, p.seed): _state(spec.lost, model, p.sample.id) for p in plan})
        for (metric, model), scores in spec.scores.items():
            _record(store, metric, model, plan, scores)
        for metric, scores in spec.reference.items():
            real = [PlannedClip(s, 0, 0) for s in spec.samples]
            _record(store, metric, REFERENCE, real, scores)
        _write_videos(store, spec, plan)
    return folder


def _settings(spec: RunSpec, infos: Mapping[str, str]) -> dict[str, Any]:
    settings = {
        "format": 1,
        "i2vbench": "0.1.0",
        "dataset": {"name": "demo", "samples": len(spec.samples), "fingerprint": "ab12cd34" * 8},
        "selection": {"limit": None, "categories": None},
        "seeds": list(spec.seeds),
        "profile": load_profile("paper").as_dict(),
        "device": "cpu",
        "dtype": "float32",
        "reader": {"name": "pyav", "version": "pyav 18.1.0 (libavcodec 62.28.102)"},
        "batch_size": 2,
        "measure_batch": 8,
        "versions": {"python": "3.11.7", "numpy": "2.4.6"},
        "models": {
            name: {
                "spec": name,
                "info": _json(ModelInfo(name=name, title=spec.titles.get(name, ""))),
            }
            for name in spec.models
        },
        "metrics": {
            id_: {"spec": s, **METRICS.origin(s), "info": _json(METRICS.create(s).info)} for id_, s in infos.items()
        },
    }
    return settings | dict(spec.changes)


def _json(info: ModelInfo | MetricInfo) -> dict[str, Any]:
    return {k: sorted(v) if isinstance(v, frozenset) else v for k, v in dataclasses.asdict(info).items()}


def _state(lost: Mapping[tuple[str, str], Any], model: str, id_: str) -> Any:
    if (model, id_) not in lost:
        return "done", None
    reason = lost[model, id_]
    if reason is None:
        return "owed", None
    return ("failed", reason) if isinstance(reason, str) else ("not_applicable", reason[1])


def _record(store: Store, metric: str, model: str, plan: Sequence[PlannedClip], scores: Sequence[Any]) -> None:
    measured: list[tuple[int, Measurement]] = []
    for planned, score in zip(plan, scores, strict=True):
        id_ = planned.sample.id
        if isinstance(score, tuple):
            measured.append((planned.seed, Measurement(id_, metric, not_applicable=score[1])))
        elif isinstance(score, str):
            measured.append((planned.seed, Measurement(id_, metric, error=score)))
        elif isinstance(score, dict):
            measured.append((planned.seed, Measurement(id_, metric, **score)))
        elif isinstance(score, np.ndarray):
            measured.append((planned.seed, Measurement(id_, metric, features=score)))
        elif score is not None:
            details = {"mae_per_pair": [score, 2 * score, 0.0], "frame_indices": [0, 2], "threshold": 1.5}
            measured.append((planned.seed, Measurement(id_, metric, value=score, details=details)))
    record(store, model, [seed for seed, _ in measured], [m for _, m in measured])


def _write_videos(store: Store, spec: RunSpec, plan: Sequence[PlannedClip]) -> None:
    frames = {}
    for model, videos in spec.videos.items():
        for clip, video in zip(store.clips(model), videos, strict=True):
            if clip.state == "done":
                path = store.folder / clip.video
                path.parent.mkdir(exist_ok=True)
                write_video(path, video)
            frames[clip.sample_id] = f"first_frames/{clip.sample_id}.png"
            (store.folder / frames[clip.sample_id]).write_bytes(encode_png(video.frames[0]))
    store.finish_first_frames(frames)


def moving_square(seed: int = 0, frames: int = 8, size: int = 32) -> Video:
    """A square that moves over a background of its own shade."""
    made = np.full((frames, size, size, 3), 40 + 30 * seed % 200, np.uint8)
    for t in range(frames):
        made[t, 4:14, 2 * t : 2 * t + 10] = (250, 120, 20 * seed % 250)
    return Video(made, 8)
