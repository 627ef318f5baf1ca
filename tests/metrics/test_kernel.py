"""The kernel distance is unbiased, and equals torch-fidelity's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.metrics import kernel
from i2vbench.metrics.kernel import kernel_distance
from i2vbench.metrics.moments import Matrix


def rows(n: int, d: int, seed: int, shift: float = 0.0) -> Matrix:
    return np.random.default_rng([seed, n]).standard_normal((n, d)) + shift


def by_loops(a: Matrix, b: Matrix) -> float:
    """The definition, pair by pair."""

    def k(x: Matrix, y: Matrix) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    def within(rows: Matrix) -> float:
        pairs = [k(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return sum(pairs) / len(pairs)

    across = [k(x, y) for x in a for y in b]
    return within(a) + within(b) - 2 * sum(across) / len(across)


@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 5), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_is_its_definition_whatever_the_tiles(n: int, m: int, d: int, chunk: int) -> None:
    a, b = rows(n, d, 0), rows(m, d, 1, 0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "CHUNK", chunk)
        assert kernel_distance(a, b) == pytest.approx(by_loops(a, b), rel=1e-10, abs=1e-10)


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_and_sides_is_nothing_to_it(n: int, m: int, seed: int) -> None:
    a, b = rows(n, 6, seed), rows(m, 6, seed + 1, 1)
    distance = kernel_distance(a, b)
    shuffled = np.random.default_rng(seed).permutation(a)
    assert kernel_distance(shuffled, b) == pytest.approx(distance, rel=1e-9, abs=1e-9)
    assert kernel_distance(b, a) == pytest.approx(distance, rel=1e-9, abs=1e-9)


def test_unbiased() -> None:
    """Halves of one distribution, whatever their size: 0 on average, below it about as often as above."""
    for n in (20, 200):
        distances = np.array([kernel_distance(rows(n, 8, 2 * i), rows(n, 8, 2 * i + 1)) for i in range(200)])
        assert abs(distances.mean()) < 4 * distances.std() / np.sqrt(200)
        assert 60 < (distances < 0).sum() < 160


def test_larger_where_the_distributions_are_further_apart() -> None:
    a = rows(300, 8, 0)
    distances = [kernel_distance(a, rows(300, 8, 1, shift)) for shift in (0, 0.5, 1, 2)]
    assert distances == sorted(distances)
    assert distances[1] > 10 * abs(distances[0])


def test_equals_torch_fidelity() -> None:
    torch = pytest.importorskip("torch")
    fidelity = pytest.importorskip("torch_fidelity.metric_kid")
    a, b = rows(150, 16, 0), rows(120, 16, 1, 0.3)
    theirs = fidelity.kid_features_to_metric(
        torch.from_numpy(a), torch.from_numpy(b), kid_subsets=20, kid_subset_size=50, verbose=False
    )
    expected = theirs["kernel_inception_distance_mean"], theirs["kernel_inception_distance_std"]
    draws = np.random.RandomState(2020)  # its own
    estimates = []
    for _ in range(20):
        real, generated = (some[draws.choice(len(some), 50, replace=False)] for some in (a, b))
        estimates.append(kernel_distance(real, generated))
    assert (np.mean(estimates), np.std(estimates)) == pytest.approx(expected, rel=1e-9)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 rows on each side, got 9 real and 1 generated"):
        kernel_distance(rows(9, 4, 0), rows(1, 4, 1))
    with pytest.raises(ValueError, match=r"\[n, 4\], got float64 \[9, 5\]"):
        kernel_distance(rows(9, 4, 0), rows(9, 5, 1))
    with pytest.raises(ValueError, match="NaN"):
        kernel_distance(rows(9, 4, 0), np.full((9, 4), np.nan))
