"""Inception score of class probabilities: exp of the mean divergence from the mean prediction, over splits.

    IS = exp(mean over rows of sum over classes of p log(p / q)), q the mean row of the split    (Salimans et al. 2016)

Must match StyleGAN-V's video inception score (the paper's Section 5.2): rows shuffled by NumPy's `RandomState(42)`, ten
splits, mean and population deviation over them. StyleGAN-V computes in float32 and gives NaN where a probability is 0;
here it is float64, and 0 log 0 = 0.

A high score hides that nothing is compared with real videos. The number of splits is part of the definition: the same
256 rows score 34.0 in one split and 16.0 in ten (tests/reference, `frechet`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from i2vbench.metrics.base import NetworkMetric
from i2vbench.metrics.distances import on_device
from i2vbench.metrics.moments import Features, Matrix, check_features
from i2vbench.metrics.resampled import BySample, Counts
from i2vbench.types import Cell, Clip, Measurement, MetricInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSES = 101
SPLITS = 10
SHUFFLE_SEED = 42
LEAST_CLIPS = CLASSES
"""One for each class."""

SUM_TOLERANCE = 1e-3
"""How far the sum of a row may be from 1: float16 rounding, and no logits."""


class InceptionScore(NetworkMetric):
    """The video inception score: C3D's classes of UCF-101 (Section 5.2)."""

    info = MetricInfo(
        id="inception_score",
        title="Inception Score",
        direction="higher",
        checkpoints=("c3d_ucf", "c3d_mean"),
        least_per_category=LEAST_CLIPS,
        source="Section 5.2; StyleGAN-V's protocol, C3D of TGANv2 (UCF-101), ten splits",
        hides="Nothing is compared with real videos, and only actions of UCF-101 count: elsewhere it says little.",
    )
    kept_over_runs = True
    network = "c3d"
    bounds = (1.0, math.inf)

    def __init__(self) -> None:
        super().__init__()
        self._mean: Any = None

    def load(self, device: str, dtype: str) -> None:
        super().load(device, dtype)
        self._mean = load_mean(self.info.checkpoints[1]).to(device)

    def unload(self) -> None:
        super().unload()
        self._mean = None

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        videos = on_device(clips, self._device)
        probabilities = class_probabilities(self._network, self._mean, videos).cpu().numpy()
        return [Measurement(c.sample.id, self.info.id, features=p) for c, p in zip(clips, probabilities, strict=True)]

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        rows = [m.features for m in generated if m.features is not None]
        if len(rows) < SPLITS:
            return Cell(None, len(rows), note=f"{len(rows)} clips; its {SPLITS} splits need at least one each")
        mean, deviation = inception_score(np.stack(rows), SPLITS)
        note = "" if len(rows) >= SPLITS * len(rows[0]) else "fewer clips in a split than classes: biased low"
        return Cell(mean, len(rows), spread=deviation, note=note)

    def replicates(self, generated: BySample, reference: BySample | None, counts: Counts) -> Iterable[float]:
        rows = [[m.features for m in some if m.features is not None] for some in generated]
        places = np.split(np.arange(sum(map(len, rows))), np.cumsum([len(some) for some in rows])[:-1])
        probabilities = np.stack([features for some in rows for features in some]).astype(np.float64)
        negative_entropies = _log_products(probabilities)  # a row's does not change with the company it is drawn into
        for times in counts:
            drawn = np.concatenate([places[i] for i in np.repeat(np.arange(len(rows)), times)])
            if len(drawn) < SPLITS:
                yield np.nan
                continue
            drawn = drawn[shuffled(len(drawn), SHUFFLE_SEED)]
            yield float(np.mean(_split_scores(probabilities[drawn], negative_entropies[drawn], SPLITS)))


def load_mean(checkpoint: str) -> Tensor:
    """The mean video with this name in the catalogue, as `c3d.load_mean` gives it."""
    from i2vbench import weights
    from i2vbench.metrics.networks import c3d

    return c3d.load_mean(weights.read(checkpoint))


def class_probabilities(network: nn.Module, mean: Tensor, videos: Tensor) -> Tensor:
    """uint8 [N, 16, H, W, 3] -> [N, 101]; `mean` as `c3d.load_mean` gives it."""
    from i2vbench.metrics.networks import c3d

    probabilities: Tensor = network(c3d.preprocess(videos, mean))
    return probabilities


def inception_score(
    probabilities: Features, splits: int = SPLITS, shuffle_seed: int = SHUFFLE_SEED
) -> tuple[float, float]:
    """Mean and population deviation of the score over splits.

    Args:
        probabilities: Class probabilities [n, classes], a row per video; rows sum to 1.
        splits: Split i is rows i * n // splits to (i + 1) * n // splits after the shuffle.
        shuffle_seed: Without the shuffle, videos stored class by class give nonsense.

    Returns:
        (mean, deviation); the mean lies between 1 and the number of classes.

    Raises:
        ValueError: There are fewer rows than splits, or rows that are no probabilities.
    """
    probabilities = check_features(probabilities).astype(np.float64)
    count = len(probabilities)
    if splits < 1 or count < splits:
        raise ValueError(f"inception score: expected at least one row per split, got {count} rows and {splits} splits")
    sums = probabilities.sum(axis=1)
    if probabilities.min() < 0 or np.abs(sums - 1).max() > SUM_TOLERANCE:
        row = int(np.argmax((probabilities < 0).any(axis=1) | (np.abs(sums - 1) > SUM_TOLERANCE)))
        raise ValueError(
            f"inception score: expected probabilities that sum to 1, row {row} has sum {sums[row]:.4g} and values "
            f"from {probabilities[row].min():.4g} to {probabilities[row].max():.4g}; are they logits?"
        )
    probabilities = probabilities[shuffled(count, shuffle_seed)]
    scores = _split_scores(probabilities, _log_products(probabilities), splits)
    return float(np.mean(scores)), float(np.std(scores))


def shuffled(count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The order [count] that NumPy's legacy generator shuffles rows into; its stream is promised never to change."""
    order = np.arange(count)
    np.random.RandomState(seed).shuffle(order)
    return order


def _split_scores(p: Matrix, negative_entropies: Matrix, splits: int) -> Matrix:
    """exp of the mean divergence of each split, [splits]: sum p log p - sum p log q, whose mean is sum q log q."""
    borders = np.array([i * len(p) // splits for i in range(splits + 1)])
    sizes = np.diff(borders)
    q = np.add.reduceat(p, borders[:-1]) / sizes[:, None]
    scores: Matrix = np.exp(np.add.reduceat(negative_entropies, borders[:-1]) / sizes - _log_products(q))
    return scores


def _log_products(p: Matrix) -> Matrix:
    """Sum of p log p over the classes, [n]; log of 1 where p is 0, so that 0 log 0 is 0."""
    sums: Matrix = (p * np.log(np.where(p > 0, p, 1))).sum(axis=1)
    return sums
