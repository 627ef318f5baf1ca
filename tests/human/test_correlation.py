"""Rank correlations, win ratios and agreement are what they are called, with ties, gaps and weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from i2vbench.human.correlation import agreement, by_line, others_agreement, pooled, signs, wins, within
from i2vbench.human.votes_per_clip import Ballots, ballots_of, clip_scores, scores_by_others
from i2vbench.statistics import spearman
from tests.human.judged import quality, responses_of, study_of

FEW = st.integers(0, 3)  # so that there are ties


def grids(lines: int, models: int) -> st.SearchStrategy[list[list[int]]]:
    return st.lists(st.lists(FEW, min_size=models, max_size=models), min_size=lines, max_size=lines)


def same(ours: float, theirs: float) -> bool:
    return (math.isnan(ours) and math.isnan(theirs)) or math.isclose(ours, theirs, abs_tol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 9).flatmap(lambda n: grids(2, n)))
@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_rho_and_tau_are_scipys(sides: list[list[int]]) -> None:
    theirs = float(stats.kendalltau(*sides).statistic)
    found = by_line(*(np.array([side], dtype=float) for side in sides))
    assert same(float(found.tau[0]), theirs)
    assert same(float(found.rho[0]), spearman(*sides))


@settings(max_examples=40, deadline=None)
@given(grids(4, 3), grids(4, 3), st.lists(st.integers(0, 3), min_size=4, max_size=4))
@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_a_weight_is_a_repetition(ours: list[list[int]], theirs: list[list[int]], times: list[int]) -> None:
    x, y, weights = np.array(ours, float), np.array(theirs, float)[None], np.array([times], float)
    again = [np.repeat(side, times, axis=0) for side in (x, y[0])]
    everywhere = pooled(x, y, weights)
    flat = [side.ravel().tolist() for side in again]
    rho, tau = (spearman(*flat), stats.kendalltau(*flat).statistic) if any(times) else (math.nan, math.nan)
    assert same(float(everywhere.rho[0]), rho)
    assert same(float(everywhere.tau[0]), float(tau))
    inside, count = within(x, y, weights)
    single = [spearman(a, b) for a, b in zip(*again, strict=True)]
    there = [one for one in single if not math.isnan(one)]
    assert same(float(inside.rho[0]), float(np.mean(there)) if there else math.nan)
    assert count == sum(t > 0 and not math.isnan(spearman(a, b)) for a, b, t in zip(x, y[0], times, strict=True))


def test_models_that_nobody_compared_are_left_out_of_their_line() -> None:
    ours, theirs = np.array([[5.0, 1.0, 2.0, 3.0]]), np.array([[[np.nan, 0.0, 0.5, 1.0]]])
    assert within(ours, theirs, np.ones((1, 1)))[0].rho[0] == pytest.approx(1)
    assert pooled(ours, theirs, np.ones((1, 1))).tau[0] == pytest.approx(1)


def test_win_ratios_by_hand() -> None:
    """Two samples, three models: A beats B and C twice; B beats C once, and ties with it once."""
    score, comparisons = wins(np.array([[0.9, 0.5, 0.1], [0.9, 0.3, 0.3]]))
    assert (score.sum(0) / comparisons.sum(0)).tolist() == [1.0, 1.5 / 4, 0.5 / 4]
    pairs, of_pairs = wins(np.array([[1.0, np.nan, 0.0], [0.5, 0.5, np.nan]]))  # two were shown at a time
    assert pairs.sum(0).tolist() == [1.5, 0.5, 0.0]
    assert of_pairs.sum(0).tolist() == [2.0, 1.0, 1.0]


def test_agreement_by_hand() -> None:
    """They prefer A to B and to C, and have B and C level; we prefer A to B, have A and C level, and B over C."""
    agreed, preferred = agreement(signs(np.array([[2.0, 1.0, 2.0]])), signs(np.array([[1.0, 0.0, 0.0]])))
    assert (agreed.tolist(), preferred.tolist()) == ([1.5], [2.0])


def test_a_clips_score_is_its_share_of_what_it_could_have() -> None:
    ballots = Ballots(
        raters=np.array([0, 1, 0]),
        items=np.array([0, 0, 1]),
        points=np.array([[1.0, 0.0, np.nan], [0.5, np.nan, 0.5], [np.nan, 1.0, 0.0]]),
        rater_ids=np.array([1, 2]),
        item_ids=np.array([3, 9]),
    )
    scores = clip_scores(ballots, np.array([[1.0, 1, 1], [2, 1, 0]]))
    np.testing.assert_allclose(scores[0], [[0.75, 0, 0.5], [np.nan, 1, 0]])
    np.testing.assert_allclose(scores[1], [[2.5 / 3, 0, 0.5], [np.nan] * 3])
    others = scores_by_others(ballots, np.ones((1, 3)))[0]
    np.testing.assert_allclose(others, [[0.5, np.nan, np.nan], [1, np.nan, np.nan], [np.nan] * 3])


def test_raters_are_compared_with_others_and_never_with_themselves() -> None:
    """Two raters who always choose different videos: drawn twice, neither agrees with their own copy."""
    points = np.array([[1.0, 0.0], [0.0, 1.0]] * 3)
    ballots = Ballots(np.array([0, 1] * 3), np.repeat(np.arange(3), 2), points, np.arange(2), np.arange(3))
    times = np.array([[1.0, 1.0], [2.0, 1.0]])
    assert others_agreement(ballots, times, np.ones((2, 3))).tolist() == [0, 0]
    inside, _ = within(points, scores_by_others(ballots, times[:, ballots.raters]), times[:, ballots.raters])
    assert inside.rho.tolist() == pytest.approx([-1, -1])


def test_responses_become_points_of_the_models_shown() -> None:
    study = study_of(4, mode="pairs")
    responses = responses_of(study, quality(4), raters=2, each=4)
    ballots = ballots_of(study, responses, "appearance")
    assert ballots.items.tolist() == sorted(ballots.items.tolist())
    assert ballots.shown.sum(axis=1).tolist() == [2] * 8
    assert np.nansum(ballots.points, axis=1).tolist() == [1.0] * 8  # a tie is half a win for both
