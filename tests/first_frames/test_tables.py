"""Numbers of other first frames say so wherever they stand, and are compared with no others."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from i2vbench.admission import examine
from i2vbench.names import FORMATS
from i2vbench.tables import collect, write_tables
from i2vbench.tables.layout import all_tables
from tests.conftest import Cli
from tests.tables.runs import FLICKERING, RunSpec, make_run, moving_square, sample

MADE = "made from the prompts by stabilityai/stable-diffusion-2-1-base (text-to-video, as in Table 5)"
RECORD = {"spec": "generate:stabilityai/stable-diffusion-2-1-base", "title": MADE, "fingerprint": "ab"}
SAMPLES = (sample("a", "Pet"), sample("b", "Food"))
SCORES = {(FLICKERING, "static"): [0.5, 0.6], (FLICKERING, "pan"): [0.4, 0.7]}
WARNING = "DIFFERENT FIRST FRAMES: the models of these columns were not shown the same pictures"


def made(folder: Path, record: Mapping[str, Any] | None) -> Path:
    changes = {} if record is None else {"first_frames": dict(record)}
    return make_run(folder, RunSpec(SAMPLES, SCORES, changes=changes))


def notes(*runs: Path) -> str:
    return "\n".join(line for table in all_tables(collect(runs)) for line in table.notes)


def test_every_table_page_and_csv_says_it(tmp_path: Path, cli: Cli) -> None:
    run = made(tmp_path / "run", RECORD)
    files = write_tables(collect([run]), tmp_path / "tables", FORMATS)
    assert {path.suffix for path in files} == {".csv", ".tex", ".md", ".html"}
    for path in files:
        assert MADE in path.read_text(encoding="utf-8").replace(r"\allowbreak{}", ""), path.name
    with open(tmp_path / "tables" / "clips.csv", encoding="utf-8", newline="") as file:
        assert {row["profile"] for row in csv.DictReader(file)} == {f"paper; first frames: {MADE}"}
    assert f"first frames: {MADE}" in cli("show", run).stdout
    assert f"First frames: {MADE}." in cli("table", run).stdout


def test_a_run_of_the_data_sets_own_says_nothing_of_it(tmp_path: Path) -> None:
    files = write_tables(collect([made(tmp_path / "run", None)]), tmp_path / "tables", FORMATS)
    assert not [path.name for path in files if "first frames" in path.read_text(encoding="utf-8").lower()]


@pytest.mark.parametrize("other", [None, RECORD | {"fingerprint": "cd"}, RECORD | {"title": "x", "argument": "seed-1"}])
def test_columns_of_different_first_frames_are_told_apart_and_none_is_the_best(
    tmp_path: Path, other: Mapping[str, Any] | None
) -> None:
    runs = [made(tmp_path / "one", RECORD), made(tmp_path / "two", other)]
    results = collect(runs)
    assert not results.comparable
    said = notes(*runs)
    assert WARNING in said
    assert MADE in said
    assert not any(cell.mark for table in all_tables(results) for row in table.rows for cell in row.cells)


def test_columns_of_the_same_first_frames_are_compared_whatever_they_were_called(tmp_path: Path) -> None:
    runs = [made(tmp_path / "one", RECORD), made(tmp_path / "two", RECORD | {"spec": "generate:/x", "title": "x"})]
    results = collect(runs)
    assert results.comparable
    assert WARNING not in notes(*runs)
    assert any(cell.mark for table in all_tables(results) for row in table.rows for cell in row.cells)


def test_on_a_page_clips_of_different_first_frames_stand_apart(tmp_path: Path) -> None:
    spec = RunSpec(SAMPLES, SCORES, videos={"static": [moving_square(), moving_square()]})
    made(tmp_path / "two", RECORD)
    runs = [make_run(tmp_path / "one", spec), tmp_path / "two"]
    for number, count in ((1, 2), (2, 4)):
        out = tmp_path / f"tables-{number}"
        write_tables(collect(runs[:number]), out, ["html"])
        page = (out / "tables.html").read_text(encoding="utf-8")
        found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.S)
        assert found is not None
        data = json.loads(found[1])
        assert len(data["clips"]) == count
    assert page.count(MADE) >= 2


def test_a_leaderboard_of_image_to_video_takes_no_such_run(tmp_path: Path) -> None:
    changes = {"first_frames": RECORD, "dataset": {"name": "msrvtt", "samples": 2, "fingerprint": "x"}}
    run = make_run(tmp_path / "run", RunSpec(SAMPLES, SCORES, changes=changes))
    assert f"Its first frames are {MADE}; a leaderboard takes the data set's own alone." in examine(run).reasons
