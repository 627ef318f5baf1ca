"""Streaming statistics equal those of the whole array, however the rows arrive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.metrics.moments import MIN_BLOCK, Features, Matrix, Moments

LONG = 2 * MIN_BLOCK + 77
"""Rows enough for two whole blocks and a part of a third."""


def rows(n: int, d: int, seed: int = 0) -> Matrix:
    """Correlated features, far from zero."""
    random = np.random.default_rng(seed)
    return random.standard_normal((n, d)) @ random.standard_normal((d, d)) + 100 * random.standard_normal(d)


def streamed(features: Features, cuts: list[int]) -> Moments:
    moments = Moments(features.shape[1])
    for part in np.split(features, sorted(cuts)):
        moments.update(part)
    return moments


def assert_close(a: Moments, b: Moments) -> None:
    assert a.count == b.count
    size = np.abs(b.mean).max() + np.sqrt(b.covariance().max())
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-13, atol=1e-13 * size)
    np.testing.assert_allclose(a.covariance(), b.covariance(), rtol=1e-11, atol=1e-11 * b.covariance().max())


@given(st.integers(2, LONG), st.integers(1, 8), st.sampled_from([0, 1]))
@settings(max_examples=30, deadline=None)
def test_equals_numpy(n: int, d: int, ddof: int) -> None:
    features = rows(n, d)
    moments = Moments.of(features)
    np.testing.assert_allclose(moments.mean, features.mean(axis=0), rtol=1e-13, atol=1e-13 * np.abs(features).max())
    expected = np.cov(features, rowvar=False, ddof=ddof).reshape(d, d)
    np.testing.assert_allclose(moments.covariance(ddof), expected, rtol=1e-10, atol=1e-11 * expected.max())


@given(st.lists(st.integers(0, LONG), max_size=8), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_batches_do_not_change_a_bit(cuts: list[int], d: int) -> None:
    features = rows(LONG, d)
    whole, parts = Moments.of(features), streamed(features, cuts)
    assert parts.count == whole.count
    assert (parts.mean == whole.mean).all()
    assert (parts.covariance() == whole.covariance()).all()


@given(st.tuples(*[st.integers(1, LONG)] * 3), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_merging_is_associative_and_equals_one_pass(sizes: tuple[int, int, int], d: int) -> None:
    parts = [rows(n, d, seed) for seed, n in enumerate(sizes)]
    a, b, c = map(Moments.of, parts)
    whole = Moments.of(np.concatenate(parts))
    if whole.count > 1:
        assert_close(a.merge(b).merge(c), whole)
        assert_close(a.merge(b.merge(c)), whole)
        assert_close(c.merge(a).merge(b), whole)
    assert a.count == sizes[0], "merging leaves its parts as they are"


def test_reading_in_between_changes_nothing() -> None:
    features = rows(LONG, 3)
    moments = Moments(3)
    for part in np.array_split(features, 10):
        moments.update(part)
        if moments.count > 1:
            moments.covariance()
    assert (moments.covariance() == Moments.of(features).covariance()).all()


def test_an_offset_of_a_million_deviations_costs_nothing() -> None:
    features = np.random.default_rng(0).standard_normal((LONG, 4))
    shifted = Moments.of(features + 1e6)
    np.testing.assert_allclose(shifted.covariance(), Moments.of(features).covariance(), atol=1e-9)


def test_float32_features_are_summed_in_float64() -> None:
    features = (rows(LONG, 4) + 1e4).astype(np.float32)
    expected = np.cov(features.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(Moments.of(features).covariance(), expected, rtol=1e-11)


def test_rows_are_kept_up_to_a_block() -> None:
    features = rows(LONG, 3)
    moments = Moments(3)
    moments.update(features[: MIN_BLOCK - 1])
    assert moments.rows is not None
    assert (moments.rows == features[: MIN_BLOCK - 1]).all()
    moments.update(features[MIN_BLOCK - 1 :])
    assert moments.rows is None


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), "got NaN or infinity in row 1 of 2"),
        (np.array([[np.inf, 1.0]]), "got NaN or infinity in row 0 of 1"),
        (np.zeros((4, 3)), r"expected numbers \[n, 2\], got float64 \[4, 3\]"),
        (np.zeros(2), r"expected numbers \[n, 2\], got float64 \[2\]"),
        (np.array([["a", "b"]]), "got <U1"),
        (np.zeros((2, 2), complex), "got complex128"),
    ],
)
def test_what_is_refused_leaves_no_trace(features: Features, sentence: str) -> None:
    moments = Moments.of(np.eye(2))
    with pytest.raises(ValueError, match=sentence):
        moments.update(features)
    assert moments.count == 2
    assert (moments.covariance() == Moments.of(np.eye(2)).covariance()).all()


def test_too_few_rows_and_other_dimensions_are_refused() -> None:
    one = Moments.of(np.zeros((1, 2)))
    assert (one.covariance(ddof=0) == 0).all()
    with pytest.raises(ValueError, match="expected at least 2 rows .* got 1"):
        one.covariance(ddof=1)
    with pytest.raises(ValueError, match="expected at least 1 rows"):
        _ = Moments(2).mean
    with pytest.raises(ValueError, match="2 and of 3 dimensions cannot be merged"):
        one.merge(Moments(3))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Moments(0)
