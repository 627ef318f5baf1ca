"""Shares against counts by hand, and their intervals where raters differ."""

from __future__ import annotations

import numpy as np
import pytest

from i2vbench.human.report_words import without
from i2vbench.human.resampling import weight_blocks
from i2vbench.human.shares import Draws, Estimate, points_of, preferences_of, resampled, share_estimates, shares
from i2vbench.human.votes import Response
from i2vbench.leaderboards.published import numbers
from i2vbench.statistics import bootstrap_interval
from tests.human.simulated import answer, chosen_models, drawn_responses, study_of

DRAWS = Draws(400, 0)


def sides(responses: list[Response]) -> tuple[list[int], list[int]]:
    return [r.task.rater for r in responses], [r.task.item for r in responses]


def test_a_share_is_the_responses_that_chose_the_model_by_all_responses() -> None:
    study = study_of()
    said = [
        (1, 0, {"appearance": [0, 1], "motion": [2]}),
        (1, 1, {"appearance": [0], "motion": [2]}),
        (2, 0, {"appearance": [0, 1, 2], "motion": [0]}),
        (3, 4, {"appearance": [1], "motion": [2]}),
    ]
    responses = chosen_models(study, said)
    appearance, motion = (points_of("choice", 3, responses, question) for question in ("appearance", "motion"))
    assert shares(appearance, np.ones((1, 4)))[0].tolist() == [3 / 4, 3 / 4, 1 / 4]
    assert shares(motion, np.ones((1, 4)))[0].tolist() == [1 / 4, 0, 3 / 4]
    preferred = np.nansum(preferences_of(appearance), axis=0)
    assert preferred.tolist() == [[0, 2.0, 3.0], [2.0, 0, 3.0], [1.0, 1.0, 0]]


def test_in_pairs_a_share_is_of_the_models_own_comparisons_and_ties_count_half() -> None:
    shown = [((0, 1), (0,)), ((1, 0), ()), ((2, 1), (1,)), ((1, 2), (0,))]
    responses = [answer(1, n, n, pair, {"appearance": chosen}) for n, (pair, chosen) in enumerate(shown, 1)]
    points = points_of("pairs", 4, responses, "appearance")
    found = shares(points, np.array([[1, 1, 1, 1], [2, 0, 0, 1]]))
    assert found[:, :3].tolist() == [[1.5 / 2, 2.5 / 4, 0], [1, 1 / 3, 0]]
    assert np.isnan(found[:, 3]).all()
    estimates = share_estimates(points, [1, 1, 2, 3], [0, 1, 2, 2], DRAWS)
    assert [(one.n, one.raters) for one in estimates] == [(2, 1), (4, 3), (2, 2), (0, 0)]
    assert np.nansum(preferences_of(points), axis=0)[:2, :2].tolist() == [[0, 1.5], [0.5, 0]]


def test_intervals_know_that_raters_differ() -> None:
    """Of raters with tastes of their own, intervals that draw items alone are far too narrow."""
    study = study_of(items=60, questions=("motion",))
    responses = drawn_responses(study, raters=8, each=30, of_raters=1.0, of_items=0.3)
    points, (raters, items) = points_of("choice", 3, responses, "motion"), sides(responses)
    found = share_estimates(points, raters, items, DRAWS)
    by_items = np.concatenate(
        [shares(points, weights) for weights in weight_blocks([0] * len(items), items, DRAWS.replicates)]
    )
    drawn = [
        [float(np.average(points[:, m], weights=w)) if w.any() else np.nan for m in range(3)]
        for block in weight_blocks(raters, items, DRAWS.replicates, DRAWS.seed)
        for w in block
    ]
    for m, one in enumerate(found):
        assert (one.n, one.raters, one.note) == (240, 8, "")
        assert one.value is not None
        assert one.interval is not None
        alone = bootstrap_interval(one.value, by_items[:, m], samples=60)
        expected = bootstrap_interval(one.value, [some[m] for some in drawn], samples=8, bounds=(0, 1))
        assert (one.interval.low, one.interval.high) == pytest.approx((expected.low, expected.high))
        assert one.interval.high - one.interval.low > 1.5 * (alone.high - alone.low)
        assert 0 <= one.interval.low <= one.value <= one.interval.high <= 1


def test_of_few_raters_or_items_there_is_no_interval_but_a_reason() -> None:
    study = study_of(questions=("motion",))
    for raters, each, why in (
        (4, 10, "fewer than 5 raters"),
        (6, 4, "fewer than 5 items"),
        (1, 1, "5 raters and items"),
    ):
        responses = [r for r in drawn_responses(study, raters, 12) if r.task.item < each]
        points = points_of("choice", 3, responses, "motion")
        for one in share_estimates(points, *sides(responses), DRAWS):
            assert one.value is not None
            assert one.interval is None
            assert why in one.note
    five = [r for r in drawn_responses(study, 5, 12) if r.task.item < 5]
    points = points_of("choice", 3, five, "motion")
    assert all(one.interval for one in share_estimates(points, *sides(five), DRAWS))
    nobody = np.full((0, 2), np.nan)
    assert [one.note for one in share_estimates(nobody, [], [], DRAWS)] == ["no response is of it"] * 2


def test_reasons_say_what_they_are_of() -> None:
    there, few, none = Estimate(0.5), Estimate(0.5, note="few"), Estimate(None, note="none")
    assert without([("A", [("x", few), ("y", few)]), ("B", [("x", few), ("y", few)])]) == ["Few."]
    assert without([("A", [("x", few), ("y", few)]), ("B", [("x", none), ("y", there)])]) == [
        "A: few.",
        "B of x: none.",
    ]
    assert without([("", [("x", few), ("y", there), ("z", few)])]) == ["x, z: few."]


def test_one_of_the_papers_shares_is_none_of_1061_responses() -> None:
    """docs/paper-tables.md: 53.62, which is 569 of 1,061 cut and not rounded; three others are not cut."""
    printed = [number.text for number in numbers(1) if number.dataset == "Human evaluation"]
    rounded = {f"{100 * k / 1061:.2f}" for k in range(1062)}
    cut = {f"{10000 * k // 1061 / 100:.2f}" for k in range(1062)}
    assert [text for text in printed if text not in rounded] == ["53.62"]
    assert [text for text in printed if text not in cut] == ["9.43", "44.49", "36.76"]
    assert f"{100 * 569 / 1061:.3f}" == "53.629"


@pytest.mark.slow
def test_intervals_hold_the_share_of_all_raters_and_items() -> None:
    study = study_of(items=200, questions=("motion",))
    truth = shares(
        points_of("choice", 3, drawn_responses(study_of(items=2000, questions=("motion",)), 2000, 40), "motion"),
        np.ones((1, 80_000)),
    )[0]
    held = []
    for seed in range(100):
        responses = drawn_responses(study, raters=10, each=40, seed=seed + 1)
        found = share_estimates(points_of("choice", 3, responses, "motion"), *sides(responses), Draws(400, seed))
        held += [value in one.interval for value, one in zip(truth, found, strict=True) if one.interval]
    assert np.mean(held) > 0.93


def test_resampling_goes_over_all_replicates() -> None:
    found = resampled(lambda weights: weights.sum(axis=1, keepdims=True), [1, 1, 2], [0, 1, 1], Draws(450, 2))
    assert found.shape == (450, 1)
    assert set(found[:, 0]) > {0.0, 3.0, 4.0}
