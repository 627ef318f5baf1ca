"""Intervals hold what they are about as often as they say, and stay where the number can be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from i2vbench.metrics.resampled import frechet_replicates, ratios
from i2vbench.statistics import Interval, around, bootstrap_interval, resamples, student_quantile
from i2vbench.types import Measurement


@pytest.mark.parametrize("freedom", [4, 5, 9, 30, 2000])
def test_students_quantile_is_scipys(freedom: int) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(t.ppf(0.975, freedom), rel=5e-4)


def test_percentiles_by_hand() -> None:
    replicates = np.arange(1001) / 1000  # 0.025 and 0.975 are its percentiles
    interval = bootstrap_interval(0.7, replicates)
    assert (interval.low, interval.high) == pytest.approx((0.7 - 0.475, 0.7 + 0.475))
    assert 0.7 in interval
    assert 1.2 not in interval


def test_replicates_are_moved_where_drawing_does_not_explain_that_they_are_off() -> None:
    """Of 3 in 9 clips resamples have 0, 1, ... 9: the ends are such shares, and 0 among them is 0."""
    counts = np.random.default_rng(0).multinomial(9, [1 / 9] * 9, 1000)
    shares = counts[:, :3].sum(axis=1) / 9
    assert shares.mean() != pytest.approx(1 / 3, abs=1e-4)  # the noise of the draws
    interval = bootstrap_interval(1 / 3, shares, samples=9)
    assert interval.low == 0
    assert interval.high * 9 == pytest.approx(round(interval.high * 9))
    off = bootstrap_interval(1 / 3, shares + 0.1, samples=9)
    assert (off.low, off.high) == pytest.approx((interval.low, interval.high), abs=0.02)


def test_replicates_may_be_off_by_four_standard_errors_of_their_mean() -> None:
    replicates = np.tile([-1.0, 1.0], 200)  # a mean of 0 with a standard error of 1/20
    assert (around(0.19, replicates) == replicates).all()
    assert around(0.21, replicates).mean() == pytest.approx(0.21)
    assert around(-0.21, replicates).mean() == pytest.approx(-0.21)


def test_few_replicates_give_standard_errors() -> None:
    replicates = [1.0, 2.0, 3.0]
    interval = bootstrap_interval(5.0, replicates)
    assert (interval.low, interval.high) == pytest.approx((5 - 1.959964, 5 + 1.959964))
    widened = bootstrap_interval(5.0, replicates, samples=5)  # Student's interval, with the deviation divided by n
    assert widened.high - 5 == pytest.approx(t.ppf(0.975, 4) * math.sqrt(5 / 4), rel=1e-3)


def test_from_400_replicates_on_the_ends_are_percentiles() -> None:
    """Of a skewed number they lie at unequal distances from it, as those of a standard error do not."""
    enough = np.arange(400.0) ** 2
    for some, is_skewed in ((enough, True), (enough[:399], False)):
        value = float(some.mean())
        interval = bootstrap_interval(value, some)
        assert (interval.high - value == pytest.approx(value - interval.low)) != is_skewed
    assert bootstrap_interval(float(enough.mean()), enough).low == pytest.approx(np.quantile(enough, 0.025), rel=1e-3)


def test_an_interval_holds_its_ends() -> None:
    assert all(end in Interval(0.0, 1.0) for end in (0.0, 1.0))


def test_what_has_no_replicates_has_no_interval() -> None:
    assert math.isnan(bootstrap_interval(1.0, [math.nan, 1.0]).low)
    assert bootstrap_interval(1.5, [math.nan, 1.0, math.inf, 2.0]) == bootstrap_interval(1.5, [1.0, 2.0])
    same = bootstrap_interval(0.5, [0.5] * 1000, samples=8)
    assert (same.low, same.high) == (0.5, 0.5)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30),
    st.integers(2, 500),
    st.integers(0, 99),
)
@settings(max_examples=80, deadline=None)
def test_an_interval_stays_in_bounds_around_its_number(values: list[float], replicates: int, seed: int) -> None:
    means = [float(np.mean(np.array(values)[chosen])) for chosen in resamples(len(values), replicates, seed)]
    value = float(np.mean(values))
    interval = bootstrap_interval(value, means, samples=len(values), bounds=(0.0, 1.0))
    assert 0 <= interval.low <= interval.high <= 1
    if replicates < 400:
        assert interval.low - 1e-12 <= value <= interval.high + 1e-12


def share(hits: list[bool]) -> float:
    return sum(hits) / len(hits)


def counts_of(random: np.random.Generator, samples: int, replicates: int) -> np.ndarray:
    return random.multinomial(samples, [1 / samples] * samples, replicates)


@pytest.mark.parametrize(("samples", "least"), [(8, 0.92), (40, 0.925)])
def test_coverage_of_a_mean(samples: int, least: float) -> None:
    random = np.random.default_rng(samples)
    hits, plain = [], []
    for _ in range(400):
        values = random.normal(0.8, 0.1, samples)
        means = ratios(values, np.ones(samples), counts_of(random, samples, 500))
        hits.append(0.8 in bootstrap_interval(float(values.mean()), means, samples=samples))
        plain.append(0.8 in bootstrap_interval(float(values.mean()), means))
    assert least < share(hits) < 0.98
    if samples == 8:
        assert share(plain) < 0.91  # what the widening is for


def test_coverage_of_pooled_frames_whose_seeds_belong_together() -> None:
    """Three seeds of a sample are as good as one: drawn by clips the interval would be far too narrow."""
    random = np.random.default_rng(3)
    hits, by_clips = [], []
    for _ in range(150):
        p = random.beta(2, 1, 60)  # 2/3 in the mean
        frames = random.choice([8, 16], (60, 3))
        successes = np.minimum(np.round(p[:, None] * frames), frames)
        value = successes.sum() / frames.sum()
        by_sample = ratios(successes.sum(axis=1), frames.sum(axis=1), counts_of(random, 60, 400))
        by_clip = ratios(successes.ravel(), frames.ravel(), counts_of(random, 180, 400))
        hits.append(2 / 3 in bootstrap_interval(value, by_sample, samples=60))
        by_clips.append(2 / 3 in bootstrap_interval(value, by_clip, samples=180))
    assert 0.9 < share(hits) < 0.99
    assert share(by_clips) < 0.8


def test_coverage_of_a_frechet_distance_of_gaussians() -> None:
    """Of two dimensions, so that 150 clips hardly bias it: of each, means 0.5 apart and deviations 0.3."""
    random, hits, raw = np.random.default_rng(5), [], []
    distance = 2 * 0.5**2 + 2 * 0.3**2
    for _ in range(40):
        real, ours = random.standard_normal((150, 2)), random.standard_normal((150, 2)) * 1.3 + 0.5
        sides = [[[Measurement("s", "m", features=row)] for row in rows] for rows in (ours, real)]
        counts = np.vstack([np.ones((1, 150), int), counts_of(random, 150, 100)])
        value, *found = frechet_replicates(*sides, counts, ddof=1)
        hits.append(distance in bootstrap_interval(value, found, samples=150, bounds=(0, math.inf)))
        raw.append(np.mean(found) > value)
    assert 0.85 <= share(hits) <= 1
    assert share(raw) > 0.9  # replicates lie above the distance that they are about


def test_near_zero_a_distances_interval_ends_there() -> None:
    interval = bootstrap_interval(0.1, np.linspace(0, 1, 1000), bounds=(0.0, math.inf))
    assert interval == Interval(0.0, pytest.approx(0.575))
