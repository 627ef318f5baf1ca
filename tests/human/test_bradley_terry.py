"""Bradley and Terry's scores against scipy's optimiser and closed forms; where there are none, why."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from i2vbench.human.bradley_terry import are_finite, score_estimates, scores, why_infinite
from i2vbench.human.shares import Array, Draws, points_of, preferences_of, resampled
from i2vbench.statistics import bootstrap_interval
from tests.human.simulated import answer, drawn_responses, study_of

NAMES = ("a", "b", "c", "d")
DRAWS = Draws(400, 0)


def matrix(count: int, **wins: float) -> Array:
    """Wins by "ab": a over b."""
    found = np.zeros((count, count))
    for pair, number in wins.items():
        found[NAMES.index(pair[0]), NAMES.index(pair[1])] = number
    return found


def by_scipy(wins: Array) -> Array:
    def loss(found: Array) -> float:
        return float((wins * np.logaddexp(0, found[None, :] - found[:, None])).sum())

    best = minimize(loss, np.zeros(len(wins)), method="BFGS", options={"gtol": 1e-8}).x
    return np.asarray(best - best.mean())


@given(st.integers(2, 6), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0]))
@settings(max_examples=25, deadline=None)
def test_scores_are_of_the_greatest_likelihood(models: int, seed: int, shown: float) -> None:
    random = np.random.default_rng(seed)
    wins = random.integers(0, 20, (models, models)) / 2 * (random.random((models, models)) < shown)
    np.fill_diagonal(wins, 0)
    (found,) = scores(wins[None])
    if why_infinite(wins, "abcdef"[:models]):
        assert np.isnan(found).all()
    else:
        assert found == pytest.approx(by_scipy(wins), abs=1e-3)
        expected = 1 / (1 + np.exp(found[None, :] - found[:, None]))
        assert ((wins + wins.T) * expected).sum(axis=1) == pytest.approx(wins.sum(axis=1), abs=1e-6)  # its condition


@pytest.mark.parametrize(("won", "lost"), [(3, 1), (10, 10), (0.5, 99.5), (1000, 0.5)])
def test_two_models_have_the_log_odds(won: float, lost: float) -> None:
    (found,) = scores(matrix(2, ab=won, ba=lost)[None])
    assert found == pytest.approx([math.log(won / lost) / 2, -math.log(won / lost) / 2], abs=1e-8)


def test_scores_do_not_depend_on_what_stands_beside_them_or_on_the_order() -> None:
    random = np.random.default_rng(0)
    wins = random.integers(0, 9, (20, 4, 4)) * (1 - np.eye(4))
    order = [2, 0, 3, 1]
    found = scores(wins)
    assert np.isnan(found[:, 0]).tolist() == (~are_finite(wins)).tolist()
    assert np.allclose(np.concatenate([scores(one[None]) for one in wins]), found, equal_nan=True)
    assert np.allclose(scores(wins[:, order][:, :, order]), found[:, order], equal_nan=True)


@pytest.mark.parametrize(
    ("wins", "why"),
    [
        (matrix(2, ab=3), "a won every comparison with b"),
        (matrix(3, ab=1, ba=1, ca=2, cb=2), "c won every comparison with a, b"),
        (matrix(4, ab=1, ba=1, cd=1, dc=1, ca=2), "c, d won every comparison with a, b"),
        (matrix(4, ab=1, ba=1, cd=1, dc=1), "a, b and c, d were never compared, nor by way of others"),
        (matrix(3, ab=1, ba=1), "a, b and c were never compared, nor by way of others"),
        (matrix(3, ab=1, bc=1, ca=1), ""),
    ],
)
def test_where_there_are_no_finite_scores_it_says_why(wins: Array, why: str) -> None:
    assert why_infinite(wins, NAMES[: len(wins)]) == why
    assert bool(are_finite(wins[None])[0]) is not bool(why)


def test_scores_of_a_study_have_intervals_and_order_the_models() -> None:
    study = study_of("pairs", items=40, questions=("motion",))
    responses = drawn_responses(study, raters=10, each=40, quality=(1.5, 0.0, -1.5))
    preferences = preferences_of(points_of("pairs", 3, responses, "motion"))
    sides = [r.task.rater for r in responses], [r.task.item for r in responses]
    found = score_estimates(preferences, *sides, study.models, DRAWS)
    values = [one.value for one in found]
    assert values == sorted(values, reverse=True)  # type: ignore[type-var]
    assert sum(values) == pytest.approx(0, abs=1e-9)  # type: ignore[arg-type]
    assert found[0].interval is not None
    assert found[2].interval is not None
    assert found[0].interval.low > found[2].interval.high
    assert values[0] in found[0].interval
    flat = np.nan_to_num(preferences).reshape(len(responses), -1)
    drawn = resampled(lambda w: scores((w @ flat).reshape(-1, 3, 3)), *sides, DRAWS)
    assert found[1].interval == bootstrap_interval(values[1] or 0, drawn[:, 1], samples=10)


def test_scores_that_most_resamples_have_not_have_no_interval() -> None:
    """Of 36 comparisons `wins` are of the other model, by as many raters; they are lost with their raters or items."""
    for wins, share in ((6, ""), (4, "3.2%"), (1, "56.0%")):
        responses = [
            answer(rater, item + 1, item, (0, 1), {"motion": (int(rater == item + 1 <= wins),)})
            for rater in range(1, 7)
            for item in range(6)
        ]
        preferences = preferences_of(points_of("pairs", 2, responses, "motion"))
        sides = [r.task.rater for r in responses], [r.task.item for r in responses]
        for one in score_estimates(preferences, *sides, ("a", "b"), DRAWS):
            assert abs(one.value or 0) == pytest.approx(math.log((36 - wins) / wins) / 2)
            assert (one.interval is None) == bool(share)
            assert one.note == (f"no interval: {share} of the resamples have no finite scores" if share else "")
    for one in score_estimates(preferences[6:], sides[0][6:], sides[1][6:], ("a", "b"), DRAWS):
        assert (one.value, one.note) == (None, "no scores: a won every comparison with b")
