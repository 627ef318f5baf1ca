"""Fréchet distance: ours against the formula of the published codes, whose root is scipy.linalg.sqrtm (needs scipy).

    OMP_NUM_THREADS=1 python benchmarks/frechet.py [D,N ...]

From features to the distance, means and covariances included on both sides. Processor time of one thread, both in one
run; the faster of two, since a first call also pays for its memory. Prints a Markdown table. "exact" is the distance by
the singular values of the product of all centred rows, [n, n].
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np
import scipy.linalg

from i2vbench.metrics.frechet import frechet_distance
from i2vbench.metrics.moments import Features

SHAPES = ((2048, 4096), (2048, 1000), (400, 2048), (400, 300))
EXPONENTS = {"falling": -3.0, "flat": 0.0}
"""Deviations along the axes fall from 1 to ten to this power: sqrtm takes half as long where they do not."""


def published(real: Features, generated: Features) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) with the root of the unsymmetric product, real part."""
    a, b = real.astype(np.float64), generated.astype(np.float64)
    shift = a.mean(axis=0) - b.mean(axis=0)
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(s1 @ s2)
    return float(shift @ shift + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real)


def exact(real: Features, generated: Features) -> float:
    """Without covariances: nothing is squared, but it takes an n x n decomposition."""
    a, b = real.astype(np.float64), generated.astype(np.float64)
    shift = a.mean(axis=0) - b.mean(axis=0)
    x, y = (a - a.mean(axis=0)) / np.sqrt(len(a) - 1), (b - b.mean(axis=0)) / np.sqrt(len(b) - 1)
    norm = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return float(shift @ shift + np.vdot(x, x) + np.vdot(y, y) - 2 * norm)


def make(d: int, n: int, exponent: float, seed: int) -> Features:
    """Correlated features, float32 [n, d]."""
    random = np.random.default_rng(seed)
    scales = np.logspace(0, exponent, d)
    mixing = random.standard_normal((d, d)) / np.sqrt(d)
    features: Features = ((random.standard_normal((n, d)) * scales) @ mixing + 0.1 * seed).astype(np.float32)
    return features


def timed(work: Callable[[Features, Features], float], a: Features, b: Features) -> tuple[float, float]:
    """Seconds of processor time, and the distance."""
    seconds = []
    for _ in range(2):
        begun = time.process_time()
        distance = work(a, b)
        seconds.append(time.process_time() - begun)
    return min(seconds), distance


def main() -> None:
    shapes = [tuple(map(int, shape.split(","))) for shape in sys.argv[1:]] or SHAPES
    print("| d, n | spectrum | ours, s | sqrtm, s | ratio | ours off exact | sqrtm off exact |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for d, n in shapes:
        for spectrum, exponent in EXPONENTS.items():
            a, b = make(d, n, exponent, 1), make(d, n, exponent, 2)
            ours, distance = timed(frechet_distance, a, b)
            theirs, other = timed(published, a, b)
            truth = exact(a, b)
            off = " | ".join(f"{abs(value - truth) / truth:.0e}" for value in (distance, other))
            print(f"| {d}, {n} | {spectrum} | {ours:.3f} | {theirs:.3f} | {theirs / ours:.1f} | {off} |", flush=True)


if __name__ == "__main__":
    main()
