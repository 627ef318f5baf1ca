"""How often the interval of a Fréchet distance holds what it is about, and how wide it is.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py

Gaussian features whose deviations fall from 1 to a tenth. A clip's frames share half of their variance, a clip and its
real one half of that. The distance is drawn again and again; its mean is what intervals are about, for they are of the
distance at this number of clips. Prints a Markdown table.
"""

from __future__ import annotations

import math
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np

from i2vbench.metrics.moments import Matrix
from i2vbench.metrics.resampled import frechet_replicates
from i2vbench.statistics import bootstrap_interval
from i2vbench.types import Measurement

CASES = ((205, 1, 40, 0.2, 150), (205, 1, 4, 0.3, 200), (30, 16, 20, 0.2, 100), (16, 8, 60, 0.2, 100))
"""Clips, frames, dimensions, how far the distributions are apart, and how many runs."""

REPLICATES = 100


def draw(random: np.random.Generator, clips: int, frames: int, dimensions: int, apart: float) -> list[Matrix]:
    """Features of real clips and of generated ones, [n, T, d]."""
    scales = np.logspace(0, -1, dimensions)
    common = random.standard_normal((clips, 1, dimensions))
    sides = []
    for moved in (0.0, apart):
        clip = (common + random.standard_normal((clips, 1, dimensions))) / math.sqrt(2)
        frame = random.standard_normal((clips, frames, dimensions))
        rows = (clip + frame) / math.sqrt(2) if frames > 1 else clip
        sides.append(rows * scales * (1 + moved) + moved * scales)
    return sides


def main() -> None:
    print("| clips, frames, dimensions | spread over runs | standard error | too large by | coverage |")
    print("|---|---:|---:|---:|---:|")
    for clips, frames, dimensions, apart, runs in CASES:
        random = np.random.default_rng(0)
        values, errors, intervals = [], [], []
        for _ in range(runs):
            real, ours = (
                [[Measurement("s", "fid", features=rows)] for rows in side]
                for side in draw(random, clips, frames, dimensions, apart)
            )
            drawn = random.multinomial(clips, [1 / clips] * clips, REPLICATES)
            counts = np.vstack([np.ones((1, clips), int), drawn])
            value, *found = frechet_replicates(ours, real, counts, ddof=0)
            values.append(value)
            errors.append(np.std(found))
            intervals.append(bootstrap_interval(value, found, samples=clips, bounds=(0.0, math.inf)))
        mean, spread, error = np.mean(values), np.std(values), np.mean(errors)
        coverage = np.mean([mean in interval for interval in intervals])
        shape = f"{clips}, {frames}, {dimensions}"
        print(f"| {shape} | {spread:.3f} | {error:.3f} | {error / spread - 1:.0%} | {coverage:.2f} |", flush=True)


if __name__ == "__main__":
    main()
