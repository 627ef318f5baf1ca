"""Count, mean and covariance of features that arrive in pieces, in float64 and in bounded memory.

Rows are gathered into blocks; a full block becomes a mean and a matrix of co-moments, which are joined with those so
far by the pairwise formula of Chan, Golub and LeVeque (1983, "Algorithms for computing the sample variance"). Blocks
are cut at fixed row numbers, so the result does not depend on how rows were handed in, to the last bit. Rows are
centred before they are multiplied: features far from zero lose nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating[Any]]
"""One row per clip or frame, float [n, d]."""

Matrix = npt.NDArray[np.floating[Any]]
"""In float64."""

MIN_BLOCK = 256
"""Rows of a block where there are fewer dimensions: products of very few rows are slow."""


class Moments:
    """Statistics of the rows of a feature matrix; memory is two [d, d] matrices, whatever the number of rows.

    Example:
        >>> moments = Moments(2)
        >>> moments.update(np.array([[0.0, 1.0], [2.0, 1.0]]))
        >>> moments.update(np.array([[4.0, 4.0]]))
        >>> moments.mean.tolist(), moments.covariance(ddof=1).tolist()
        ([2.0, 2.0], [[4.0, 3.0], [3.0, 3.0]])

    Attributes:
        dimensions: Columns, d.
        count: Rows so far, n.
    """

    def __init__(self, dimensions: int) -> None:
        if dimensions < 1:
            raise ValueError(f"dimensions: expected at least 1, got {dimensions}")
        self.dimensions = dimensions
        self.count = 0
        self._pending = np.empty((max(dimensions, MIN_BLOCK), dimensions))
        self._folded = 0  # rows of whole blocks; the other count - _folded are the first of _pending
        self._mean: Matrix = np.zeros(dimensions)
        self._comoments: Matrix = np.zeros((0, 0))  # [d, d] as soon as a block is folded

    @classmethod
    def of(cls, features: Features) -> Moments:
        """The moments of a whole array, float [n, d] with n >= 1.

        Raises:
            ValueError: As `update`.
        """
        features = check_features(features)
        moments = cls(features.shape[1])
        moments.update(features)
        return moments

    def update(self, features: Features) -> None:
        """Take in more rows, float [n, d].

        Raises:
            ValueError: Another shape, or a value that is NaN or infinite; nothing was taken in then.
        """
        features = check_features(features, self.dimensions)
        while len(features):
            filled = self.count - self._folded
            taken = features[: len(self._pending) - filled]
            self._pending[filled : filled + len(taken)] = taken
            self.count += len(taken)
            features = features[len(taken) :]
            if filled + len(taken) == len(self._pending):
                self._fold(*_block_moments(self._pending))

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of rows together; both stay as they are.

        Raises:
            ValueError: They have different numbers of dimensions.
        """
        if self.dimensions != other.dimensions:
            raise ValueError(
                f"moments of {self.dimensions} and of {other.dimensions} dimensions cannot be merged: "
                "both must come from one network"
            )
        both = Moments(self.dimensions)
        for part in (self, other):
            if part._folded:
                both.count += part._folded
                both._fold(part._folded, part._mean, part._comoments)
        for part in (self, other):
            both.update(part._rest)
        return both

    def to_array(self) -> Matrix:
        """All that is known, as one array of a size that the dimensions alone decide: for processes to exchange.

        Returns:
            [1 + 1 + d + b, d]: the count, in every column; mean and co-moments of the whole blocks; the rows of the
            block begun, b to a block.
        """
        head = 2 + self.dimensions
        array = np.zeros((head + len(self._pending), self.dimensions))
        array[0] = self.count
        if self._folded:
            array[1], array[2:head] = self._mean, self._comoments
        array[head : head + len(self._rest)] = self._rest
        return array

    @classmethod
    def from_array(cls, array: Matrix) -> Moments:
        """The moments that `to_array` gave; the array is copied."""
        moments = cls(array.shape[1])
        head, block = 2 + moments.dimensions, len(moments._pending)
        moments.count = int(array[0, 0])
        moments._folded = moments.count // block * block
        if moments._folded:
            moments._mean, moments._comoments = array[1].copy(), array[2:head].copy()
        moments._pending[:] = array[head:]
        return moments

    @property
    def rows(self) -> Matrix | None:
        """All rows [n, d], as long as they are fewer than one block, which holds at least d; else None."""
        return None if self._folded else self._rest

    @property
    def mean(self) -> Matrix:
        """Mean of the rows [d]."""
        self.require_rows(0)
        rest = self._rest
        if not len(rest):
            return self._mean.copy()
        mean: Matrix = rest.mean(axis=0)
        return self._mean + len(rest) / self.count * (mean - self._mean) if self._folded else mean

    def covariance(self, ddof: int = 1) -> Matrix:
        """Covariance [d, d]: centred sums of products, divided by n - ddof.

        Raises:
            ValueError: There are no more than `ddof` rows.
        """
        self.require_rows(ddof)
        comoments = self._comoments  # the pending rows stay pending
        if len(self._rest):
            rest = _block_moments(self._rest)
            comoments = _joined((self._folded, self._mean, comoments), rest)[1] if self._folded else rest[2]
        return comoments / (self.count - ddof)

    def require_rows(self, ddof: int) -> None:
        """Raise ValueError unless there are more than `ddof` rows."""
        if self.count <= ddof:
            raise ValueError(f"moments: expected at least {ddof + 1} rows (n - {ddof} is divided by), got {self.count}")

    @property
    def _rest(self) -> Matrix:
        return self._pending[: self.count - self._folded]

    def _fold(self, count: int, mean: Matrix, comoments: Matrix) -> None:
        if self._folded:
            mean, comoments = _joined((self._folded, self._mean, self._comoments), (count, mean, comoments))
        self._folded += count
        self._mean, self._comoments = mean, comoments


def check_features(features: Features, dimensions: int | None = None) -> Features:
    """The features as an array, [n, d].

    Args:
        features: Numbers of any type.
        dimensions: The d expected; None takes any.

    Raises:
        ValueError: They are no finite [n, d].
    """
    features = np.asarray(features)
    expected = f"[n, {'d' if dimensions is None else dimensions}]"
    wrong = features.ndim != 2 or features.shape[1] == 0 or features.shape[1] != (dimensions or features.shape[1])
    if wrong or features.dtype.kind not in "fiu":
        raise ValueError(f"features: expected numbers {expected}, got {features.dtype} {list(features.shape)}")
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"features: expected finite numbers, got NaN or infinity in row {row} of {len(features)}")
    return features


def _block_moments(rows: Matrix) -> tuple[int, Matrix, Matrix]:
    mean = rows.mean(axis=0)
    centred = rows - mean
    return len(rows), mean, centred.T @ centred


def _joined(a: tuple[int, Matrix, Matrix], b: tuple[int, Matrix, Matrix]) -> tuple[Matrix, Matrix]:
    """Mean and co-moments of two sets of rows, each given as (count, mean, co-moments)."""
    share = b[0] / (a[0] + b[0])
    shift = b[1] - a[1]
    return a[1] + share * shift, a[2] + b[2] + np.outer(shift, shift) * (a[0] * share)
