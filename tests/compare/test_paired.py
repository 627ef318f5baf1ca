"""Statistics of paired differences: against the literature, scipy, and what must hold of any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from i2vbench.compare.paired import (
    binomial_p,
    effect_size,
    holm,
    resampled_means,
    sign_flip_p,
    superiority,
)
from i2vbench.statistics import bootstrap_interval, resamples

DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], float)
"""Heights of crossed less self-fertilised plants in eighths of an inch, the example of Fisher (1935, section 21)."""

DIFFERENCES = st.lists(st.integers(-20, 20), min_size=2, max_size=40).map(lambda some: np.array(some, float))
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_fishers_example() -> None:
    p, exact = sign_flip_p(DARWIN, 100)
    assert exact
    assert p == 1726 / 2**15  # as he counts them: 0.0527


def test_all_signs_are_gone_through_up_to_16_differences() -> None:
    """Of differences of one sign none of the others adds up as far, on either side."""
    assert sign_flip_p(np.linspace(1, 2, 16), 100) == (2 / 2**16, True)
    assert not sign_flip_p(np.linspace(1, 2, 17), 100)[1]


@pytest.mark.parametrize("count", [3, 9, 12])
def test_few_differences_are_tested_as_scipy_tests_them(count: int) -> None:
    a, b = np.random.default_rng(count).normal(size=(2, count))
    found = stats.permutation_test(
        (a, b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", vectorized=True, n_resamples=1e6
    )
    assert sign_flip_p(a - b, 100) == (pytest.approx(found.pvalue), True)


def test_many_differences_are_tested_as_scipy_tests_them() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 200))
    differences = a - b + 0.15
    found = stats.permutation_test(
        (differences, np.zeros(200)),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=4000,
        rng=1,
    )
    p, exact = sign_flip_p(differences, 20_000)
    assert not exact
    assert p == pytest.approx(found.pvalue, abs=4 * np.sqrt(found.pvalue / 4000))
    # The normal limit of the same statistic.
    z = abs(differences.sum()) / np.sqrt((differences**2).sum())
    assert p == pytest.approx(2 * stats.norm.sf(z), abs=0.01)


@pytest.mark.parametrize(("some", "others"), [(0, 5), (7, 7), (3, 12), (86, 150), (900, 1020)])
def test_differences_of_one_size_are_mcnemars_exact_test(some: int, others: int) -> None:
    expected = stats.binomtest(some, some + others).pvalue
    assert binomial_p(some, others) == pytest.approx(expected, rel=1e-9)
    differences = np.array([1.0] * some + [-1.0] * others + [0.0] * 100)
    assert sign_flip_p(differences, 100) == (pytest.approx(expected, rel=1e-9), True)


def test_ten_thousand_pairs_of_one_size_have_a_p_value() -> None:
    assert binomial_p(4000, 6000) == pytest.approx(stats.binomtest(4000, 10_000).pvalue, rel=1e-6)


@given(DIFFERENCES, st.randoms())
@settings(max_examples=60, deadline=None)
def test_sign_flips_know_no_sides_no_order_and_no_unit(differences: np.ndarray, random: object) -> None:
    p, exact = sign_flip_p(differences, 200)
    assert 0 < p <= 1
    assert sign_flip_p(-differences, 200) == (p, exact)
    assert sign_flip_p(4 * differences, 200) == (p, exact)
    if exact:
        shuffled = list(differences)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert sign_flip_p(np.array(shuffled), 200) == (p, exact)


def test_no_difference_at_all_has_p_1() -> None:
    assert sign_flip_p(np.zeros(50), 100) == (1.0, True)


def test_a_drawn_p_is_never_below_one_in_all_draws() -> None:
    assert sign_flip_p(np.linspace(1, 2, 100), 999) == (1 / 1000, False)


def test_rounding_decides_no_tie() -> None:
    """0.1 + 0.2 is not 0.3: the flips that give the same sum are as far from 0 whatever the order of adding."""
    differences = np.array([0.1, 0.2, -0.3, 0.1, 0.2, 0.3, 0.1])
    tenths = np.array([1, 2, -3, 1, 2, 3, 1], float)
    assert sign_flip_p(differences, 100) == sign_flip_p(tenths, 100)


def test_p_values_are_uniform_where_there_is_no_difference() -> None:
    random = np.random.default_rng(5)
    found = [sign_flip_p(random.standard_t(3, size=30), 199, seed)[0] for seed in range(600)]
    for level in (0.05, 0.2, 0.5):
        share = np.mean(np.array(found) <= level)
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / 600)


def test_a_difference_of_half_a_deviation_is_found_in_60_samples() -> None:
    random = np.random.default_rng(6)
    found = [sign_flip_p(random.normal(0.5, 1, size=60), 199, seed)[0] for seed in range(100)]
    assert np.mean(np.array(found) <= 0.05) > 0.9  # a t-test's power is 0.97


def test_means_are_those_of_the_resamples_that_intervals_stand_on() -> None:
    values = np.random.default_rng(0).normal(size=777)
    expected = [values[chosen].mean() for chosen in resamples(777, 3000, seed=4)]
    assert np.allclose(resampled_means(values, 3000, seed=4), expected, atol=1e-12)


def test_the_interval_is_scipys_percentile_interval() -> None:
    values = np.random.default_rng(1).exponential(size=300)
    found = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=0).confidence_interval
    interval = bootstrap_interval(values.mean(), resampled_means(values, 20_000))
    assert (interval.low, interval.high) == pytest.approx((found.low, found.high), abs=0.005)


@given(DIFFERENCES)
@settings(max_examples=40, deadline=None)
def test_the_interval_turns_round_with_the_sides(differences: np.ndarray) -> None:
    there = bootstrap_interval(differences.mean(), resampled_means(differences, 200))
    back = bootstrap_interval(-differences.mean(), resampled_means(-differences, 200))
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=1e-9)


def test_the_effect_size_is_a_t_statistic_by_the_root_of_n() -> None:
    t = stats.ttest_1samp(DARWIN, 0).statistic  # 2.148, as Fisher has it
    assert effect_size(DARWIN) == pytest.approx(t / np.sqrt(15))
    assert t == pytest.approx(2.148, abs=5e-4)


def test_equal_differences_have_no_effect_size() -> None:
    assert effect_size(np.full(9, 0.1)) is None
    assert effect_size(np.array([0.3])) is None


def test_superiority_is_the_area_under_the_curve_of_signs() -> None:
    differences = np.array([3, 1, 0, 0, -2], float)
    assert superiority(2, 2, 1) == np.mean(np.sign(differences)) / 2 + 0.5


def test_holms_example() -> None:
    # 5 x .01, 4 x .02, 3 x .03; the last two may not be below the one before.
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.04, None, 0.01]) == [0.04, None, 0.02]
    assert holm([]) == []


@given(P_VALUES, st.randoms())
def test_holm_is_never_below_p_keeps_the_order_and_knows_no_positions(p_values: list[float], random: object) -> None:
    corrected = holm(p_values)
    pairs = sorted(zip(p_values, corrected, strict=True))  # type: ignore[type-var]
    assert all(p <= q <= min(1, len(p_values) * p) for p, q in pairs if q is not None)
    assert [q for _, q in pairs] == sorted(q for q in corrected if q is not None)
    order = list(range(len(p_values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert holm([p_values[i] for i in order]) == [corrected[i] for i in order]
