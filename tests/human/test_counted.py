"""Which responses count: the rule that leaves raters out, and refusals of votes that are of no such study."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from math import comb
from pathlib import Path

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.human.counted import Checks, Rule, count_votes, open_votes, rater_names
from i2vbench.human.study import Study
from i2vbench.human.votes import Chosen, Response
from tests.human.simulated import answer, study_of, write_votes

CHOICE, PAIRS = study_of("choice"), study_of("pairs")


def both(*positions: int) -> Chosen:
    return {"appearance": positions, "motion": positions}


def plain(number: int, item: int, *positions: int, shown: tuple[int, ...] = (0, 1, 2)) -> Response:
    return answer(1, number, item, shown, both(*positions))


def broken(number: int, item: int, *positions: int) -> Response:
    """A check of choice, whose damaged video stands last."""
    return answer(1, number, item, (2, 1, 0), both(*positions), "broken", broken=2)


def repeat(number: int, of: Response, *positions: int) -> Response:
    shown = tuple(reversed(of.task.shown))
    return answer(1, number, of.task.item, shown, both(*positions), "repeat", repeats=of.task.number)


def test_checks_do_not_count_and_who_passes_them_is_kept() -> None:
    first = plain(1, 0, 0, 1)
    counted = count_votes(CHOICE, [first, broken(2, 1, 0), repeat(3, first, 2)])
    assert (counted.responses, dict(counted.left_out)) == ((first,), {})
    assert counted.checks == {1: Checks(broken_failed=0, broken=2, repeats_failed=0, repeats=2)}


def test_more_than_a_quarter_misled_by_damaged_videos_is_left_out() -> None:
    misled_once = {"appearance": (2,), "motion": (0,)}
    checks = [answer(1, 1, 1, (2, 1, 0), misled_once, "broken", broken=2), broken(2, 2, 0)]
    assert not count_votes(CHOICE, [*checks, plain(3, 0, 0)]).left_out  # 1 of 4
    worse = [checks[0], broken(2, 2, 0, 2), plain(3, 0, 0)]  # 3 of 4
    counted = count_votes(CHOICE, worse)
    assert counted.left_out == {1: "was misled by the damaged video in 3 of 4 answers"}
    assert counted.responses == ()
    assert len(count_votes(CHOICE, worse, keep_all=True).responses) == 1
    assert not count_votes(CHOICE, worse, Rule(broken=0.75)).left_out


def repeated(rater: int, *again: int) -> list[Response]:
    """Two tasks with model 0 chosen, and both once more."""
    shown = (0, 1, 2)
    first = [answer(rater, n, n, shown, both(0)) for n in (1, 2)]
    return first + [
        answer(rater, n + 2, n, shown, both(position), "repeat", repeats=n) for n, position in enumerate(again, 1)
    ]


def test_who_contradicts_themselves_more_than_others_do_is_left_out() -> None:
    steady, wild = repeated(1, 0, 0), repeated(2, 1, 2)
    assert count_votes(CHOICE, steady + wild).left_out == {
        2: "contradicted the first answer in 4 of 4 answers to repeated tasks (the others: 0%)"
    }
    assert not count_votes(CHOICE, steady + repeated(2, 1)).left_out  # 2 of 2 tell nothing
    assert not count_votes(CHOICE, steady + repeated(2, 0, 1)).left_out  # 2 of 4
    assert not count_votes(CHOICE, wild).left_out  # nobody to be held to
    assert [*count_votes(CHOICE, steady + wild + repeated(3, 0, 0) + repeated(4, 0, 1)).left_out] == [2]  # the median
    assert [*count_votes(CHOICE, steady + wild + repeated(3, 1)).left_out] == [2]  # of those who repeated enough


def test_where_models_are_alike_nobody_is_left_out_for_contradictions() -> None:
    assert not count_votes(CHOICE, [r for rater in (1, 2, 3) for r in repeated(rater, 1, 2)]).left_out
    most = [r for rater in (1, 2, 3) for r in repeated(rater, 0, 1)] + repeated(4, 1, 2)
    assert not count_votes(CHOICE, most).left_out  # all of theirs, half of the others': not more than twice as much


def test_in_pairs_a_tie_with_a_damaged_video_fails_and_a_tie_with_oneself_contradicts_nothing() -> None:
    def check(number: int, item: int, *positions: int) -> Response:
        return answer(1, number, item, (0, 0), both(*positions), "broken", broken=1)

    assert count_votes(PAIRS, [check(1, 0, 0)]).checks[1].broken_failed == 0
    assert count_votes(PAIRS, [check(1, 0)]).checks[1].broken_failed == 2
    assert count_votes(PAIRS, [check(1, 0, 1)]).checks[1].broken_failed == 2
    first = plain(1, 0, 0, shown=(0, 1))
    for positions, contradicting in (((0,), 2), ((1,), 0), ((), 0)):
        counted = count_votes(PAIRS, [first, repeat(2, first, *positions)])
        assert counted.checks[1] == Checks(repeats_failed=contradicting, repeats=2)


def left_out_share(
    study: Study, choose: Callable[[np.random.Generator], tuple[int, ...]], raters: int, seed: int = 0
) -> float:
    """Of raters who answer at random, with three damaged and two repeated tasks, beside two who are careful."""
    random = np.random.default_rng(seed)
    left_out = 0
    width = len(study.models)
    rater = 3
    careful = [
        answer(one, number + 2 * again, number, tuple(range(width)), both(0), *(["repeat", None, number] * again))
        for one in (1, 2)
        for again in (0, 1)
        for number in (1, 2)
    ]
    for _ in range(raters):
        shown = [tuple(random.permutation(width).tolist()) for _ in range(5)]

        def chosen() -> Chosen:
            return {question.id: choose(random) for question in study.questions}

        firsts = [answer(rater, number, number, shown[number - 1], chosen()) for number in (1, 2)]
        damaged = [
            answer(rater, 3 + k, 2 + k, shown[2 + k], chosen(), "broken", broken=shown[2 + k].index(0))
            for k in range(3)
        ]
        repeats = [answer(rater, 6 + k, k + 1, shown[k][::-1], chosen(), "repeat", repeats=k + 1) for k in range(2)]
        left_out += rater in count_votes(study, [*careful, *firsts, *damaged, *repeats]).left_out
    return left_out / raters


def test_who_clicks_at_random_is_left_out_as_often_as_the_docs_say() -> None:
    study = study_of(models=("a", "b", "c", "d", "e"))

    def more_than(number: int, count: int, probability: float) -> float:
        """That of `count` answers more than `number` fail."""
        return sum(
            comb(count, k) * probability**k * (1 - probability) ** (count - k) for k in range(number + 1, count + 1)
        )

    computed = 1 - (1 - more_than(1, 6, 1 / 5)) * (1 - more_than(2, 4, 4 / 5))
    assert computed == pytest.approx(0.88, abs=0.005)  # docs/human-report.md
    found = left_out_share(study, lambda random: (int(random.integers(5)),), 500)
    assert found == pytest.approx(computed, abs=4 * np.sqrt(computed * (1 - computed) / 500))
    assert left_out_share(study, lambda random: tuple(range(5)), 20) == 1


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (plain(1, 12, 0), "there is no item 12"),
        (plain(1, -1, 0), "there is no item -1"),
        (plain(1, 0, 0, shown=(0, 1, 3)), r"models \[0, 1, 3\], but there are 3"),
        (plain(1, 0, 0, shown=(0, 1, 1)), "not what a task in mode choice shows"),
        (plain(1, 0, 0, shown=(0, 1)), "not what a task in mode choice shows"),
        (plain(1, 0, 3), r"appearance: positions \[3\] chosen, of 3 shown"),
        (plain(1, 0, 1, 1), "positions"),
        (plain(1, 0), "positions"),
        (answer(1, 1, 0, (0, 1, 2), {"appearance": (0,)}), "answers to appearance, but it asks appearance, motion"),
        (answer(1, 1, 0, (0, 1, 2), {**both(0), "text": (0,)}), "but it asks"),
        (answer(1, 1, 0, (0, 1, 2), both(0), "broken", broken=1), "damaged video is not its item's"),
        (answer(1, 1, 0, (0, 1, 2), both(0), "broken"), "damaged video is not its item's"),
        (answer(1, 1, 0, (0, 1, 2), both(0), "repeat", repeats=1), "does not repeat an earlier answer"),
    ],
)
def test_votes_of_another_study_are_refused(response: Response, words: str) -> None:
    with pytest.raises(UserError, match=f"does not fit study.json: rater 1, task 1: .*{words}"):
        count_votes(CHOICE, [response])


def test_in_pairs_two_videos_are_shown_and_one_at_most_is_chosen() -> None:
    for response in (plain(1, 0, 0), plain(1, 0, 0, 1, shown=(0, 1)), plain(1, 0, 0, shown=(1, 1))):
        with pytest.raises(UserError, match="does not fit"):
            count_votes(PAIRS, [response])


def test_a_task_answered_twice_is_refused() -> None:
    with pytest.raises(UserError, match="counts something twice: rater 1, task 2"):
        count_votes(CHOICE, [plain(1, 0, 0), plain(2, 0, 0, shown=(2, 1, 0))])


def test_votes_are_read_back_and_nicknames_are_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    responses = [plain(1, 0, 0, 1), broken(2, 1, 0)]
    write_votes(folder, CHOICE, responses, ["Ann", "Ann", "rater 3", ""])
    study, found = open_votes(folder)
    assert study == CHOICE
    assert [(r.task, r.chosen) for r in found] == [(r.task, r.chosen) for r in responses]
    assert rater_names(folder) == {1: "Ann (rater 1)", 2: "Ann (rater 2)", 3: "rater 3", 4: "rater 4"}


@pytest.mark.parametrize("chosen", ["[1]", "{", '{"appearance": 0}', "null"])
def test_damaged_votes_are_told_in_a_sentence(tmp_path: Path, chosen: str) -> None:
    folder = write_votes(tmp_path, CHOICE, [plain(1, 0, 0)])
    with sqlite3.connect(folder / "votes.sqlite") as db:
        db.execute("UPDATE task SET chosen = ?", (chosen,))
    with pytest.raises(UserError, match="damaged"):
        open_votes(folder)


def test_models_are_what_stands_at_the_positions_chosen() -> None:
    shown = replace(plain(1, 0, 0, 2).task, shown=(2, 0, 1))
    assert Response(shown, both(0, 2), 1.0, 0).models("motion") == {2, 1}
