"""Human studies, and what is posted to pages."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import mutate, mutate_json
from tests.fuzz.target import target, written
from tests.fuzz.targets.runs import change_database


def _study(room: Path) -> Sequence[bytes]:
    from tests.human.studies import make_study

    make_study(room / "study")
    return [(room / "study" / "study.json").read_bytes()]


@target(_study, mutate_json)
def study_json(room: Path, data: bytes) -> None:
    from i2vbench.human.study import read_study

    written(room, "study/study.json", data)
    read_study(room / "study")


def _votes(room: Path) -> Sequence[bytes]:
    from i2vbench.human.session import Session
    from i2vbench.human.votes import Votes
    from tests.human.studies import make_study

    study = make_study(room / "study")
    with Votes(room / "study") as votes:
        votes.invite(2)
        session = Session(study, room / "study", votes)
        for rater in votes.raters():
            session.consent(rater, "Ann")
            rater = next(one for one in votes.raters() if one.id == rater.id)
            for number in (1, 2):
                session.shown(rater, number)
                session.save(rater, number, {question.id: (0,) for question in study.questions})
    path = next((room / "study").glob("*.sqlite"))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = replace(replace(sql, 'NOT NULL', ''), 'CHECK', 'DEFAULT')")
    return [path.read_bytes()]


@target(_votes, change_database)
def votes_sqlite(room: Path, data: bytes) -> None:
    """A study of a colleague, as `human report` reads it."""
    from i2vbench.human.administration import links_csv, progress, votes_csv
    from i2vbench.human.study import read_study
    from i2vbench.human.votes import Votes

    study = read_study(room / "study")
    written(room, f"study/{next((room / 'study').glob('*.sqlite')).name}", data)
    with Votes(room / "study", read_only=True) as votes:
        votes_csv(study, votes).encode()
        links_csv(votes, "http://127.0.0.1:1").encode()
        json.dumps(progress(study, votes), allow_nan=False)


async def ask(app: Any, path: str, body: bytes, host: str = "127.0.0.1:8000") -> int:
    """The status with which an app answers what a page might post."""
    head = {"host": host, "origin": f"http://{host}", "content-type": "application/json"}
    headers = [(name.encode(), text.encode()) for name, text in (*head.items(), ("content-length", str(len(body))))]
    scope = {
        **{"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""},
        **{"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "http_version": "1.1"},
        **{"scheme": "http", "root_path": "", "asgi": {"version": "3.0"}},
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


_POSTS = (
    {"nickname": "Ann", "agree": True},
    {"chosen": {"appearance": [0], "motion": [1]}},
    {},
    {
        **{"prompt": "a dog", "objects": "dog", "scene": "park", "decision": "annotate"},
        "before": {"prompt": "x", "objects": ["dog"], "scene": "park", "prompt_state": ""},
    },
)


@target(
    lambda room: [_study(room), [json.dumps(post).encode() for post in _POSTS]][1],
    lambda data, random: (mutate_json if random.random() < 0.7 else mutate)(data, random),
)
def posts(room: Path, data: bytes) -> None:
    """What is posted to a study: whatever it is, the answer is none of a server that has a fault."""
    app, token = _app(room / "study")

    async def post() -> list[int]:
        return [await ask(app, f"/{path}", data[: 64 * 1024]) for path in _paths(token)]

    assert max(asyncio.run(post())) < 500


@functools.cache
def _app(folder: Path) -> tuple[Any, str]:
    """A study's server, and whom it has invited."""
    from i2vbench.human.server import make_app
    from i2vbench.human.study import read_study
    from i2vbench.human.votes import Votes
    from tests.human.raters import access_at

    votes = Votes(folder)
    votes.invite(1)
    return make_app(read_study(folder), folder, votes, access_at(8000)), votes.raters()[0].token


def _paths(token: str) -> Sequence[str]:
    return "enrol", f"r/{token}/consent", f"r/{token}/tasks/1"


@target(
    lambda room: [json.dumps(post).encode() for post in _POSTS],
    lambda data, random: (mutate_json if random.random() < 0.7 else mutate)(data, random),
)
def decisions(room: Path, data: bytes) -> None:
    """What is posted to the page of `data annotate`, up to the rules for words."""
    from pydantic import ValidationError

    from i2vbench.annotate.rules import Refused, decide
    from i2vbench.annotate.server import Decision

    try:
        given = Decision.model_validate_json(data)
        decide(given.before.annotation(), given.prompt, given.objects, given.scene)
    except (ValidationError, Refused):
        pass
