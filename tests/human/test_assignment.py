"""Who is shown what: balance, checks, and an end."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.human.assignment import APART, draw, total
from i2vbench.human.study import Study
from i2vbench.human.votes import Allotted, Task
from tests.human.studies import study_of


def play(study: Study, turns: Iterable[int]) -> list[Task]:
    """The tasks that raters are allotted who come in this order; a rater who is done is passed over."""
    tasks: list[Task] = []
    plain = Counter[tuple[int, tuple[int, ...]]]()
    of: dict[int, list[Task]] = {}
    for rater in turns:
        mine = of.setdefault(rater, [])
        task = draw(study, rater, Allotted(mine, plain))
        if task is None:
            assert len(mine) == total(study)
            continue
        assert (task.rater, task.number) == (rater, len(mine) + 1)
        mine.append(task)
        tasks.append(task)
        if task.kind == "plain":
            plain[task.item, task.shown] += 1
    return tasks


def spread(counts: Counter[Any], keys: Iterable[object]) -> int:
    """The largest less the smallest of the counts of these."""
    some = [counts[key] for key in keys]
    return max(some) - min(some)


def by_rater(tasks: Iterable[Task]) -> dict[int, list[Task]]:
    of: dict[int, list[Task]] = {}
    for task in tasks:
        of.setdefault(task.rater, []).append(task)
    return of


def plain_of(tasks: Iterable[Task]) -> list[Task]:
    return [task for task in tasks if task.kind == "plain"]


studies = st.builds(
    lambda items, models, broken, **changes: _without(study_of(items, models, **changes), broken),
    items=st.integers(1, 14),
    models=st.integers(2, 6),
    broken=st.sampled_from(["all", "some", "none"]),
    mode=st.sampled_from(["choice", "pairs"]),
    per_rater=st.integers(1, 14),
    checks=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]),
    seed=st.integers(0, 3),
)


def _without(study: Study, broken: str) -> Study:
    kept = {"all": len(study.items), "some": 2, "none": 0}[broken]
    items = tuple(item if i < kept else replace(item, broken=None) for i, item in enumerate(study.items))
    return replace(study, items=items)


@settings(max_examples=50, deadline=None)
@given(study=studies, turns=st.lists(st.integers(1, 4), max_size=40))
def test_every_rater_gets_as_many_tasks_as_told_and_no_item_twice(study: Study, turns: list[int]) -> None:
    everybody = sorted({*turns}) or [1]
    order = [*turns, *(rater for rater in everybody for _ in range(study.per_rater + 1))]
    tasks = play(study, order)
    assert tasks == play(study, order), "the same votes go on in the same way"
    count = total(study)
    num_checks = int(study.checks * count + 0.5)
    for mine in by_rater(tasks).values():
        assert len(mine) == count
        plain = plain_of(mine)
        assert len({task.item for task in plain}) == len(plain)
        assert count == study.per_rater or len(plain) == len(study.items)
        assert count - len(plain) == min(num_checks, max(0, (count - 1) // 2))
        check_checks(study, mine)


def check_checks(study: Study, mine: Sequence[Task]) -> None:
    assert mine[0].kind == "plain"
    pairs = study.mode == "pairs"
    for task in mine:
        item = study.items[task.item]
        if task.kind == "broken":
            assert task.broken is not None
            assert task.shown[task.broken] == item.broken
            assert sorted(task.shown) == ([item.broken] * 2 if pairs else list(range(len(study.models))))
        else:
            assert task.broken is None
            assert len({*task.shown}) == len(task.shown) == (2 if pairs else len(study.models))
        if task.kind == "repeat":
            assert task.repeats is not None
            first = mine[task.repeats - 1]
            assert task.repeats < task.number
            assert (first.kind, first.item, {*first.shown}) == ("plain", task.item, {*task.shown})
            assert all(now != then for now, then in zip(task.shown, first.shown, strict=True)), "a new order"
        else:
            assert task.repeats is None
    checked = [task.item for task in mine if task.kind != "plain"]
    assert len({*checked}) == len(checked), "an item is in one check at most"


@pytest.mark.parametrize("mode", ["choice", "pairs"])
def test_checks_are_of_both_kinds_at_places_that_differ(mode: Any) -> None:
    study = study_of(100, 4, mode=mode, per_rater=50, checks=0.1)
    places = set()
    seconds = Counter[int]()
    for rater in range(1, 13):
        mine = play(study, [rater] * 60)
        check_checks(study, mine)
        checks = [task for task in mine if task.kind != "plain"]
        assert len(checks) == 5
        assert all(one.kind != other.kind for one, other in itertools.pairwise(checks))
        assert all(task.number - (task.repeats or 0) >= APART for task in checks if task.kind == "repeat")
        unseen = [task for task in checks if task.kind == "broken"]
        assert not {t.item for t in unseen} & {t.item for t in plain_of(mine)}, (
            "no item is spoilt while there are others"
        )
        seconds.update(task.broken for task in unseen if task.broken is not None)
        places.add(tuple(task.number for task in checks))
    assert len(places) == 12
    assert len(seconds) == (2 if mode == "pairs" else 4), "the damaged video stands everywhere"


@settings(max_examples=20, deadline=None)
@given(study=studies, raters=st.integers(1, 8))
def test_items_are_shown_equally_often_by_raters_one_after_another(study: Study, raters: int) -> None:
    tasks = plain_of(play(study, [rater for rater in range(raters) for _ in range(study.per_rater)]))
    assert spread(Counter(task.item for task in tasks), range(len(study.items))) <= 1


@settings(max_examples=20, deadline=None)
@given(
    mode=st.sampled_from(["choice", "pairs"]),
    seed=st.integers(0, 9),
    turns=st.lists(st.integers(1, 12), min_size=1, max_size=200),
)
def test_items_are_shown_equally_often_by_raters_at_once_who_stop_anywhere(
    mode: Any, seed: int, turns: list[int]
) -> None:
    tasks = plain_of(play(study_of(40, 3, mode=mode, per_rater=20, seed=seed), turns))
    assert spread(Counter(task.item for task in tasks), range(40)) <= 1


@pytest.mark.parametrize("num", [2, 3, 5, 8])
def test_models_stand_everywhere_equally_often_in_choices(num: int) -> None:
    study = study_of(60, num, per_rater=20, checks=0.1)
    tasks = plain_of(play(study, list(range(1, 14)) * 17))
    places = list(itertools.product(range(num), range(num)))
    for mine in by_rater(tasks).values():
        for end in range(1, len(mine) + 1):
            assert spread(Counter(p for task in mine[:end] for p in enumerate(task.shown)), places) <= 1
    assert spread(Counter(p for task in tasks for p in enumerate(task.shown)), places) <= 5
    assert len({task.shown for task in tasks}) >= min(math.factorial(num), 3 * num), "not always the same few orders"


@pytest.mark.parametrize("num", [2, 3, 5])
def test_pairs_are_balanced_over_items_raters_and_sides(num: int) -> None:
    study = study_of(30, num, mode="pairs", per_rater=25, checks=0.0)
    tasks = play(study, list(range(1, 13)) * 25)
    pairs = list(itertools.combinations(range(num), 2))
    of_item = Counter((task.item, tuple(sorted(task.shown))) for task in tasks)
    for item in range(30):
        assert spread(of_item, [(item, pair) for pair in pairs]) <= 1
    assert spread(Counter(tuple(sorted(task.shown)) for task in tasks), pairs) <= 2
    for one, other in pairs:
        assert abs(Counter(t.shown for t in tasks)[one, other] - Counter(t.shown for t in tasks)[other, one]) <= 6
    for mine in by_rater(tasks).values():
        assert spread(Counter(tuple(sorted(task.shown)) for task in mine), pairs) <= 3
        for model in range(num):
            sides = Counter(task.shown.index(model) for task in mine if model in task.shown)
            assert spread(sides, (0, 1)) <= 2


def test_far_more_tasks_than_there_are_samples_take_no_time() -> None:
    assert [total(study_of(100, 2, per_rater=10**15, checks=checks)) for checks in (0.0, 0.1, 0.9)] == [100, 111, 199]


def test_what_is_drawn_depends_on_the_seed_and_the_rater() -> None:
    drawn = {
        (seed, rater): tuple((t.kind, t.item, t.shown) for t in play(study_of(50, 5, seed=seed), [rater] * 10))
        for seed in (0, 1)
        for rater in (1, 2)
    }
    assert len({*drawn.values()}) == 4
