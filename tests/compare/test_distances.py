"""Metrics with one number for all clips: p-values of resamples, and why not of swaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.compare.distances import with_equal_seeds
from i2vbench.compare.paired import resample_p
from i2vbench.metrics.base import Metric
from i2vbench.metrics.fvd import FVD
from i2vbench.statistics import bootstrap_interval
from i2vbench.tables.intervals import BySample, replicate
from i2vbench.types import Measurement
from tests.tables.metrics_for_tests import Distance

LEVELS = (0.05, 0.2)


def measured(rows: np.ndarray, seeds: int = 1) -> dict[str, list[Measurement]]:
    return {f"s{i}": [Measurement(f"s{i}", "fvd", features=row)] * seeds for i, row in enumerate(rows)}


def test_a_sample_has_as_many_clips_on_both_sides() -> None:
    """Twice as many clips make a distance smaller of themselves."""
    rows = np.random.default_rng(1).normal(size=(3, 2))
    a, b = with_equal_seeds(measured(rows, seeds=3), measured(rows[:2], seeds=2))
    assert list(a) == list(b) == ["s0", "s1"]
    assert {len(some) for some in (*a.values(), *b.values())} == {2}


def test_p_by_hand() -> None:
    replicates = np.arange(1.0, 500.0)  # 499 of them, with mean 250
    assert resample_p(250.0, replicates) == 2 / 500
    assert resample_p(248.0, replicates) == 2 / 500  # drawing alone may put their mean there
    assert resample_p(200.0, replicates) == 2 * 51 / 500  # moved by -50: 50 of them are at most 0
    assert resample_p(0.0, replicates) == 1
    assert resample_p(250.0, np.append(replicates, np.nan)) == 2 * 2 / 501  # no number speaks for nothing
    assert resample_p(10.0, np.full(9, np.nan)) == 1
    assert resample_p(0.0, np.zeros(50)) == 1


def test_p_of_few_resamples_is_of_their_standard_error() -> None:
    replicates = np.array([1.0, 2.0, 3.0])  # a deviation of 1, wherever they lie
    assert resample_p(1.959964, replicates) == pytest.approx(0.05, abs=1e-6)
    assert resample_p(-1.959964, replicates) == pytest.approx(0.05, abs=1e-6)
    assert resample_p(100.0, replicates) == 1e-4  # no normal tail is believed so far out
    assert resample_p(5.0, np.full(3, 5.0)) == 2 / 4  # no deviation: counted


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=50), st.floats(-5, 5))
def test_p_knows_no_sides(replicates: list[float], difference: float) -> None:
    assert resample_p(difference, np.array(replicates)) == resample_p(-difference, -np.array(replicates))


@pytest.mark.parametrize("count", [100, 999])
def test_p_is_below_5_percent_where_the_interval_leaves_out_0(count: int) -> None:
    random = np.random.default_rng(0)
    for difference in np.linspace(-4, 4, 41):
        replicates = random.normal(difference + 0.3, 1, size=count)
        # To one replicate, which is what p counts in.
        if (p := resample_p(difference, replicates)) not in (0.048, 0.05, 0.052):
            assert (p < 0.05) == (0 not in bootstrap_interval(difference, replicates))


def clips(trial: int, count: int, shift: float, shift_b: float | None = None) -> list[BySample]:
    """Of A, of B and the real ones, in four dimensions; A and B are like the real clip of their sample, and off it by
    as much (or B by `shift_b`), each along an axis of its own."""
    random = np.random.default_rng(trial)
    real = random.normal(size=(count, 4))
    a, b = (0.7 * real + 0.5**0.5 * random.normal(size=(count, 4)) for _ in range(2))
    a[:, 0] += shift
    b[:, 1] += shift if shift_b is None else shift_b
    return [measured(some) for some in (a, b, real)]


def by_resamples(metric: Metric, some: list[BySample], replicates: int, seed: int) -> float:
    a, b, real = some
    cells = replicate(metric, [a, b], real, replicates, seed)
    return resample_p(difference(metric, a, b, real), cells[0] - cells[1])


def by_swaps(metric: Metric, some: list[BySample], replicates: int, seed: int) -> float:
    """What is not done: clips of random samples change sides."""
    a, b, real = some
    random, observed, as_far = np.random.default_rng(seed), abs(difference(metric, a, b, real)), 0
    for _ in range(replicates):
        swapped = dict(zip(a, random.random(len(a)) < 0.5, strict=True))
        ours, theirs = ({s: (y if swapped[s] else x)[s] for s in a} for x, y in ((a, b), (b, a)))
        as_far += abs(difference(metric, ours, theirs, real)) >= observed - 1e-9
    return (as_far + 1) / (replicates + 1)


def difference(metric: Metric, a: BySample, b: BySample, real: BySample) -> float:
    x, y = (metric.aggregate([m[0] for m in some.values()], [m[0] for m in real.values()]).value for some in (a, b))
    assert x is not None
    assert y is not None
    return float(x - y)


@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_no_difference_is_found_no_more_often_than_the_level_says(shift: float) -> None:
    """Of equal models (0), and of models that differ and are as far from the real clips (0.6)."""
    p = np.array([by_resamples(Distance(), clips(i, 25, shift), 39, i) for i in range(100)])
    for level in (0.1, 0.3):
        assert np.mean(p <= level) <= level + 3 * np.sqrt(level * (1 - level) / 100)


def test_a_difference_is_found() -> None:
    p = np.array([by_resamples(Distance(), clips(i, 40, 0.0, 1.0), 99, i) for i in range(30)])
    assert np.mean(p <= 0.05) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_swaps_find_differences_of_distances_that_are_not_there(shift: float) -> None:
    """Why p-values of distances are made of resamples; the figures are those of docs/compare.md."""
    rejected = []
    for test, replicates in ((by_resamples, 400), (by_resamples, 100), (by_swaps, 39)):
        p = np.array([test(FVD(), clips(i, 40, shift), replicates, i) for i in range(200)])
        rejected.append([float(np.mean(p <= level)) for level in LEVELS])
    resamples, errors, swaps = rejected
    print(
        f"shift {shift}, levels {LEVELS}: of true nulls, 400 resamples reject {resamples}, 100 {errors}, swaps {swaps}"
    )
    for level, *shares in zip(LEVELS, resamples, errors, strict=True):
        assert max(shares) <= level
    assert (swaps[0] > 0.1) == (shift > 0)
