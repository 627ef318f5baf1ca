"""The inception score stays within its bounds, and splits as the published code does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.metrics.inception_score import inception_score, shuffled
from i2vbench.metrics.moments import Matrix


def probabilities(n: int, classes: int, sharpness: float, seed: int) -> Matrix:
    logits = sharpness * np.random.default_rng(seed).standard_normal((n, classes))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))  # small ones become exactly 0
    return powers / powers.sum(axis=1, keepdims=True)


@given(st.integers(1, 80), st.integers(1, 12), st.floats(0, 500), st.integers(0, 99), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_between_one_and_the_number_of_classes(n: int, classes: int, sharpness: float, seed: int, splits: int) -> None:
    p = probabilities(n, classes, sharpness, seed)
    mean, deviation = inception_score(p, min(splits, n))
    assert 1 - 1e-12 <= mean <= classes + 1e-12
    assert 0 <= deviation < classes


@given(st.integers(10, 60), st.integers(2, 12), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_one_split_does_not_depend_on_the_order(n: int, classes: int, seed: int) -> None:
    p = probabilities(n, classes, 3, seed)
    assert inception_score(p, 1)[0] == pytest.approx(inception_score(p[::-1], 1, shuffle_seed=seed)[0], rel=1e-12)
    assert inception_score(p, 1)[1] == 0


def test_constant_predictions_score_one() -> None:
    assert inception_score(np.tile([0.5, 0.25, 0.25, 0], (40, 1))) == (1, 0)


def test_sure_and_even_predictions_score_the_number_of_classes() -> None:
    assert inception_score(np.tile(np.eye(4), (8, 1)), 1) == (pytest.approx(4), 0)


def test_splits_cover_every_row_once_and_differ_by_one_at_most() -> None:
    """Rows of one class and of another: each split's score says how many of each it has."""
    n, splits = 23, 10
    p = np.eye(2)[np.arange(n) % 2]
    order = shuffled(n, 42)
    scores = []
    for i in range(splits):
        share = p[order[i * n // splits : (i + 1) * n // splits]].mean(axis=0)
        scores.append(np.exp(-sum(q * np.log(q) for q in share if q > 0)))
    assert inception_score(p, splits) == (pytest.approx(np.mean(scores)), pytest.approx(np.std(scores)))


def test_the_shuffle_is_that_of_the_rows_themselves() -> None:
    p = probabilities(50, 3, 1, 0)
    by_rows = p.copy()
    np.random.RandomState(42).shuffle(by_rows)
    assert (p[shuffled(50, 42)] == by_rows).all()


@pytest.mark.parametrize(
    ("p", "splits", "sentence"),
    [
        (np.full((9, 2), 0.5), 10, "at least one row per split, got 9 rows and 10 splits"),
        (np.full((9, 2), 0.5), 0, "got 9 rows and 0 splits"),
        (np.array([[0.5, 0.5], [2.0, -1.0]]), 1, "row 1 has sum 1 and values from -1 to 2; are they logits?"),
        (np.array([[0.5, 0.5], [3.0, 1.0]]), 1, "row 1 has sum 4"),
        (np.array([[0.5, 0.5], [0.5, 0.502]]), 1, "row 1 has sum 1.002"),
        (np.array([[0.5, np.nan]]), 1, "NaN or infinity in row 0"),
        (np.zeros((0, 2)), 1, "got 0 rows"),
    ],
)
def test_what_is_refused(p: Matrix, splits: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("?", r"\?")):
        inception_score(p, splits)
