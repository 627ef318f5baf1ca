"""Cells of samples drawn again, many at a time: what the `replicates` of the built-in metrics are made of.

A resample is how often each sample is drawn; a sample's clips, of all seeds, and its real clip go with it. Clips that
are drawn k times count k times, which sums and covariances say by a weight, without copying a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from i2vbench.metrics.frechet import covariance_root, distance_of_roots, nuclear_norm
from i2vbench.metrics.kernel import kernel_matrix
from i2vbench.metrics.moments import Features, Matrix
from i2vbench.types import Measurement

Counts = npt.NDArray[np.int64]
"""How often each sample is drawn, [R, n]: one row a resample."""

BySample = Sequence[Sequence[Measurement]]
"""The measurements of each sample, one for each seed."""

Samples = npt.NDArray[np.int64]
"""Of which sample each clip is, [m]."""

ROWS_AT_ONCE = 4096

LEAST_EIGENVALUE = 1e-13
"""Relative to the largest: what is smaller may be rounding alone, and its root wrong by as much as itself."""


def ratios(numerators: Iterable[float], denominators: Iterable[float], counts: Counts) -> Matrix:
    """Sum over sum, [R]: the mean over clips, or successful frames over frames; NaN where nothing is drawn.

    Args:
        numerators: Of each sample, all its seeds together.
        denominators: The same.
        counts: [R, n].
    """
    above = counts @ np.fromiter(numerators, float)
    below = counts @ np.fromiter(denominators, float)
    means: Matrix = np.divide(above, below, out=np.full(len(counts), np.nan), where=below != 0)
    return means


def frechet_replicates(generated: BySample, reference: BySample, counts: Counts, *, ddof: int) -> Iterator[float]:
    """The Fréchet distance of each resample, one after the other; as `distances.frechet_cell` of its clips.

    Args:
        generated: With features [d] or [T, d].
        reference: The same of the real clips.
        counts: [R, n].
        ddof: As `frechet_distance`.
    """
    ours, real = _Rows(generated), _Rows(reference)
    for times in counts:
        if min(ours.clips @ times, real.clips @ times) < 2:
            yield np.nan
            continue
        a, b = ours.root(times, ddof), real.root(times, ddof)
        shift = ours.mean(times) - real.mean(times)
        yield distance_of_roots(shift, a, b, _norm(a @ b.T, ours.dimensions, (ours.few(times), real.few(times))))


def _norm(product: Matrix, dimensions: int, few: tuple[bool, bool]) -> float:
    """Sum of the singular values of A B^T, as roots of eigenvalues where none of these is rounding alone.

    The rows of a side that has few are centred, which makes one singular value 0 exactly: it is left out.
    """
    if not any(few):
        return nuclear_norm(product, full_rank=product.shape == (dimensions, dimensions))
    short, known_zero = (product, few[0]) if product.shape[0] <= product.shape[1] else (product.T, few[1])
    values = np.linalg.eigvalsh(short @ short.T)[int(known_zero) :]
    if len(values) and values[0] > LEAST_EIGENVALUE * values[-1]:
        return float(np.sqrt(values).sum())
    return nuclear_norm(product, full_rank=False)


class _Rows:
    """The rows of all samples, each different row of a sample once: a still clip has one, drawn T times."""

    def __init__(self, measurements: BySample) -> None:
        features = [[np.atleast_2d(m.features) for m in some if m.features is not None] for some in measurements]
        parts = [_distinct(np.concatenate(rows)) for rows in features if rows]
        self.clips = np.array([len(rows) for rows in features])
        self._rows = np.concatenate([rows for rows, _ in parts])  # as they are stored; float64 would be twice as much
        self._multiples = np.concatenate([multiples for _, multiples in parts])
        filled = np.flatnonzero(self.clips)
        self._samples = np.repeat(filled, [len(rows) for rows, _ in parts])
        self.dimensions = self._rows.shape[1]
        self._per_sample = np.bincount(self._samples, self._multiples, len(features))
        sums = np.zeros((len(features), self.dimensions))
        for sample, (rows, multiples) in zip(filled, parts, strict=True):
            sums[sample] = multiples @ rows.astype(np.float64)
        self._centre = sums.sum(axis=0) / self._per_sample.sum()
        self._sums = sums - self._per_sample[:, None] * self._centre  # around the centre of all, to lose no digits

    def few(self, times: Matrix) -> bool:
        """Whether a resample has no more different rows than dimensions."""
        return bool((times[self._samples] > 0).sum() <= self.dimensions)

    def mean(self, times: Matrix) -> Matrix:
        """Of a resample, [d]."""
        mean: Matrix = self._centre + self._shift(times)
        return mean

    def root(self, times: Matrix, ddof: int) -> Matrix:
        """A [r, d] with A^T A a resample's covariance: its scaled rows where these are few."""
        drawn = np.flatnonzero(times[self._samples])
        count, shift = float(times @ self._per_sample), self._shift(times)
        weights = np.sqrt(times[self._samples] * self._multiples / (count - ddof))[:, None]
        if self.few(times):
            few: Matrix = (self._rows[drawn] - (self._centre + shift)) * weights[drawn]
            return few
        covariance = np.outer(shift, shift) * (-count / (count - ddof))
        for begin in range(0, len(drawn), ROWS_AT_ONCE):
            lot = drawn[begin : begin + ROWS_AT_ONCE]
            rows = self._rows[lot] - self._centre
            rows *= weights[lot]
            covariance += rows.T @ rows
        return covariance_root(covariance)

    def _shift(self, times: Matrix) -> Matrix:
        """Where a resample's mean lies, seen from the centre of all."""
        shift: Matrix = times @ self._sums / (times @ self._per_sample)
        return shift


def _distinct(rows: Features) -> tuple[Features, Matrix]:
    """Each different row once, and how often it is there."""
    found: dict[bytes, list[int]] = {}
    for position, row in enumerate(rows):
        found.setdefault(row.tobytes(), []).append(position)
    if len(found) == len(rows):
        return rows, np.ones(len(rows))
    return rows[[places[0] for places in found.values()]], np.array([float(len(p)) for p in found.values()])


def kernel_replicates(generated: BySample, reference: BySample, counts: Counts, group_clips: int) -> Matrix:
    """KID of each resample, [R]; as `distances.kernel_cell`, but that a clip and a copy of it are no pair.

    Each side's mean over pairs is a U-statistic: its pairs are of different clips. A resample has the same clip several
    times, and k(x, x), which is larger than between different clips, would come in with every copy; likewise k between
    a clip and the real one of its sample, which are alike. So pairs are of different samples, or, where the cell itself
    has them, within one copy of a sample. (A U-statistic's bootstrap needs care on the diagonal: Bickel and Freedman,
    Annals of Statistics 9, 1981; Arcones and Giné, 20, 1992.)

    Args:
        generated: With features [T, d], or [d].
        reference: The same of the real clips.
        counts: [R, n].
        group_clips: Among at most so many clips pairs are taken.
    """
    (ours, our_samples), (real, real_samples) = _frames(generated), _frames(reference)
    groups = max(min(-(-max(len(ours), len(real)) // group_clips), len(ours) // 2, len(real) // 2), 1)
    total = np.zeros(len(counts))
    for group in range(groups):
        a, b = ours[group::groups], real[group::groups]
        samples_a, samples_b = our_samples[group::groups], real_samples[group::groups]
        frames = min(a.shape[1], b.shape[1])
        within_a, within_b, between = (_mean_kernel(x, y, frames) for x, y in ((a, a), (b, b), (a, b)))
        total += _mean_of_pairs(within_a, samples_a, samples_a, counts, one_side=True)
        total += _mean_of_pairs(within_b, samples_b, samples_b, counts, one_side=True)
        total -= 2 * _mean_of_pairs(between, samples_a, samples_b, counts)
    return total / groups


def _frames(measurements: BySample) -> tuple[Features, Samples]:
    """The features of all clips, [m, T, d], and of which sample each is, [m]."""
    drawn = [(m.features, i) for i, some in enumerate(measurements) for m in some]
    parts = [(np.atleast_2d(features), i) for features, i in drawn if features is not None]
    return np.stack([part for part, _ in parts]), np.array([i for _, i in parts])


def _mean_kernel(x: Features, y: Features, frames: int) -> Matrix:
    """The kernel between clips, [m, k], the mean over the positions of frames."""
    total = np.zeros((len(x), len(y)))
    for frame in range(frames):
        total += kernel_matrix(x[:, frame], y[:, frame])
    return total / frames


def _mean_of_pairs(
    kernel: Matrix, samples_a: Samples, samples_b: Samples, counts: Counts, *, one_side: bool = False
) -> Matrix:
    """Mean of a kernel [m, k] over the pairs of each resample, [R]; of one side, a clip is no pair with itself."""
    same = samples_a[:, None] == samples_b[None, :]
    together = same.copy()
    if one_side:
        np.fill_diagonal(together, False)
    a, b = (counts[:, samples].astype(np.float64) for samples in (samples_a, samples_b))
    above, below = (
        ((a @ np.where(same, 0, matrix)) * b).sum(axis=1) + a @ np.where(together, matrix, 0).sum(axis=1)
        for matrix in (kernel, np.ones_like(kernel))
    )
    means: Matrix = np.divide(above, below, out=np.full(len(counts), np.nan), where=below > 0)
    return means
