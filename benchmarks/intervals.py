"""Intervals: resamples by weights, as the built-in metrics make them, against `aggregate` of the clips drawn.

    OMP_NUM_THREADS=1 python benchmarks/intervals.py [--large]

Processor time of one thread for one resample of a cell, both in one run and on the same resamples; setting up, which a
cell needs once, apart. `--large` adds FID over 2,048 clips of 16 frames. Then a run of 2,950 clips in 17 categories, 5
models and 8 metrics of single clips: its tables without and with 1,000 resamples. Prints Markdown tables.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from i2vbench.metrics.base import Metric
from i2vbench.registry import METRICS
from i2vbench.tables import collect
from i2vbench.tables.intervals import draws
from i2vbench.types import Measurement
from tests.tables.runs import RunSpec, make_run, sample

CLIPS, CATEGORIES, MODELS = 2950, 17, ("a", "b", "c", "d", "e")
PER_CLIP = (
    "background_consistency", "subject_consistency", "temporal_flickering", "motion_smoothness", "dynamic_degree",
    "object_consistency", "scene_consistency", "overall_consistency",
)  # fmt: skip

Some = list[list[Measurement]]

CELLS: dict[str, tuple[str, tuple[int, ...], int, int]] = {
    "mean, 2,950 clips": ("temporal_flickering", (2950,), 1000, 20),
    "pooled frames, 2,950 clips": ("scene_consistency", (2950,), 1000, 20),
    "Inception Score, 2,950 clips": ("inception_score", (2950, 101), 20, 5),
    "FVD, 2,048 clips": ("fvd", (2048, 400), 20, 5),
    "KID, 200 clips of 16 frames": ("kid", (200, 16, 2048), 1000, 1),
    "FID, 160 clips of 16 frames": ("fid", (160, 16, 2048), 2, 1),
}
"""Metric, shape of what is measured, and how many resamples are timed on either side."""

LARGE = {"FID, 2,048 clips of 16 frames": ("fid", (2048, 16, 2048), 1, 1)}


def make(metric: str, shape: tuple[int, ...], seed: int) -> Some:
    random = np.random.default_rng(seed)
    if len(shape) == 1:
        details = {"frames": 16, "successes": 7}
        return [[Measurement(f"s{i}", metric, value=v, details=details)] for i, v in enumerate(random.random(shape))]
    if metric == "inception_score":
        rows = random.dirichlet(np.full(shape[1], 0.1), shape[0]).astype(np.float32)
    else:
        scales = np.logspace(0, -2, shape[-1], dtype=np.float32)[:, None]
        mixing = random.standard_normal((shape[-1], shape[-1]), dtype=np.float32) * scales
        rows = random.standard_normal(shape, dtype=np.float32) @ mixing
    return [[Measurement(f"s{i}", metric, features=row)] for i, row in enumerate(rows)]


def seconds_of(work: Callable[[int], object], few: int, many: int) -> tuple[float, float]:
    """Of setting up, and of each resample more."""
    taken = []
    for count in (few, many):
        begun = time.process_time()
        work(count)
        taken.append(time.process_time() - begun)
    each = (taken[1] - taken[0]) / (many - few)
    return max(taken[0] - few * each, 0.0), each


def time_cell(name: str, shape: tuple[int, ...], weighted: int, explicit: int) -> tuple[float, float, float]:
    """Setting up, a resample by weights, and one by `aggregate`."""
    metric, ours, real = METRICS.create(name), make(name, shape, 0), make(name, shape, 1)
    counts = draws(shape[0], weighted + 1)

    def by_weights(count: int) -> object:
        return list(metric.replicates(ours, real, counts[:count]))

    def by_aggregate(count: int) -> object:
        return list(Metric._aggregates(metric, ours, real, counts[:count]))

    by_aggregate(0)
    setting_up, each = seconds_of(by_weights, 1, weighted + 1)
    begun = time.process_time()
    by_aggregate(explicit)
    return setting_up, each, (time.process_time() - begun) / explicit


def time_tables(folder: Path) -> tuple[float, float]:
    """A run's tables without and with intervals, processor seconds."""
    random = np.random.default_rng(0)
    samples = [sample(f"s{i:04}", f"category {i % CATEGORIES}") for i in range(CLIPS)]
    details = {"frames": 16, "successes": 7}
    scores = {
        (metric, model): [{"value": float(v), "details": details} for v in random.random(CLIPS)]
        for metric in PER_CLIP
        for model in MODELS
    }
    run = make_run(folder / "run", RunSpec(samples, scores, MODELS, PER_CLIP))
    taken = []
    for replicates in (0, 1000):
        begun = time.process_time()
        collect([run], replicates=replicates)
        taken.append(time.process_time() - begun)
    return taken[0], taken[1]


def main() -> None:
    print("| cell | setting up, s | a resample, s | by aggregate, s | ratio |")
    print("|---|---:|---:|---:|---:|")
    for title, case in (CELLS | (LARGE if "--large" in sys.argv else {})).items():
        setting_up, each, aggregate = time_cell(*case)
        print(f"| {title} | {setting_up:.2f} | {each:.5f} | {aggregate:.5f} | {aggregate / each:.1f} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        without, with_ = time_tables(Path(folder))
    print("\n| tables of 5 models, 8 metrics, 2,950 clips | s |\n|---|---:|")
    print(f"| without intervals | {without:.1f} |\n| with 1,000 resamples | {with_:.1f} |")


if __name__ == "__main__":
    main()
