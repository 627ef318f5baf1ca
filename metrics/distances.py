"""Cells of the metrics that compare the features of all generated clips with those of the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from i2vbench.metrics.frechet import frechet_distance, frechet_extrapolated
from i2vbench.metrics.kernel import kernel_distance, kernel_distance_over_subsets
from i2vbench.metrics.moments import Features, Moments
from i2vbench.types import Cell, Clip, Measurement

if TYPE_CHECKING:
    from torch import Tensor

SUBSET_SIZE = 1000
"""Rows of KID's published subsets; of fewer rows all pairs are taken once."""

NO_REAL = "no real clip was measured to compare with"


def frechet_cell(generated: Iterable[Measurement], reference: Iterable[Measurement] | None, *, ddof: int) -> Cell:
    """The Fréchet distance between the features of clips and of the real ones.

    Args:
        generated: With features [d] (one row a clip) or [T, d] (a row a frame).
        reference: The same of the real clips.
        ddof: Covariances are divided by the number of rows less this.
    """
    ours, clips = _moments(generated)
    real, real_clips = _moments(reference or ())
    if ours is None or real is None:
        return Cell(None, clips, note=NO_REAL if ours is not None else "no clip was measured")
    if min(clips, real_clips) < 2:
        return Cell(None, clips, note="a distance between distributions needs at least two clips on each side")
    value = frechet_distance(real, ours, ddof=ddof)
    return Cell(value, clips, note=_warning(ours, real))


def extrapolated_cell(generated: Iterable[Measurement], reference: Iterable[Measurement] | None, *, ddof: int) -> Cell:
    """The Fréchet distance at infinitely many generated rows; empty where there are too few to extrapolate from."""
    real, _ = _moments(reference or ())
    rows, clips = _rows(generated)
    if real is None:
        return Cell(None, clips, note=NO_REAL)
    least = 4 * real.dimensions
    if len(rows) < least:
        return Cell(None, clips, note=f"too few to extrapolate from: {len(rows)} features, {least} are needed")
    return Cell(frechet_extrapolated(real, rows, ddof=ddof).value, clips)


def kernel_cell(generated: Iterable[Measurement], reference: Iterable[Measurement] | None) -> Cell:
    """KID of the features, with the deviation over its subsets where there are enough rows for them."""
    ours, clips = _rows(generated)
    real, _ = _rows(reference or ())
    if len(real) < 2 or len(ours) < 2:
        return Cell(None, clips, note=NO_REAL if len(ours) else "no clip was measured")
    if min(len(real), len(ours)) < SUBSET_SIZE:
        return Cell(kernel_distance(real, ours), clips)
    mean, deviation = kernel_distance_over_subsets(real, ours, subset_size=SUBSET_SIZE)
    return Cell(mean, clips, spread=deviation)


def on_device(clips: Sequence[Clip], device: str) -> Tensor:
    """The frames of clips of one size and length, uint8 [N, T, H, W, 3]."""
    import torch

    return torch.from_numpy(np.stack([clip.video.frames for clip in clips])).to(device)


def _features(measurements: Iterable[Measurement]) -> Iterator[Features]:
    for measurement in measurements:
        if measurement.features is not None:
            yield np.atleast_2d(measurement.features)


def _moments(measurements: Iterable[Measurement]) -> tuple[Moments | None, int]:
    """Moments of all rows, None if there is none, and how many clips they are of; one clip in memory at a time."""
    moments, clips = None, 0
    for rows in _features(measurements):
        moments = moments or Moments(rows.shape[1])
        moments.update(rows)
        clips += 1
    return moments, clips


def _rows(measurements: Iterable[Measurement]) -> tuple[Features, int]:
    """All rows [n, d], and how many clips they are of."""
    parts = list(_features(measurements))
    return (np.concatenate(parts) if parts else np.empty((0, 0), np.float32)), len(parts)


def _warning(ours: Moments, real: Moments) -> str:
    """What a reader must know of a distance of few rows."""
    fewest = min(ours.count, real.count)
    if fewest >= ours.dimensions:
        return ""
    return (
        f"of {ours.count} generated and {real.count} real features, fewer than their {ours.dimensions} dimensions: "
        "mostly bias, to be compared at equal n alone"
    )
