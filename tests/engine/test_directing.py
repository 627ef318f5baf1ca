"""Whoever works, and however many are lost: every clip is made and measured, and the rows are the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2vbench.engine.crew import Crew, WorkerLost
from i2vbench.engine.directing import MOST_FALSE_STARTS, MOST_LOSSES
from i2vbench.engine.local import LocalEngine
from i2vbench.engine.worker import Task
from i2vbench.errors import UserError
from i2vbench.generate import Batch
from i2vbench.job import Job
from i2vbench.measure import Group
from i2vbench.store import REFERENCE
from tests.conftest import Go
from tests.engine.losing import Frail, FrailCrew, as_drawn
from tests.parts import ByGroup, Colours, Noise


@pytest.fixture
def crews(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What makes the crew of the next run, at the end of a list; and the crews that were made of it."""
    makers: list[Any] = []

    def crew(engine: LocalEngine, job: Job, kit: object) -> Crew:
        made: Crew = makers[-1](job)
        makers.append(made)
        return made

    monkeypatch.setattr(LocalEngine, "crew", crew)
    return makers


def rows(folder: Path) -> list[Any]:
    with sqlite3.connect(folder / "run.sqlite") as db:
        return [
            db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4").fetchall() for table in ("clip", "measurement")
        ]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(size=st.integers(1, 3), losses=st.lists(st.booleans(), max_size=12), seeds=st.sampled_from([(0,), (0, 1)]))
def test_lost_workers_change_nothing(
    size: int, losses: list[bool], seeds: tuple[int, ...], go: Go, crews: list[Any], tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    asked = {"seeds": seeds, "batch_size": 2}
    crews.append(lambda job: FrailCrew(job, 1, lambda task: False))
    calm = go([Noise, "static"], [ByGroup, Colours], out=folder / "calm", **asked)
    crews.append(lambda job: FrailCrew(job, size, as_drawn(iter(losses))))
    frail = go([Noise, "static"], [ByGroup, Colours], out=folder / "frail", **asked)
    assert (calm.failed, frail.failed) == (0, 0)
    assert crews[-1].replaced <= sum(losses)
    assert rows(calm.folder) == rows(frail.folder)


def dying(of: Task) -> bool:
    """Of the batch and of the group that clip-2 is in."""
    match of:
        case Batch():
            return of.model == "noise" and any(clip.sample_id == "clip-2" for clip in of.clips)
        case Group():
            return of.model == "static"
    return False


def test_what_workers_die_of_is_given_up(go: Go, crews: list[Any]) -> None:
    crews.append(lambda job: FrailCrew(job, 2, dying, by_task=True))
    outcome = go([Noise, "static"], [Colours], batch_size=2)
    clips, measurements = rows(outcome.folder)
    reason = f"{MOST_LOSSES} workers died of it"
    assert [row[1] for row in clips if row[-2:] == ("failed", reason)] == ["clip-2", "clip-3"]
    assert {row[2] for row in measurements if row[-1] == reason} == {f"clip-{i}" for i in range(5)} | {"image-0"}
    assert {row[1] for row in measurements if row[-1] == reason} == {"static"}
    assert {row[1] for row in measurements if row[-1] is None} == {"noise", REFERENCE}
    assert 2 * MOST_LOSSES <= crews[-1].replaced <= 2 * MOST_LOSSES + 2, "and once each with another task in hand"


def test_machines_that_vanish_are_not_held_against_a_clip(go: Go, crews: list[Any]) -> None:
    times: Iterator[bool] = iter([True] * 10)
    crews.append(lambda job: FrailCrew(job, 1, as_drawn(times)))
    assert go([Noise], [Colours]).failed == 0
    assert crews[-1].replaced == 10


def test_workers_that_never_start_end_the_run(go: Go, crews: list[Any]) -> None:
    class Stillborn(Frail):
        def __init__(self, job: Job) -> None:
            super().__init__(job, lambda task: False, by_task=True)
            self.ready = type(self.ready)()
            self.ready.set_exception(WorkerLost("that was", by_task=True))

    class Crewless(FrailCrew):
        def __init__(self, job: Job) -> None:
            super().__init__(job, 0, lambda task: False)
            self._make = lambda: Stillborn(job)
            self.members = [self._make()]

    crews.append(Crewless)
    with pytest.raises(
        UserError, match=f"{MOST_FALSE_STARTS} workers in a row ended as they began: the worker that was"
    ):
        go([Noise], [Colours])
    crews.append(lambda job: FrailCrew(job, 1, lambda task: False))
    assert go([Noise], [Colours]).failed == 0, "and it can be gone on with"


def test_nobody_is_hired_for_nothing(go: Go, crews: list[Any]) -> None:
    def crew(job: Job) -> Crew:
        return FrailCrew(job, 1, lambda task: False)

    crews.append(crew)
    go(["static"], [Colours])
    assert len(crews) == 2
    go(["static"], [Colours])
    assert len(crews) == 2
    crews.append(crew)
    go(["static"], [Colours, ByGroup])
    assert len(crews) == 4


def test_what_killed_workers_left_unfinished_is_swept_by_whoever_goes_on(go: Go) -> None:
    folder = go(["static"], [Colours]).folder
    left = folder / "videos" / "static" / ".0123.clip-0-seed0.mp4"
    left.touch()
    go(["static"], [Colours, ByGroup])
    assert not left.exists()
