"""Resampled raters and items, against all draws of a small design one by one."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from i2vbench.human import resampling
from i2vbench.human.resampling import Weights, weight_blocks

RATERS, ITEMS = [4, 4, 9, 9, 9], [0, 7, 0, 7, 8]
"""Two raters, three items; one response is missing."""


def each_weights(replicates: int, seed: int) -> Weights:
    return np.concatenate(list(weight_blocks(RATERS, ITEMS, replicates, seed)))


def all_weights() -> Counter[tuple[int, ...]]:
    """Of each of the 2^2 3^3 equally likely draws."""
    found: Counter[tuple[int, ...]] = Counter()
    for raters in itertools.product((4, 9), repeat=2):
        for items in itertools.product((0, 7, 8), repeat=3):
            found[tuple(raters.count(r) * items.count(i) for r, i in zip(RATERS, ITEMS, strict=True))] += 1
    return found


def test_weights_are_as_likely_as_all_draws_say() -> None:
    expected, times = all_weights(), 20_000
    found = Counter(tuple(map(int, weights)) for weights in each_weights(times, seed=3))
    assert set(found) == set(expected)
    total = expected.total()
    chi2 = sum((found[w] - times * n / total) ** 2 / (times * n / total) for w, n in expected.items())
    freedom = len(expected) - 1
    assert chi2 < freedom + 4 * np.sqrt(2 * freedom)


def test_equal_seeds_give_equal_weights_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = each_weights(50, seed=1)
    monkeypatch.setattr(resampling, "_BLOCK", 35)
    blocks = list(weight_blocks(RATERS, ITEMS, 50, seed=1))
    assert [len(block) for block in blocks] == [7] * 7 + [1]
    assert np.array_equal(np.concatenate(blocks), whole)
    assert not np.array_equal(whole, each_weights(50, seed=2))


def test_the_variance_of_a_balanced_mean_is_owens() -> None:
    """Of raters who all answer all items: what raters' means, items' means and the rest each add (Owen 2007)."""
    random = np.random.default_rng(0)
    raters, items = 12, 15
    values = random.normal(size=raters)[:, None] + random.normal(size=items) + random.normal(size=(raters, items))
    whose, of = (side.ravel().tolist() for side in np.indices(values.shape))
    weights = np.concatenate(list(weight_blocks(whose, of, 4000)))
    means = (weights @ values.ravel()) / weights.sum(axis=1)
    by_rater, by_item = values.mean(axis=1), values.mean(axis=0)
    rest = values - by_rater[:, None] - by_item + values.mean()
    expected = by_rater.var() / raters + by_item.var() / items + rest.var() / (raters * items)
    assert means.var() == pytest.approx(expected, rel=0.1)
