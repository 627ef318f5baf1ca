"""Numbers read as columns: they say what the records say, and of very many clips the page shows the ends."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.metrics.base import Metric
from i2vbench.metrics.scene_consistency import SceneConsistency
from i2vbench.registry import METRICS
from i2vbench.tables import clip_notes, collect, page_clips, write_tables
from i2vbench.tables.intervals import details_read
from i2vbench.tables.results import Results
from i2vbench.tables.scores import STATES
from i2vbench.types import Cell, Measurement
from tests.tables.runs import FLICKERING, METRICS_FILE, RunSpec, make_run, sample

SAMPLES = [sample(f"s{i:02}", f"category {i % 3}", f'a "prompt", {i}') for i in range(12)]


def every_kind(folder: Path) -> list[Any]:
    """Of two seeds of each sample: numbers, failures, what is not applicable, what is owed, details to be noted."""
    brought = {"brought": "resized (lanczos)", "made_as": "48 frames", "repeated_frames": 2}
    return [
        0.25,
        f"{folder}/videos/x.mp4: cannot be read",
        ("n/a", "the clip moves: by 3"),
        None,
        {"value": 0.5, "details": brought},
        {"value": 0.75, "details": {"doubts": ["words unknown: 'é'"], "captions": ['a "brought" dog']}},
        {"error": "failed", "details": {"repeated_frames": 1}},
        *(0.1 * i for i in range(17)),
    ]


@pytest.fixture
def results(tmp_path: Path) -> Results:
    kinds = every_kind(tmp_path / "run")
    spec = RunSpec(
        SAMPLES,
        {
            (FLICKERING, "static"): kinds,
            (FLICKERING, "pan"): kinds[::-1],
            ("warp_error", "static"): [*kinds[7:], *kinds[:7]],
            ("warp_error", "unplanned"): kinds,
        },
        metrics=(FLICKERING, f"{METRICS_FILE}:Error"),
        seeds=(3, 0),
        lost={("static", "s00"): "no memory", ("static", "s02"): ("n/a", "no prompt"), ("pan", "s05"): None},
    )
    return collect([make_run(tmp_path / "run", spec)])


def test_columns_say_what_the_records_say(results: Results) -> None:
    for info in results.metrics:
        for column in results.columns:
            scores, records = results.scores(info.id, column), results.records(info.id, column)
            assert scores is not None
            assert [STATES[state] for state in scores.states] == [record.state for record in records]
            numbers = [np.nan if r.row is None or r.row.value is None else r.row.value for r in records]
            np.testing.assert_array_equal(scores.values, numbers)
            assert [scores.reason(i) for i in range(len(records))] == [record.reason for record in records]
            planned = scores.clips
            notes = clip_notes.clip_counts("x", records, planned)
            assert clip_notes.clip_counts("x", scores.telling(), planned) == notes
            assert len(notes) >= 2 or info.id == "warp_error"


def test_a_cell_is_the_metrics_own_aggregate_of_the_records(results: Results) -> None:
    for _, row in results.cells.iterrows():
        info, column = results.metrics[row["metric"]], results.columns[row["column"]]
        category = results.categories[row["row"]]
        done = [
            Measurement(r.sample.id, info.id, r.row.value)
            for r in results.records(info.id, column)
            if r.state == "done" and r.row and category in (r.sample.category, "All")
        ]
        expected = METRICS.create(FLICKERING).aggregate(done)
        assert (row["entry"].cell.value, row["entry"].cell.spread) == (expected.value, expected.spread)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE measurement SET value = 9e999 WHERE value > 0", "inf"),
        ('UPDATE measurement SET details = \'{"brought": "resized"}\'', "made as"),
        ("DROP INDEX clip_by_position; UPDATE clip SET position = 0", "do not fit"),
    ],
)
def test_numbers_of_somebody_else_are_checked(results: Results, sql: str, reason: str) -> None:
    folder = results.runs[0].folder
    with sqlite3.connect(folder / "run.sqlite") as db:
        db.executescript(sql)
    db.close()
    with pytest.raises(UserError, match="run.sqlite") as refusal:
        collect([folder])
    assert reason in str(refusal.value)


class Longest(SceneConsistency):
    """Aggregates otherwise than the class that says what it reads."""

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        return Cell(float(max(len(m.details["captions"]) for m in generated)), 1)


class SaysSo(Longest):
    reads_details = frozenset({"captions"})


@pytest.mark.parametrize(
    ("metric", "read"),
    [
        (SceneConsistency(), {"frames", "successes"}),
        (Longest(), None),
        (SaysSo(), {"captions"}),
        (METRICS.create(FLICKERING), set()),
    ],
)
def test_a_metric_that_aggregates_otherwise_is_handed_all_details(metric: Metric, read: set[str] | None) -> None:
    assert details_read(metric) == read


def page_data(results: Results, out: Path) -> tuple[str, dict[str, Any]]:
    write_tables(results, out, ["html"], clips=False)
    text = (out / "tables.html").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    return text, data


def test_of_very_many_clips_the_page_shows_the_ends_of_every_metric(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, everything = page_data(results, tmp_path / "all")
    assert "Shown are" not in text
    assert len(everything["clips"]) == 24
    monkeypatch.setattr(page_clips, "PAGE_CLIPS", 20)
    monkeypatch.setattr(page_clips, "CHOSEN_CLIPS", 1)
    text, data = page_data(results, tmp_path / "some")
    count = len(data["clips"])
    assert count < 24
    assert f"Shown are {count} of 24 clips" in text
    for m in range(len(data["metrics"])):
        for c in range(len(data["columns"])):
            for row in range(3):
                assert ends(data, m, c, row) == ends(everything, m, c, row)
                assert failed(data, m, c, row) == failed(everything, m, c, row)


def members(data: dict[str, Any], m: int, c: int, row: int) -> Sequence[tuple[Any, Any]]:
    return [(clip, data["scores"][m][i][c]) for i, clip in enumerate(data["clips"]) if clip["row"] == row]


def ends(data: dict[str, Any], m: int, c: int, row: int) -> list[float]:
    numbers = sorted(score["value"] for _, score in members(data, m, c, row) if score and "value" in score)
    return [*numbers[:1], *numbers[-1:]]


def failed(data: dict[str, Any], m: int, c: int, row: int) -> Any:
    some = [
        (clip["sample"], clip["seed"], s["why"]) for clip, s in members(data, m, c, row) if s and s["state"] == "failed"
    ]
    return some[:1]
