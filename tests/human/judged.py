"""A study of runs made by hand, and raters who choose by a quality that we know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.human.study import Item, Mode, Question, Source, Study
from i2vbench.human.votes import Response, Task
from i2vbench.profiles import load_profile
from tests.tables.runs import METRICS_FILE, RunSpec, make_run, sample

MODELS = ("static", "pan", "zoom", "drift", "spin")
QUESTIONS = (
    Question("appearance", "Appearance", "Which video looks most consistent?"),
    Question("motion", "Motion", "Which video moves most consistently?"),
)
GOOD, NOISE, DISTANCE = "temporal_flickering", "motion_smoothness", f"{METRICS_FILE}:Distance"
WORSE = f"{METRICS_FILE}:Error"
VIDEO_SHA256 = "0" * 64
"""Of a video that no run has any more; nothing is held to it."""

Quality = npt.NDArray[np.float64]


def quality(items: int = 60, models: int = len(MODELS), seed: int = 0) -> Quality:
    """What raters go by, in (0, 1); better models are better on average."""
    random = np.random.default_rng(seed)
    return 1 / (1 + np.exp(-(random.normal(size=(items, models)) + np.linspace(-0.5, 0.5, models))))


def study_of(
    items: int = 60,
    models: Sequence[str] = MODELS,
    mode: Mode = "choice",
    seed: int = 0,
    sources: Sequence[Source] | None = None,
    videos: Mapping[int, tuple[str, ...]] | None = None,
) -> Study:
    """Items s000, s001, ... of the sources in turn."""
    sources = sources or [Source("demo", "ab12cd34" * 8, None, "demo")]
    hashes = tuple(VIDEO_SHA256 for _ in models)
    made = tuple(
        Item(i % len(sources), f"s{i:03d}", seed, "Pet", "a prompt", (videos or {}).get(i, hashes), None)
        for i in range(items)
    )
    return Study(
        mode=mode,
        questions=QUESTIONS,
        models=tuple(models),
        sources=tuple(sources),
        items=made,
        per_rater=50,
        checks=0.0,
        seed=0,
        profile=load_profile("paper").label,
        height=256,
        width=256,
        num_frames=16,
        fps=8.0,
        consent=("yes",),
    )


def responses_of(study: Study, truth: Quality, raters: int = 8, each: int = 40, noise: float = 0.3) -> list[Response]:
    """Raters who see quality with noise; both questions are answered, the second by other noise."""
    random = np.random.default_rng(1)
    models = len(study.models)
    found = []
    for rater in range(1, raters + 1):
        for number, item in enumerate(random.permutation(len(study.items))[:each], 1):
            shown = random.permutation(models)[: models if study.mode == "choice" else 2]
            chosen = {}
            for question in study.questions:
                seen = truth[item, shown] + random.normal(scale=noise, size=len(shown))
                tie = study.mode == "pairs" and abs(seen[0] - seen[1]) < 0.05
                chosen[question.id] = () if tie else (int(seen.argmax()),)
            task = Task(rater, number, "plain", int(item), tuple(map(int, shown)))
            found.append(Response(task, chosen, 1.0, 0))
    return found


def run_of(folder: Path, truth: Quality, models: Sequence[str] = MODELS, **more: Any) -> Path:
    """A run measured by the truth, by the truth turned round, by noise, and by a distance of features."""
    random = np.random.default_rng(2)
    count = len(truth)
    scores: dict[tuple[str, str], Sequence[Any]] = {}
    for m, model in enumerate(models):
        scores[GOOD, model] = list(truth[:, m])
        scores["warp_error", model] = list(1 - truth[:, m])
        scores[NOISE, model] = list(random.random(count))
        scores["distance", model] = [np.array([1 - value, 0.0]) for value in truth[:, m]]
    given: dict[str, Any] = {
        "samples": [sample(f"s{i:03d}", "Pet") for i in range(count)],
        "scores": scores,
        "models": models,
        "metrics": (GOOD, WORSE, NOISE, DISTANCE),
        "reference": {"distance": [np.zeros(2)] * count},
    }
    return make_run(folder, RunSpec(**(given | more)))
