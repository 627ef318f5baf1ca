"""Krippendorff's alpha of votes, against published examples and the definition."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from i2vbench.human.agreement import agreement, alpha, share_alike, value_counts
from i2vbench.human.shares import Draws, points_of
from i2vbench.human.votes import Response
from tests.human.simulated import answer, drawn_responses, study_of

DRAWS = Draws(400, 0)


def defined(units: Sequence[Sequence[int]], ordinal: bool) -> float:
    """Alpha by its definition (Krippendorff 2011): disagreement observed in units by that of all values there are."""
    units = [unit for unit in units if len(unit) > 1]
    pool = [value for unit in units for value in unit]
    times = {value: pool.count(value) for value in pool}

    def differ(a: int, b: int) -> float:
        if not ordinal:
            return float(a != b)
        low, high = sorted((a, b))
        between = sum(n for value, n in times.items() if low <= value <= high)
        return float(between - (times[a] + times[b]) / 2) ** 2 if a != b else 0.0

    observed = sum(sum(differ(a, b) for a, b in itertools.permutations(u, 2)) / (len(u) - 1) for u in units) / len(pool)
    expected = sum(differ(a, b) for a, b in itertools.permutations(pool, 2)) / (len(pool) * (len(pool) - 1))
    return 1 - observed / expected


def test_the_definition_gives_the_published_numbers() -> None:
    """Krippendorff 2011, examples B to D: four observers, twelve units, missing values."""
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[int(o[i]) for o in observers if o[i] != "."] for i in range(12)]
    assert defined(units, ordinal=False) == pytest.approx(0.743, abs=5e-4)
    assert defined(units, ordinal=True) == pytest.approx(0.815, abs=5e-4)


def test_two_raters_who_choose_one_model_or_not_are_krippendorffs_binary_example() -> None:
    """Krippendorff 2011, example A: Meg and Owen, ten articles, alpha 0.095; they agree on 6 of 10."""
    meg, owen = "0100000010", "1110010000"
    responses = [
        answer(rater, item + 1, item, (0,), {"motion": (0,) if said == "1" else ()})
        for rater, line in enumerate((meg, owen), 1)
        for item, said in enumerate(line)
    ]
    points = points_of("choice", 1, responses, "motion")
    found = agreement("choice", points, [r.task.item for r in responses], DRAWS)
    assert found.alpha == pytest.approx(0.095, abs=5e-4)
    assert (found.alike, found.units, found.items, found.note) == (0.6, 10, 10, "")
    assert found.interval is not None
    assert found.alpha in found.interval
    assert found.interval.low < 0, "worse than by chance, which alpha can be"
    twice = agreement("choice", np.repeat(points, 2, axis=1), [r.task.item for r in responses], DRAWS)
    assert twice.units == 20
    width, expected = (one.interval.high - one.interval.low for one in (twice, found) if one.interval)
    assert width == pytest.approx(expected, rel=0.05), "of 10 items, whatever their videos are counted as"


def pair_units(responses: Sequence[Response], order: Sequence[int]) -> list[list[int]]:
    """What each rater said of the same two videos, -1, 0 or 1, both ways round."""
    units: dict[tuple[int, ...], list[int]] = {}
    for response in responses:
        shown, chosen = response.task.shown, response.chosen["motion"]
        said = 0 if not chosen else (1 if chosen == (0,) else -1)
        first, second = sorted(shown, key=order.index)
        units.setdefault((response.task.item, first, second), []).append(said if shown[0] == first else -said)
    return [[way * said for said in unit] for unit in units.values() for way in (1, -1)]


def test_alpha_of_pairs_is_ordinal_and_knows_no_order_of_models() -> None:
    study = study_of("pairs", items=8)
    responses = drawn_responses(study, raters=9, each=8)
    points = points_of("pairs", 3, responses, "motion")
    items = [r.task.item for r in responses]
    found = agreement("pairs", points, items, DRAWS)
    assert found.alpha == pytest.approx(defined(pair_units(responses, (0, 1, 2)), ordinal=True))
    assert found.alpha == pytest.approx(defined(pair_units(responses, (2, 0, 1)), ordinal=True))
    turned = agreement("pairs", points[:, [2, 0, 1]], items, DRAWS)
    assert turned.alpha == pytest.approx(found.alpha)


def test_alpha_of_choice_is_nominal_over_videos() -> None:
    study = study_of(items=10)
    responses = drawn_responses(study, raters=5, each=7)
    units: dict[tuple[int, int], list[int]] = {}
    for r in responses:
        for model in range(3):
            units.setdefault((r.task.item, model), []).append(int(model in r.models("motion")))
    several = [unit for unit in units.values() if len(unit) > 1]
    found = agreement("choice", points_of("choice", 3, responses, "motion"), [r.task.item for r in responses], DRAWS)
    assert found.alpha == pytest.approx(defined(several, ordinal=False))
    assert found.units == len(several)
    pairs = [a == b for unit in several for a, b in itertools.combinations(unit, 2)]
    assert found.alike == pytest.approx(np.mean(pairs))


def test_full_agreement_is_1_and_the_interval_too() -> None:
    shown = [answer(rater, n, n, (0, 1), {"motion": (n % 2,)}) for rater in (1, 2, 3) for n in range(1, 7)]
    for mode in ("choice", "pairs"):
        found = agreement(mode, points_of(mode, 2, shown, "motion"), [r.task.item for r in shown], DRAWS)  # type: ignore[arg-type]
        assert (found.alpha, found.alike) == (1.0, 1.0)
        assert found.interval is not None
        assert (found.interval.low, found.interval.high) == (1.0, 1.0)


def test_what_cannot_be_computed_says_why() -> None:
    def of(mode: str, responses: Sequence[Response]) -> tuple[float | None, str]:
        points = points_of(mode, 2, responses, "motion")  # type: ignore[arg-type]
        found = agreement(mode, points, [r.task.item for r in responses], DRAWS)  # type: ignore[arg-type]
        return found.alpha, found.note

    alone = [answer(1, n, n, (0, 1), {"motion": (0,)}) for n in range(1, 5)]
    assert of("choice", alone) == (None, "nothing was shown to two raters")
    same = [answer(rater, n, n, (0, 1), {"motion": (0, 1)}) for rater in (1, 2) for n in range(6)]
    assert of("choice", same) == (None, "all videos were chosen, or none")
    ties = [answer(rater, n, n, (0, 1), {"motion": ()}) for rater in (1, 2) for n in range(6)]
    assert of("pairs", ties) == (None, "all answers are ties")
    few, enough = (
        [answer(rater, n, n, (0, 1), {"motion": (n % 2,)}) for rater in (1, 2) for n in range(items)]
        for items in (4, 5)
    )
    assert of("choice", few) == (1.0, "no interval: fewer than 5 items with two raters")
    assert of("choice", enough) == (1.0, "")


def test_counts_are_of_units_in_the_order_of_items() -> None:
    points = np.array([[1.0, 0.0, np.nan], [np.nan, 0.5, 0.5], [0.0, 1.0, np.nan]])
    counts, items = value_counts("pairs", points, [7, 2, 7])
    assert items.tolist() == [2, 7]
    assert counts.tolist() == [[0, 1, 0], [1, 0, 1]]
    assert share_alike(counts[1:]) == 0
    assert alpha("pairs", counts[1:]) < 0
