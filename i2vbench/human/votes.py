"""Raters, what they were shown and what they answered: `votes.sqlite` in the study's folder.

What `save` has returned from is on the disk. A task has one answer, whoever sends it how often: saving again changes
it.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from i2vbench.database import Database, make_private
from i2vbench.errors import UserError
from i2vbench.parsing import parse_json

FILE = "votes.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rater (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, origin TEXT NOT NULL CHECK (origin IN ('invited', 'enrolled')),
    nickname TEXT, made_at REAL NOT NULL, consented_at REAL
) STRICT;
CREATE TABLE IF NOT EXISTS task (
    rater INTEGER NOT NULL REFERENCES rater(id), number INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('plain', 'repeat', 'broken')), item INTEGER NOT NULL, shown TEXT NOT NULL,
    broken INTEGER, repeats INTEGER, allotted_at REAL NOT NULL,
    chosen TEXT, saved_at REAL, changes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (rater, number)
) STRICT, WITHOUT ROWID;
"""

Kind = Literal["plain", "repeat", "broken"]
"""A task that counts; one that the rater has answered before; one with a video that is damaged for all to see."""

Chosen = Mapping[str, tuple[int, ...]]
"""By question, positions in `Task.shown`, ascending. In pairs one of 0 and 1, or none for a tie; else one or more."""


@dataclass(frozen=True, slots=True)
class Rater:
    """Somebody who answers, known by a link alone.

    Attributes:
        id: From 1 on.
        token: What makes the link unguessable.
        origin: Whether the link was given out, or asked for on the page.
        nickname: Chosen with the consent; None before.
        consented: Whether the consent was given.
    """

    id: int
    token: str
    origin: Literal["invited", "enrolled"]
    nickname: str | None
    consented: bool


@dataclass(frozen=True, slots=True)
class Task:
    """What a rater is shown at once.

    Attributes:
        rater: The rater's id.
        number: Among the rater's tasks, from 1 on, in the order shown.
        kind: Whether it counts.
        item: The item.
        shown: Models, in the order of the page: all of them, or two. In a check of pairs both are `Item.broken`.
        broken: The position in `shown` at which the damaged video stands; None in other tasks.
        repeats: The number of the task that a repeat shows again, in another order.
    """

    rater: int
    number: int
    kind: Kind
    item: int
    shown: tuple[int, ...]
    broken: int | None = None
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A task and its answer to all questions; the paper counts these as one response.

    Attributes:
        task: What was shown.
        chosen: What was chosen.
        seconds: From when it was allotted until it was saved last.
        changes: How often the answer was changed after it was first saved.
    """

    task: Task
    chosen: Chosen
    seconds: float
    changes: int

    def models(self, question: str) -> frozenset[int]:
        """The models chosen."""
        return frozenset(self.task.shown[position] for position in self.chosen[question])


@dataclass(frozen=True, slots=True)
class Allotted:
    """What the next task is drawn from: the tasks there are, answered or not.

    Attributes:
        mine: The rater's own, in order.
        plain: Everybody's plain tasks, the rater's too: how many there are, by item and by the models shown.
    """

    mine: Sequence[Task]
    plain: Mapping[tuple[int, tuple[int, ...]], int]


class Votes:
    """A study's votes. Threads may share it; one process at a time writes (the caller holds the study's lock).

    Args:
        folder: The study's.
        read_only: To read what another process may be writing.

    Raises:
        UserError: The file cannot be read or written, or is not ours.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        path = folder / FILE
        if read_only and not path.is_file():
            raise UserError(f"{folder} has no votes yet: it has no {FILE}")
        hint = f"restore it from a copy of {folder}"
        if not read_only:
            make_private(path)  # links are secrets
        self._database = Database(path, _SCHEMA, hint, durable=True, read_only=read_only)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # -- raters -------------------------------------------------------------------------------------------------

    def invite(self, count: int) -> None:
        """Make raters until so many have been invited."""
        with self._database.at_once() as db:
            (there,) = db.execute("SELECT count(*) FROM rater WHERE origin = 'invited'").fetchone()
            for _ in range(there, count):
                _add(db, "invited")

    def enrol(self, limit: int) -> Rater | None:
        """A new rater; None if so many have enrolled already."""
        with self._database.at_once() as db:
            (there,) = db.execute("SELECT count(*) FROM rater WHERE origin = 'enrolled'").fetchone()
            token = _add(db, "enrolled") if there < limit else None
        return None if token is None else self.rater(token)

    def consent(self, rater: int, nickname: str) -> None:
        """Note a rater's consent, and what they wish to be called."""
        with self._database.at_once() as db:
            db.execute(
                "UPDATE rater SET nickname = ?, consented_at = coalesce(consented_at, ?) WHERE id = ?",
                (nickname, time.time(), rater),
            )

    def rater(self, token: str) -> Rater | None:
        """Whose link it is; None if nobody's."""
        with self._database.told() as db:
            row = db.execute(f"{_RATERS} WHERE token = ?", (token,)).fetchone()
        return None if row is None else _rater(row)

    def raters(self) -> list[Rater]:
        """All of them, in the order they were made."""
        with self._database.told() as db:
            return [_rater(row) for row in db.execute(f"{_RATERS} ORDER BY id")]

    def last_seen(self) -> dict[int, float]:
        """When each rater last consented, was allotted a task or saved one, in seconds since 1970."""
        moments = "max(r.made_at, ifnull(r.consented_at, 0), ifnull(max(max(t.allotted_at, ifnull(t.saved_at, 0))), 0))"
        joined = f"SELECT r.id, {moments} FROM rater r LEFT JOIN task t ON t.rater = r.id "
        with self._database.told() as db:
            return dict(db.execute(f"{joined} WHERE r.consented_at IS NOT NULL GROUP BY r.id"))

    # -- tasks --------------------------------------------------------------------------------------------------

    def tasks(self, rater: int | None = None) -> list[Task]:
        """What has been allotted, to one rater or to all, in order."""
        with self._database.told() as db:
            return _tasks(db, rater)

    def allot(self, rater: int, draw: Callable[[Allotted], Task | None]) -> Task | None:
        """The rater's first task without an answer; if there is none, one that `draw` makes.

        Nobody else is allotted anything meanwhile, so what `draw` balances stays balanced.

        Args:
            rater: Whose.
            draw: Makes the next from those there are; None if the rater is done.
        """
        with self._database.at_once() as db:
            open_ = db.execute(f"{_TASKS} WHERE rater = ? AND chosen IS NULL ORDER BY number", (rater,)).fetchone()
            if open_ is not None:
                return _task(open_)
            made = draw(Allotted(_tasks(db, rater), _plain(db)))
            if made is not None:
                db.execute(
                    "INSERT INTO task (rater, number, kind, item, shown, broken, repeats, allotted_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        rater, made.number, made.kind, made.item, json.dumps(made.shown), made.broken, made.repeats,
                        time.time(),
                    ),
                )  # fmt: skip
            return made

    # -- answers ------------------------------------------------------------------------------------------------

    def save(self, rater: int, number: int, chosen: Chosen) -> None:
        """Save a task's answer, in place of an earlier one; on the disk when this returns.

        Args:
            rater: Whose.
            number: The task's.
            chosen: As the study's questions and mode allow it, which is the caller's business.

        Raises:
            KeyError: The rater has no such task.
        """
        text = json.dumps({question: list(positions) for question, positions in chosen.items()}, sort_keys=True)
        with self._database.at_once() as db:
            found = db.execute(
                "UPDATE task SET changes = changes + (chosen IS NOT NULL AND chosen != ?1), chosen = ?1, "
                "saved_at = CASE WHEN chosen IS ?1 THEN saved_at ELSE ?2 END WHERE rater = ?3 AND number = ?4",
                (text, time.time(), rater, number),
            )
            if found.rowcount != 1:
                raise KeyError(number)

    def answer(self, rater: int, number: int) -> Chosen | None:
        """What was answered to a task; None if nothing yet."""
        with self._database.told() as db:
            row = db.execute("SELECT chosen FROM task WHERE rater = ? AND number = ?", (rater, number)).fetchone()
        return None if row is None or row[0] is None else _chosen(row[0])

    def responses(self, rater: int | None = None) -> list[Response]:
        """What was answered, by one rater or by all, in the order of raters and their tasks."""
        where, values = _of(rater, "chosen IS NOT NULL")
        with self._database.told() as db:
            rows = db.execute(f"{_TASKS}{where} ORDER BY rater, number", values).fetchall()
            return [Response(_task(row), _chosen(row[7]), row[9] - row[8], row[10]) for row in rows]


_RATERS = "SELECT id, token, origin, nickname, consented_at FROM rater"
_TASKS = "SELECT rater, number, kind, item, shown, broken, repeats, chosen, allotted_at, saved_at, changes FROM task"


def _add(db: sqlite3.Connection, origin: str) -> str:
    token = secrets.token_urlsafe(18)
    db.execute("INSERT INTO rater (token, origin, made_at) VALUES (?, ?, ?)", (token, origin, time.time()))
    return token


def _rater(row: Sequence[Any]) -> Rater:
    return Rater(row[0], row[1], row[2], row[3], row[4] is not None)


def _of(rater: int | None, *conditions: str) -> tuple[str, list[int]]:
    clauses = [*conditions, *(["rater = ?"] if rater is not None else [])]
    return (f" WHERE {' AND '.join(clauses)}" if clauses else ""), ([] if rater is None else [rater])


def _tasks(db: sqlite3.Connection, rater: int | None) -> list[Task]:
    where, values = _of(rater)
    return [_task(row) for row in db.execute(f"{_TASKS}{where} ORDER BY rater, number", values)]


def _plain(db: sqlite3.Connection) -> dict[tuple[int, tuple[int, ...]], int]:
    # Thousands of tasks show few different orders, so an order is parsed once.
    counts = Counter(db.execute("SELECT item, shown FROM task WHERE kind = 'plain'"))
    orders = {text: tuple(parse_json(text)) for text in {text for _, text in counts}}
    return {(item, orders[text]): count for (item, text), count in counts.items()}


def _task(row: Sequence[Any]) -> Task:
    return Task(row[0], row[1], row[2], row[3], tuple(parse_json(row[4])), row[5], row[6])


def _chosen(text: str) -> Chosen:
    return {question: tuple(positions) for question, positions in parse_json(text).items()}
