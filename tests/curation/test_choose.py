"""Best first, no two alike, not too many of one source: what is taken, and why the rest is not."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.curation import choose as module
from i2vbench.curation.choose import Candidate, Choice, choose, scaled_quotas

DEGREES = 10.5
"""Candidates of a category that are nearer are alike; they lie at whole degrees, so none is at the very border."""

TABLE_4 = {
    "Portrait": 663, "Animation-Static": 120, "Scenery-Nature": 500, "Music": 63, "Pet": 393, "Game": 61, "Food": 269,
    "Animal": 55, "Animation-Hard": 187, "Industry": 44, "Science": 180, "Painting": 40, "Sports": 149, "Others": 40,
    "Scenery-City": 138, "Vehicle": 30, "Drama": 19,
}  # fmt: skip


def candidate(id_: str, score: float, degrees: float = 0, category: str = "Pet", group: str = "") -> Candidate:
    angle = math.radians(degrees)
    features = np.array([math.cos(angle), math.sin(angle)], np.float32)
    return Candidate(id_, category, score, features, group or id_)


def cosine(one: Candidate, other: Candidate) -> float:
    return float(one.features.astype(float) @ other.features.astype(float))


ones = st.lists(
    st.builds(
        lambda score, degrees, category, group: candidate("?", score, degrees, category, f"channel {group}"),
        st.integers(0, 6).map(float),
        st.integers(0, 120),
        st.sampled_from(["Pet", "Food", "Drama"]),
        st.integers(0, 5),
    ),
    max_size=40,
).map(lambda made: [replace(one, id=f"clip-{i}") for i, one in enumerate(made)])
quotas = st.fixed_dictionaries({"Pet": st.integers(0, 9), "Food": st.integers(0, 3)})  # none of Drama


@settings(max_examples=150, deadline=None)
@given(ones, quotas, st.integers(1, 3), st.integers(1, 9), st.randoms(use_true_random=False))
def test_no_better_one_was_left_out(
    given_ones: list[Candidate], quota: dict[str, int], most: int, at_once: int, order: random.Random
) -> None:
    limit = math.cos(math.radians(DEGREES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", at_once)
        choice = choose(given_ones, quota, most, limit)
    by_id = {one.id: one for one in given_ones}
    chosen = [by_id[id_] for id_ in choice.chosen]
    assert sorted([*choice.chosen, *choice.reasons]) == sorted(by_id)
    assert chosen == sorted(chosen, key=lambda one: (-one.score, one.id))

    for category, count in Counter(one.category for one in chosen).items():
        assert count <= quota[category]
    assert max(Counter(one.group for one in chosen).values(), default=0) <= most
    pairs = [(a, b) for i, a in enumerate(chosen) for b in chosen[:i] if a.category == b.category]
    assert all(cosine(a, b) <= limit for a, b in pairs)

    for id_, reason in choice.reasons.items():
        one = by_id[id_]
        before = [other for other in chosen if (-other.score, other.id) < (-one.score, one.id)]
        same = [other for other in before if other.category == one.category]
        if reason.startswith("alike: "):
            other = by_id[reason.split()[3]]
            assert other in same
            assert cosine(one, other) == pytest.approx(max(cosine(one, any_) for any_ in same), abs=1e-6)
            assert cosine(one, other) > limit
        elif reason.startswith("source: "):
            assert reason == f"source: already {most} clip{'s' * (most > 1)} of {one.group}"
            assert sum(other.group == one.group for other in before) == most
        elif one.category not in quota or not quota[one.category]:
            assert reason == f"unwanted: no quota for {one.category}"
        else:
            assert reason == f"full: the quota of {one.category} is {quota[one.category]}"
            assert len(same) == quota[one.category]

    shuffled = list(given_ones)
    order.shuffle(shuffled)
    assert choose(shuffled, quota, most, limit) == choice


def test_each_reason_is_said() -> None:
    given_ones = [
        candidate("best", 9, 0, group="channel a"),
        candidate("twin", 8, 5, group="channel b"),
        candidate("second", 7, 40, group="channel a"),
        candidate("third", 6, 80, group="channel a"),
        candidate("fourth", 5, 120, group="channel c"),
        candidate("late", 4, 160, group="channel d"),
        candidate("dish", 8, 0, "Food"),
    ]
    choice = choose(given_ones, {"Pet": 3}, 2, 0.98)
    assert choice == Choice(
        ("best", "second", "fourth"),
        {
            "twin": "alike: too like best (cosine 0.996)",
            "dish": "unwanted: no quota for Food",
            "third": "source: already 2 clips of channel a",
            "late": "full: the quota of Pet is 3",
        },
    )


def test_those_alike_in_other_categories_and_equal_scores_are_taken_by_id() -> None:
    given_ones = [candidate("b", 1), candidate("a", 1), candidate("c", 1, category="Food")]
    choice = choose(given_ones, {"Pet": 5, "Food": 5}, 9, 0.9)
    assert choice.chosen == ("a", "c")
    assert choice.reasons == {"b": "alike: too like a (cosine 1.000)"}
    assert choose(given_ones, {"Pet": 5, "Food": 5}, 9, 1.1).chosen == ("a", "b", "c")


def test_a_source_counts_over_all_categories() -> None:
    given_ones = [candidate("a", 2, 0, "Pet", "video"), candidate("b", 1, 90, "Food", "video")]
    assert choose(given_ones, {"Pet": 5, "Food": 5}, 1, 0.9).reasons == {"b": "source: already 1 clip of video"}


def test_many_are_the_same_in_float16_and_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 candidates about 200 centres: a few hundred are taken, over several chunks."""
    numbers = np.random.default_rng(0)
    x = numbers.standard_normal((200, 32))[numbers.integers(200, size=3000)] + 0.3 * numbers.standard_normal((3000, 32))
    x /= np.linalg.norm(x, axis=1, keepdims=True)

    def made(dtype: type[np.floating]) -> list[Candidate]:
        return [
            Candidate(f"clip-{i}", ("Pet", "Food")[i % 2], float(i * 7919 % 3000), row.astype(dtype), f"{i % 900}")
            for i, row in enumerate(x)
        ]

    expected = choose(made(np.float32), {"Pet": 150, "Food": 400}, 1, 0.8)
    kinds = Counter(reason.split()[0] for reason in expected.reasons.values())
    assert set(kinds) == {"alike:", "source:", "full:"}
    assert min(kinds.values()) > 10
    assert len(set(expected.chosen) ^ set(choose(made(np.float16), {"Pet": 150, "Food": 400}, 1, 0.8).chosen)) < 4
    monkeypatch.setattr(module, "AT_ONCE", 1)
    assert choose(made(np.float32), {"Pet": 150, "Food": 400}, 1, 0.8).chosen == expected.chosen


def test_nothing_is_chosen_of_nothing() -> None:
    assert choose([], TABLE_4, 3, 0.9) == Choice((), {})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([candidate("a", 1), candidate("a", 2)], "two candidates have the id a"),
        ([candidate("a", math.nan)], "candidate a: expected a finite score, got nan"),
        ([replace(candidate("a", 1), features=np.zeros(2, np.float32))], "features of length 1, got 0"),
        ([replace(candidate("a", 1), features=np.full(2, math.nan))], "features of length 1, got nan"),
        ([candidate("b", 1), replace(candidate("a", 1), features=np.ones(1))], r"expected features \[2\], got \[1\]"),
    ],
)
def test_what_cannot_be_ranked_or_compared_is_refused(wrong: list[Candidate], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        choose(wrong, {"Pet": 5}, 1, 0.9)


@pytest.mark.parametrize(("quota", "most", "limit"), [(-1, 1, 0.9), (1, 0, 0.9), (1, 1, math.nan)])
def test_limits_that_mean_nothing_are_refused(quota: int, most: int, limit: float) -> None:
    with pytest.raises(ValueError, match="choice: expected quotas of 0 or more"):
        choose([candidate("a", 1)], {"Pet": quota}, most, limit)


def test_table_4_scaled() -> None:
    assert scaled_quotas(TABLE_4, 2951) == TABLE_4
    assert scaled_quotas(TABLE_4, 2 * 2951) == {name: 2 * count for name, count in TABLE_4.items()}
    assert set(scaled_quotas(TABLE_4, 17).values()) == {1}
    hundred = scaled_quotas(TABLE_4, 100)
    assert (hundred["Portrait"], hundred["Pet"], hundred["Drama"]) == (23, 13, 1)
    assert list(hundred) == list(TABLE_4)


def test_what_is_left_goes_to_the_largest_remainders_and_ties_to_the_first() -> None:
    assert scaled_quotas({"a": 1, "b": 1, "c": 1}, 5) == {"a": 2, "b": 2, "c": 1}
    assert scaled_quotas({"a": 50, "b": 30, "c": 20}, 7) == {"a": 4, "b": 2, "c": 1}  # 3.5, 2.1, 1.4
    assert scaled_quotas({"a": 1, "b": 0, "c": 99}, 3) == {"a": 1, "b": 0, "c": 2}
    assert scaled_quotas({"a": 1, "b": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 0}


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.integers(0, 700), min_size=1, max_size=17), st.integers(0, 4000))
def test_quotas_add_up_and_follow_the_counts(counts: dict[str, int], total: int) -> None:
    positive = [name for name, count in counts.items() if count]
    if not positive and total:
        with pytest.raises(ValueError, match="no category with a count above 0"):
            scaled_quotas(counts, total)
        return
    quota = scaled_quotas(counts, total)
    assert sum(quota.values()) == total
    assert list(quota) == list(counts)
    assert all(quota[name] == 0 for name in counts if not counts[name])
    if total >= len(positive):
        assert all(quota[name] >= 1 for name in positive)
    by_count = sorted(positive, key=lambda name: -counts[name])
    assert all(quota[a] >= quota[b] for a, b in pairwise(by_count) if counts[a] > counts[b])


def test_quotas_of_less_than_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="expected counts and a total of 0 or more"):
        scaled_quotas({"a": 1}, -1)
