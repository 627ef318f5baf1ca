"""Fréchet distance between two sets of features, each taken for a Gaussian (FVD and FID, Section 5.2).

    d = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)        (Dowson and Landau 1982; Heusel et al. 2017)

Must match, in float64: TATS with `ddof=1` (FVD), StyleGAN3 and LongVideoGAN with `ddof=0` (FID). TATS itself computes
in float32, which is up to 5e-3 off.

With S1 = A^T A and S2 = B^T B the last trace is the sum of the singular values of A B^T, whatever the factors: no root
of an unsymmetric matrix, nothing complex. Where S1 or S2 is singular, roots of rounding errors make other formulas
wrong by 1e-8 of the traces; this one stays below 1e-13 (tests/metrics/test_frechet.py).

A low distance hides how much of it is the number of clips: it falls as n grows, so compare at equal n only, or
extrapolate.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from i2vbench.metrics.moments import Features, Matrix, Moments, check_features

MIN_ROUNDING = 100
"""Zero is what lies below max(this, d) times epsilon times the largest variance: sums over rows round that far."""


def frechet_distance(real: Features | Moments, generated: Features | Moments, *, ddof: int = 1) -> float:
    """Squared Fréchet distance between the Gaussians that two sets of features are taken for.

    Args:
        real: Rows [n, d], or their moments.
        generated: Rows [m, d], or their moments; m may differ from n.
        ddof: Covariances are divided by n - ddof: 1 for FVD, 0 for FID.

    Returns:
        The distance, at least 0: what rounding leaves below is cut off.

    Raises:
        ValueError: The sets have different d, or no more than `ddof` rows, or values that are not finite.
    """
    a = real if isinstance(real, Moments) else Moments.of(real)
    b = generated if isinstance(generated, Moments) else Moments.of(generated)
    if a.dimensions != b.dimensions:
        raise ValueError(
            f"features of {a.dimensions} (real) and {b.dimensions} (generated) dimensions have no distance: "
            "both must come from one network"
        )
    root_a, root_b = _root(a, ddof), _root(b, ddof)
    full_rank = all(len(root) == a.dimensions < side.count for root, side in ((root_a, a), (root_b, b)))
    return distance_of_roots(a.mean - b.mean, root_a, root_b, nuclear_norm(root_a @ root_b.T, full_rank))


def distance_of_roots(shift: Matrix, root_a: Matrix, root_b: Matrix, norm: float) -> float:
    """The distance, at least 0, from what it is made of.

    Args:
        shift: Difference of the means, [d].
        root_a: A [r, d] with A^T A one covariance.
        root_b: B [s, d] with B^T B the other.
        norm: Sum of the singular values of A B^T.
    """
    traces = np.linalg.norm(root_a) ** 2 + np.linalg.norm(root_b) ** 2
    return max(float(shift @ shift + traces - 2 * norm), 0.0)


def _root(moments: Moments, ddof: int) -> Matrix:
    """A [r, d] with A^T A the covariance, r <= d.

    No more rows than dimensions: the centred rows themselves, n x n work instead of d x d.
    """
    moments.require_rows(ddof)
    few = moments.count <= moments.dimensions  # centred, they have rank n - 1 at most
    if moments.rows is not None and few:
        scaled: Matrix = (moments.rows - moments.mean) / np.sqrt(moments.count - ddof)
        return scaled
    return covariance_root(moments.covariance(ddof), singular=few)


def covariance_root(covariance: Matrix, *, singular: bool = False) -> Matrix:
    """A [r, d] with A^T A a covariance [d, d], r <= d; r is d only where it has full rank.

    Cholesky's factor, a tenth of the work of eigenvectors; where a pivot is rounding alone the covariance is singular,
    and eigenvectors of eigenvalues that are rounding alone are left out.

    Args:
        covariance: Symmetric.
        singular: Whether it is known to be, so that Cholesky is not tried.
    """
    rounding = max(len(covariance), MIN_ROUNDING) * np.finfo(np.float64).eps
    factor: Matrix | None = None
    if not singular:
        with suppress(np.linalg.LinAlgError):
            factor = np.linalg.cholesky(covariance).T
    if factor is not None and factor.diagonal().min() ** 2 > rounding * covariance.diagonal().max():
        return factor
    values, vectors = np.linalg.eigh(covariance)
    kept = values > rounding * values[-1]
    root: Matrix = (vectors[:, kept] * np.sqrt(values[kept])).T
    return root


def nuclear_norm(product: Matrix, full_rank: bool) -> float:
    """Sum of the singular values of A B^T, [r, s].

    Where both covariances have full rank, as roots of eigenvalues: four times as fast, and none of them is rounding
    alone.
    """
    if full_rank:
        return float(np.sqrt(np.linalg.eigvalsh(product @ product.T).clip(min=0)).sum())
    return float(np.linalg.svd(product, compute_uv=False).sum()) if product.size else 0.0


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """A Fréchet distance at infinitely many generated rows, and what it was read off.

    Attributes:
        value: Where the line meets 1/n = 0. Below 0 means that the distance is lost in the noise of the fit.
        slope: Of the line through (1/n, distance).
        sizes: Rows of the subsets.
        distances: Distance of each subset.
    """

    value: float
    slope: float
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


def frechet_extrapolated(
    real: Features | Moments, generated: Features, *, ddof: int = 1, points: int = 15, seed: int = 42
) -> Extrapolation:
    """FID-infinity or FVD-infinity (Chong and Forsyth, "Effectively Unbiased FID and Inception Score", CVPR 2020).

    The bias of the distance is linear in 1/n and differs between models. Subsets of `points` evenly spaced sizes, each
    drawn anew, the smallest a tenth of the rows but at least 2 d, are compared with the whole real set; the line fitted
    to the distances over 1/n is read at 0. As published, only generated rows are varied: what the size of the real set
    adds stays, and is much the same for all models. Of Gaussians 0.8 apart in 64 dimensions (40,000 real rows), 256
    rows read 0.53 on average where the plain distance is 5.79, and 2,000 rows read 0.79 where it is 1.43.

    Args:
        real: Rows [n, d], or their moments.
        generated: Rows [m, d], m >= 4 d.
        ddof: As `frechet_distance`.
        points: Number of sizes.
        seed: Of the subsets; the same rows and seed give the same value.

    Raises:
        ValueError: As `frechet_distance`; or fewer than 4 d rows, below which the bias is not linear.
    """
    generated = check_features(generated)
    count, dimensions = generated.shape
    if points < 2 or count < 4 * dimensions:
        raise ValueError(
            f"extrapolation: expected at least 2 sizes and {4 * dimensions} rows (four per dimension), "
            f"got {points} and {count}"
        )
    real = real if isinstance(real, Moments) else Moments.of(real)
    sizes = np.linspace(max(count // 10, 2 * dimensions), count, points).astype(int)
    random = np.random.RandomState(seed)  # unlike default_rng, its stream is promised never to change
    distances = [frechet_distance(real, generated[random.permutation(count)[:size]], ddof=ddof) for size in sizes]
    slope, value = np.polyfit(1 / sizes, distances, 1)
    return Extrapolation(float(value), float(slope), tuple(map(int, sizes)), tuple(distances))
