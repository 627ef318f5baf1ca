"""Cells of the metrics that compare the features of all generated clips with those of the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from i2vbench.metrics.frechet import frechet_distance, frechet_extrapolated
from i2vbench.metrics.kernel import kernel_distance
from i2vbench.metrics.moments import Features, Moments
from i2vbench.types import Cell, Clip, Measurement

if TYPE_CHECKING:
    from torch import Tensor

GROUP_CLIPS = 1000
"""Clips among which all pairs are taken in KID; the work grows with their square."""

TOO_FEW = "a distance between distributions needs at least two clips on each side"

NO_REAL = "no real clip was measured to compare with"

NO_CLIP = "no clip was measured"

NO_INTERVALS_EXTRAPOLATED = (
    "the clips that a resample has twice make its distance larger, whatever their number, and a line over that number "
    "does not take it out"
)


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
        return Cell(None, clips, note=NO_REAL if ours is not None else NO_CLIP)
    if min(clips, real_clips) < 2:
        return Cell(None, clips, note=TOO_FEW)
    value = frechet_distance(real, ours, ddof=ddof)
    return Cell(value, clips, note=_warning(ours.count, real.count, real.dimensions))


def extrapolated_cell(generated: Iterable[Measurement], reference: Iterable[Measurement] | None, *, ddof: int) -> Cell:
    """The Fréchet distance at infinitely many generated rows; empty where there are too few to extrapolate from."""
    real, real_clips = _moments(reference or ())
    ours = _stack(generated)  # [n, T, d]
    clips = 0 if ours is None else len(ours)
    if ours is None or real is None:
        return Cell(None, clips, note=NO_REAL if ours is not None else NO_CLIP)
    if min(clips, real_clips) < 2:
        return Cell(None, clips, note=TOO_FEW)
    rows = ours.reshape(-1, ours.shape[-1])
    least = 4 * real.dimensions
    if len(rows) < least:
        return Cell(None, clips, note=f"too few to extrapolate from: {len(rows)} features, {least} are needed")
    value = frechet_extrapolated(real, rows, ddof=ddof).value
    below = "below 0: the distance is lost in the noise of the extrapolation" if value < 0 else ""
    return Cell(value, clips, note="; ".join(filter(None, (below, _few_real(real)))))


def kernel_cell(generated: Iterable[Measurement], reference: Iterable[Measurement] | None) -> Cell:
    """KID of the frames, the mean over their positions in the clip.

    Frames of one clip are alike, and pairs of them would bias the estimate: at each position a clip has one frame. More
    clips than `GROUP_CLIPS` are taken in groups, whose mean is as unbiased.
    """
    ours, real = _stack(generated), _stack(reference or ())  # [n, T, d]
    clips = 0 if ours is None else len(ours)
    if ours is None or real is None:
        return Cell(None, clips, note=NO_REAL if ours is not None else NO_CLIP)
    if min(len(ours), len(real)) < 2:
        return Cell(None, clips, note=TOO_FEW)
    groups = -(-max(len(ours), len(real)) // GROUP_CLIPS)
    groups = min(groups, len(ours) // 2, len(real) // 2)
    estimates = [
        kernel_distance(real[group::groups, frame], ours[group::groups, frame])
        for group in range(groups)
        for frame in range(min(ours.shape[1], real.shape[1]))
    ]
    return Cell(float(np.mean(estimates)), clips)


def on_device(clips: Sequence[Clip], device: str) -> Tensor:
    """The frames of clips of one size and length, uint8 [N, T, H, W, 3].

    Raises:
        ValueError: They are not of one.
    """
    from i2vbench.transfer import take

    videos = [clip.video for clip in clips]
    if len({video.frames.shape for video in videos}) > 1:
        listing = ", ".join(sorted({str(list(video.frames.shape)) for video in videos}))
        raise ValueError(f"expected clips of one size and length, got {listing}")
    frames = take([(video.frames, t) for video in videos for t in range(video.num_frames)], device)
    return frames.view(len(videos), -1, *frames.shape[1:])


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


def _few_real(real: Moments) -> str:
    """What the size of the real side adds to an extrapolated distance."""
    if real.count >= real.dimensions:
        return ""
    return f"of {real.count} real features, fewer than their {real.dimensions} dimensions, whose bias stays"


def _stack(measurements: Iterable[Measurement]) -> Features | None:
    """The features of all clips, [n, T, d]; a clip's one row is T = 1."""
    parts = list(_features(measurements))
    return np.stack(parts) if parts else None


def _warning(ours: int, real: int, dimensions: int) -> str:
    """What a reader must know of a distance of so many rows."""
    if min(ours, real) >= dimensions:
        return ""
    return (
        f"of {ours} generated and {real} real features, fewer than their {dimensions} dimensions: mostly bias, to be "
        "compared at equal n alone"
    )
