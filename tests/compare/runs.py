"""Runs of two models that are to be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from i2vbench.compare import Comparison, Draws, choose, compare, open_sides
from tests.tables.runs import METRICS_FILE, RunSpec, make_run, sample

ERROR, DISTANCE, BROKEN = (f"{METRICS_FILE}:{name}" for name in ("Error", "Distance", "Broken"))
DYNAMIC = "dynamic_degree"
CATEGORIES = ("Pet", "Food")
FEW = Draws(200, 50)


def samples(count: int, first: int = 0) -> list[Any]:
    return [sample(f"s{i:02d}", CATEGORIES[i % 2]) for i in range(first, first + count)]


def one_model(folder: Path, name: str, scores: Mapping[str, Sequence[Any]], **more: Any) -> Path:
    """A run of one model; scores by metric id, in the order of the plan."""
    count = len(next(iter(scores.values()))) // len(more.get("seeds", (0,)))
    given: dict[str, Any] = {
        "samples": samples(count),
        "scores": {(metric, name): some for metric, some in scores.items()},
        "models": [name],
        "metrics": more.pop("specs", None) or list(scores),
    }
    return make_run(folder, RunSpec(**(given | more)))


def drawn(seed: int, count: int, mean: float = 0.7, deviation: float = 0.05) -> list[float]:
    return list(np.random.default_rng(seed).normal(mean, deviation, size=count).clip(0, 1))


def compared(a: Path, b: Path | None = None, *, draws: Draws = FEW, **options: Any) -> Comparison:
    models = {name: options.pop(name, None) for name in ("model_a", "model_b")}
    return compare(open_sides(choose(a, b, **models)), draws=draws, **options)
