"""The Fréchet distance is one, in every shape and rank, and equals what others compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from i2vbench.metrics.frechet import frechet_distance, frechet_extrapolated
from i2vbench.metrics.moments import Features, Matrix, Moments

shapes = st.tuples(st.integers(2, 400), st.integers(2, 400), st.integers(1, 24))
seeds = st.integers(0, 2**32 - 1)
ranks = st.sampled_from(["full", "few rows twice", "constant column", "column twice"])


def rows(n: int, d: int, seed: int, rank: str = "full", offset: float = 1.0) -> Matrix:
    """Correlated features of a chosen kind of rank."""
    random = np.random.default_rng([seed, n, d])
    features = random.standard_normal((n, d)) @ random.standard_normal((d, d)) + offset * random.standard_normal(d)
    if rank == "few rows twice":
        features = features[np.arange(n) % max(d // 2, 1)]
    elif rank == "constant column":
        features[:, 0] = 3.0
    elif rank == "column twice":
        features[:, -1] = features[:, 0]
    return features


def exact(a: Matrix, b: Matrix, ddof: int = 1) -> float:
    """By the singular values of the product of all centred rows, which takes n x n work."""
    x, y = ((rows - rows.mean(axis=0)) / np.sqrt(len(rows) - ddof) for rows in (a, b))
    shift = a.mean(axis=0) - b.mean(axis=0)
    return float(shift @ shift + (x**2).sum() + (y**2).sum() - 2 * np.linalg.svd(x @ y.T, compute_uv=False).sum())


def size(a: Features, b: Features) -> float:
    """What errors are measured by: the terms that are subtracted from each other."""
    return float(a.var(axis=0).sum() + b.var(axis=0).sum() + ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + 1)


@given(shapes, seeds, ranks, ranks, st.sampled_from([0, 1]))
@example(shape=(48, 20, 20), seed=19773, rank_a="full", rank_b="full", ddof=0)
@example(shape=(300, 300, 300), seed=5, rank_a="full", rank_b="full", ddof=1)
@example(shape=(300, 900, 300), seed=5, rank_a="full", rank_b="full", ddof=1)
@settings(max_examples=150, deadline=None)
def test_every_shape_and_rank_is_exact(
    shape: tuple[int, int, int], seed: int, rank_a: str, rank_b: str, ddof: int
) -> None:
    n, m, d = shape
    a, b = rows(n, d, seed, rank_a), rows(m, d, seed + 1, rank_b)
    assert frechet_distance(a, b, ddof=ddof) == pytest.approx(exact(a, b, ddof), abs=1e-11 * size(a, b))


@given(shapes, seeds, ranks)
@settings(max_examples=60, deadline=None)
def test_to_itself_it_is_zero(shape: tuple[int, int, int], seed: int, rank: str) -> None:
    a = rows(shape[0], shape[2], seed, rank)
    assert 0 <= frechet_distance(a, a) <= 1e-11 * size(a, a)
    assert frechet_distance(a, a[::-1].copy()) <= 1e-11 * size(a, a)


@given(shapes, seeds, ranks)
@settings(max_examples=60, deadline=None)
def test_symmetric_and_the_same_in_any_order_and_any_batches(shape: tuple[int, int, int], seed: int, rank: str) -> None:
    n, m, d = shape
    a, b = rows(n, d, seed, rank), rows(m, d, seed + 1)
    distance, close = frechet_distance(a, b), 1e-11 * size(a, b)
    assert frechet_distance(b, a) == pytest.approx(distance, abs=close)
    shuffled = np.random.default_rng(seed).permutation(a)
    assert frechet_distance(shuffled, b) == pytest.approx(distance, abs=close)
    moments = Moments(d)
    for part in np.array_split(a, 7):
        moments.update(part)
    assert frechet_distance(moments, b) == distance
    assert frechet_distance(moments, Moments.of(b)) == distance


@given(shapes, seeds, ranks, st.floats(-50, 50))
@settings(max_examples=60, deadline=None)
def test_moving_one_side_adds_the_square_of_the_move(
    shape: tuple[int, int, int], seed: int, rank: str, step: float
) -> None:
    n, m, d = shape
    a, b = rows(n, d, seed, rank, offset=0), rows(m, d, seed + 1, offset=0)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    move = step * np.random.default_rng(seed).standard_normal(d)
    expected = frechet_distance(a, b) + float(move @ move)
    assert frechet_distance(a, b + move) == pytest.approx(expected, abs=1e-10 * size(a, b + move))


def test_by_hand() -> None:
    """One dimension: (m1 - m2)^2 + (s1 - s2)^2."""
    a, b = np.array([[0.0], [2.0]]), np.array([[10.0], [16.0]])
    assert frechet_distance(a, b, ddof=0) == pytest.approx(12**2 + 2**2)
    assert frechet_distance(a, b, ddof=1) == pytest.approx(12**2 + 2 * 2**2)


def test_rows_that_are_all_the_same() -> None:
    a, b = np.ones((300, 4)), np.zeros((300, 4))
    assert frechet_distance(a, b) == 4
    assert frechet_distance(a[:3], b) == 4
    assert frechet_distance(a[:1], b, ddof=0) == 4


@pytest.mark.parametrize("condition", [1e4, 1e8, 1e12, 1e16])
@pytest.mark.parametrize("aligned", [True, False])
def test_ill_conditioned_covariances(condition: float, aligned: bool) -> None:
    """Where the spectrum is squared before the root, this is 1e-8 off."""
    d = 120
    random = np.random.default_rng(0)
    bases = [np.linalg.qr(random.standard_normal((d, d)))[0] for _ in range(2)]
    scales = condition ** (-0.5 * np.arange(d) / d)
    a = (random.standard_normal((300, d)) * scales) @ bases[0]
    b = (random.standard_normal((300, d)) * scales) @ bases[0 if aligned else 1]
    assert frechet_distance(a, b) == pytest.approx(exact(a, b), abs=1e-12 * size(a, b))


def test_equals_scipy_where_nothing_is_singular() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    a, b = rows(500, 24, 0), rows(300, 24, 1)
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    shift = a.mean(axis=0) - b.mean(axis=0)
    expected = shift @ shift + np.trace(s1 + s2 - 2 * linalg.sqrtm(s1 @ s2).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [500, 20])
def test_equals_torchmetrics_and_torch_fidelity(n: int) -> None:
    """Their formulas on the same statistics, n - 1; with fewer rows than dimensions theirs are 1e-7 off."""
    torch = pytest.importorskip("torch")
    torchmetrics = pytest.importorskip("torchmetrics.image.fid")
    fidelity = pytest.importorskip("torch_fidelity.metric_fid")
    a, b = rows(n, 32, 0).astype(np.float32), rows(n + 10, 32, 1).astype(np.float32)
    mu, sigma = [x.mean(axis=0, dtype=np.float64) for x in (a, b)], [np.cov(x.astype(float).T) for x in (a, b)]
    ours = frechet_distance(a, b, ddof=1)
    tensors = [torch.from_numpy(x) for x in (mu[0], sigma[0], mu[1], sigma[1])]
    assert float(torchmetrics._compute_fid(*tensors)) == pytest.approx(ours, rel=1e-6)
    statistics = [{"mu": m, "sigma": s} for m, s in zip(mu, sigma, strict=True)]
    theirs = fidelity.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert theirs == pytest.approx(ours, rel=1e-6)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="4 .real. and 5 .generated. dimensions"):
        frechet_distance(np.zeros((9, 4)), np.zeros((9, 5)))
    with pytest.raises(ValueError, match="at least 2 rows"):
        frechet_distance(np.zeros((1, 4)), np.zeros((9, 4)), ddof=1)
    with pytest.raises(ValueError, match="NaN or infinity in row 8 of 9"):
        frechet_distance(np.zeros((9, 4)), np.array([[0.0] * 4] * 8 + [[0, 0, np.nan, 0]]))


# Extrapolation to infinitely many rows.


def test_extrapolation_takes_most_of_the_bias_away() -> None:
    """Equal Gaussians, the real side of 20,000 rows: the distance is 0, and what is measured is bias."""
    random = np.random.default_rng(0)
    real = random.standard_normal((20_000, 32))
    plain, extrapolated = [], []
    for _ in range(6):
        generated = random.standard_normal((1000, 32))
        plain.append(frechet_distance(real, generated))
        extrapolated.append(frechet_extrapolated(real, generated).value)
    assert min(plain) > 0.2
    assert abs(float(np.mean(extrapolated))) < 0.15 * float(np.mean(plain))


def test_extrapolation_says_what_it_was_read_off() -> None:
    real, generated = rows(600, 8, 0), rows(500, 8, 1)
    fit = frechet_extrapolated(real, generated, points=5)
    assert fit.sizes == (50, 162, 275, 387, 500)
    assert fit.distances[-1] == pytest.approx(frechet_distance(real, generated), rel=1e-12)
    first = np.random.RandomState(42).permutation(500)[:50]  # a stream that never changes, so that no score does
    assert fit.distances[0] == pytest.approx(frechet_distance(real, generated[first]), rel=1e-12)
    assert frechet_extrapolated(real, generated[:100], points=3).sizes == (16, 58, 100), "two rows a dimension at least"
    slope, value = np.polyfit(1 / np.array(fit.sizes), fit.distances, 1)
    assert (fit.value, fit.slope) == (pytest.approx(value), pytest.approx(slope))
    assert frechet_extrapolated(Moments.of(real), generated, points=5) == fit, "to the last bit"
    assert frechet_extrapolated(real, generated, points=5, seed=1).value != fit.value


def test_too_few_rows_are_not_extrapolated() -> None:
    with pytest.raises(ValueError, match=r"2 sizes and 32 rows \(four per dimension\), got 15 and 31"):
        frechet_extrapolated(rows(99, 8, 0), rows(31, 8, 1))
    assert frechet_extrapolated(rows(99, 8, 0), rows(32, 8, 1)).sizes[-1] == 32
    with pytest.raises(ValueError, match="got 1 and 99"):
        frechet_extrapolated(rows(99, 8, 0), rows(99, 8, 1), points=1)
