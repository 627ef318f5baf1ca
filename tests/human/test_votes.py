"""What is saved: once, whole, changeable, and the same to whoever opens the file again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.human.assignment import draw
from i2vbench.human.votes import Allotted, Task, Votes
from tests.human.studies import study_of

STUDY = study_of()
FIRST = {"appearance": (0,), "motion": (1, 2)}
OTHER = {"appearance": (3,), "motion": (1,)}


@pytest.fixture
def votes(tmp_path: Path) -> Iterator[Votes]:
    with Votes(tmp_path) as made:
        made.invite(2)
        yield made


def allot(votes: Votes, rater: int = 1) -> Task:
    task = votes.allot(rater, partial(draw, STUDY, rater))
    assert task is not None
    return task


def test_a_task_stays_the_next_until_it_is_answered(votes: Votes) -> None:
    first = allot(votes)
    assert allot(votes) == first == votes.tasks(1)[0]
    votes.save(1, 1, FIRST)
    assert allot(votes).number == 2
    assert [response.task for response in votes.responses()] == [first]
    with pytest.raises(KeyError):
        votes.save(1, 3, FIRST)
    with pytest.raises(KeyError):
        votes.save(2, 1, FIRST)


def test_an_answer_may_be_changed_back_and_forth(votes: Votes, tmp_path: Path) -> None:
    allot(votes)
    for number, chosen in enumerate((FIRST, OTHER, OTHER, FIRST, FIRST, OTHER)):
        votes.save(1, 1, chosen)
        (response,) = votes.responses()
        assert response.chosen == chosen == votes.answer(1, 1)
        assert response.changes == (0, 1, 1, 2, 2, 3)[number], "the same again is no change"
    with Votes(tmp_path, read_only=True) as others:
        assert others.responses() == votes.responses()


def test_tabs_that_come_at_once_get_one_task(votes: Votes) -> None:
    got: list[Task] = []
    tabs = [threading.Thread(target=lambda: got.append(allot(votes))) for _ in range(8)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert len(got) == 8
    assert {task.number for task in got} == {1}
    assert len(votes.tasks()) == 1


def test_a_task_is_drawn_from_all_plain_tasks_there_are(votes: Votes) -> None:
    seen: list[Allotted] = []
    for rater in (1, 2):
        allot(votes, rater)
        votes.save(rater, 1, FIRST)
    assert votes.allot(2, lambda allotted: seen.append(allotted)) is None
    one, two = votes.tasks()
    assert seen == [Allotted([two], {(one.item, one.shown): 1, (two.item, two.shown): 1})]


def test_enrolment_ends_at_its_limit_whatever_comes_at_once(votes: Votes) -> None:
    got: list[object] = []
    some = [threading.Thread(target=lambda: got.append(votes.enrol(3))) for _ in range(8)]
    for one in some:
        one.start()
    for one in some:
        one.join()
    assert got.count(None) == 5
    assert [rater.origin for rater in votes.raters()] == ["invited"] * 2 + ["enrolled"] * 3
    assert len({rater.token for rater in votes.raters()}) == 5
    votes.invite(4)
    votes.invite(1)
    assert [rater.origin for rater in votes.raters()].count("invited") == 4


def test_when_a_rater_was_last_seen(votes: Votes) -> None:
    assert votes.last_seen() == {}
    votes.consent(1, "x")
    consented = votes.last_seen()
    assert [*consented] == [1]
    allot(votes)
    votes.save(1, 1, FIRST)
    assert votes.last_seen()[1] > consented[1]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_only_the_owner_reads_the_links(votes: Votes, tmp_path: Path) -> None:
    votes.consent(1, "x")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("votes.sqlite*")} == {0o600}


def test_what_is_no_file_of_votes_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no votes yet"):
        Votes(tmp_path, read_only=True)
    (tmp_path / "other" / "votes.sqlite").mkdir(parents=True)
    with pytest.raises(UserError, match="votes.sqlite cannot be read or written"):
        Votes(tmp_path / "other")
    (tmp_path / "votes.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(UserError, match="is damaged"):
        Votes(tmp_path)
