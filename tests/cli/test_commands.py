"""What the commands print, where, and with which exit code, when nothing is refused."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

import pytest

from tests.conftest import Cli, make_dataset

MODELS = """
import sys
from i2vbench.models.baselines import Pan
from i2vbench.metrics.base import Metric
from i2vbench.types import Cell, Measurement, MetricInfo, ModelInfo

class Chatty(Pan):
    info = ModelInfo(name="chatty", title="prints a lot", max_batch=8)
    def generate(self, requests):
        print("step 1 of 50")
        return super().generate(requests)

class Fails(Pan):
    info = ModelInfo(name="fails", title="fails on one clip", max_batch=8)
    def generate(self, requests):
        if any(r.sample_id == "clip-1" for r in requests):
            raise RuntimeError("out of luck in /home/somebody/secret/model.py")
        return super().generate(requests)

class Mine(Metric):
    info = MetricInfo(id="mine", title="Mine", direction="higher")
    def measure(self, clips):
        return [Measurement(c.sample.id, "mine", value=1.0) for c in clips]

class Talks(Mine):
    def aggregate(self, generated, reference=None):
        print("hello")
        return super().aggregate(generated, reference)

class BadAggregate(Mine):
    def aggregate(self, generated, reference=None):
        raise ArithmeticError("singular")
"""


@pytest.fixture
def place(tmp_path: Path, small_profile_file: Path) -> Path:
    make_dataset(tmp_path / "data", num_clips=3, num_images=1)
    (tmp_path / "work.py").write_text(MODELS)
    return tmp_path


def run(cli: Cli, *args: str, out: str = "run"):  # type: ignore[no-untyped-def]
    metrics = () if "--metrics" in args else ("--metrics", "temporal_flickering")
    common = ("--device", "cpu", "--dataset", "folder:data", "--profile", "small.toml", "--out", out)
    return cli("run", *common, *metrics, *args)


def test_standard_output_is_json_and_nothing_else(cli: Cli, place: Path) -> None:
    done = run(cli, "--model", "work.py:Chatty", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["metrics"]
    assert "step 1 of 50" in done.stderr


def test_a_run_with_failures_ends_with_1_and_says_what_to_do(cli: Cli, place: Path) -> None:
    done = run(cli, "--model", "work.py:Fails", "--model", "ground_truth", "--quiet")
    assert done.returncode == 1
    assert "--retry-failed" in done.stderr
    shown = cli("show", "run").stdout
    assert "failed: fails, sample clip-1: RuntimeError: out of luck" in shown
    assert "1 x not applicable: ground_truth: the sample has no reference clip" in shown
    for path in (place / "run" / "tables").iterdir():
        assert "/home/" not in path.read_text(), f"{path.name} holds a path"
    again = cli("run", "--resume", "--out", "run", "--retry-failed", "--quiet")
    assert again.returncode == 1
    assert (place / "run" / "log.txt").read_text().count("RuntimeError: out of luck") >= 2, "it was tried again"


def test_a_cell_that_cannot_be_made_ends_with_1(cli: Cli, place: Path) -> None:
    done = run(cli, "--model", "static", "--metrics", "work.py:BadAggregate", "--quiet")
    assert done.returncode == 1
    assert "ArithmeticError: singular" in (place / "run" / "tables" / "mine.md").read_text()


def test_a_resumed_run_may_get_a_metric_from_another_folder(cli: Cli, place: Path, tmp_path: Path) -> None:
    assert run(cli, "--model", "work.py:Chatty", "--quiet").returncode == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = cli(
        "run", "--resume", "--out", place / "run", "--metrics", f"{place / 'work.py'}:Mine", "--quiet", cwd=elsewhere
    )
    assert done.returncode == 0, done.stderr
    assert (place / "run" / "tables" / "mine.csv").is_file()


def test_the_code_a_run_names_is_not_run_unasked(cli: Cli, place: Path) -> None:
    assert run(cli, "--model", "static", "--metrics", "work.py:Mine", "--quiet").returncode == 0
    with open(place / "work.py", "a") as file:
        file.write("\nopen('ran', 'w').close()\n")
    before = (place / "run" / "tables" / "mine.csv").read_bytes()
    done = cli("table", "run")
    assert done.returncode == 2
    assert "--trust FILE.py:Class" in done.stderr
    done = cli("table", "run", "--out", "tables")
    assert done.returncode == 0
    assert "its code was not asked to run" in done.stdout
    assert not (place / "ran").exists()
    assert (place / "run" / "tables" / "mine.csv").read_bytes() == before
    done = cli("table", "run", "--trust", "work.py:Mine")
    assert done.returncode == 0
    assert (place / "ran").exists()
    assert "The metric's code has changed since the run" in done.stdout


def test_a_run_goes_on_when_the_code_of_another_metric_is_gone(cli: Cli, place: Path) -> None:
    assert run(cli, "--model", "static", "--metrics", "work.py:Mine", "--quiet").returncode == 0
    (place / "work.py").unlink()
    assert run(cli, "--model", "static", "--metrics", "temporal_flickering", "--quiet").returncode == 0
    assert "there is no file work.py" in (place / "run" / "tables" / "mine.md").read_text()


def test_what_a_metric_prints_is_not_the_result(cli: Cli, place: Path) -> None:
    done = run(cli, "--model", "static", "--metrics", "work.py:Talks", "--json")
    assert json.loads(done.stdout)["metrics"]
    done = cli("table", "run", "--json", "--trust", "work.py:Talks")
    assert json.loads(done.stdout)["metrics"]
    assert "hello" in done.stderr


def test_two_runs_stand_side_by_side(cli: Cli, place: Path) -> None:
    assert run(cli, "--model", "pan", "--quiet", out="one").returncode == 0
    assert run(cli, "--model", "pan", "--model", "static", "--seed", "5", "--quiet", out="two").returncode == 0
    done = cli("table", "one", "two", "--out", "both")
    assert done.returncode == 0, done.stderr
    assert "pan #1, pan #2: differ in seeds" in done.stdout
    with open(place / "both" / "temporal_flickering.csv") as file:
        assert {"pan #1", "pan #2", "static"} <= set(next(csv.DictReader(file)))


def test_reasons_are_shown_as_plain_characters(cli: Cli, place: Path) -> None:
    assert run(cli, "--model", "work.py:Fails", "--quiet").returncode == 1
    with sqlite3.connect(place / "run" / "run.sqlite") as db:
        db.execute("UPDATE clip SET reason = ? WHERE state = 'failed'", ("\x1b]0;owned\x07",))
    db.close()
    assert "\x1b" not in cli("show", "run").stdout


def test_table_writes_what_is_asked_for_where_it_is_asked_for(cli: Cli, place: Path) -> None:
    assert run(cli, "--model", "static", "--model", "pan", "--quiet").returncode == 0
    done = cli("table", "run", "--format", "csv,latex", "--metrics", "temporal_flickering", "--out", "paper")
    assert done.returncode == 0
    assert sorted(path.name for path in (place / "paper").iterdir()) == [
        "clips.csv", "summary.csv", "summary.tex", "temporal_flickering.csv", "temporal_flickering.tex",
    ]  # fmt: skip
    with open(place / "paper" / "temporal_flickering.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["category"] for row in rows] == ["Pet", "Food", "All"]
    assert {row["static"] for row in rows} == {"100.00"}


def test_two_seeds_make_two_videos_a_sample(cli: Cli, place: Path) -> None:
    assert run(cli, "--model", "pan", "--seed", "1", "--seed", "2", "--categories", "Pet", "--quiet").returncode == 0
    assert sorted(path.name for path in (place / "run" / "videos" / "pan").iterdir()) == [
        f"{id_}-seed{seed}.mp4" for id_ in ("clip-0", "clip-2", "image-0") for seed in (1, 2)
    ]


def test_the_other_reader(cli: Cli, place: Path) -> None:
    pytest.importorskip("decord")
    assert run(cli, "--model", "ground_truth", "--reader", "decord", "--quiet").returncode == 0
    assert json.loads((place / "run" / "run.json").read_text())["reader"]["version"].startswith("decord ")


def test_what_there_is(cli: Cli) -> None:
    assert {line.split()[0] for line in cli("models").stdout.splitlines()} >= {"static", "pan", "ground_truth"}
    assert "Appendix C" in cli("metrics", "temporal_flickering").stdout
    assert "Scenery-City: 2" in cli("datasets", "demo").stdout


def test_a_new_adapter_works_as_it_is(cli: Cli, tmp_path: Path) -> None:
    assert cli("adapter", "new", "my_model").returncode == 0
    checked = cli("adapter", "check", "my_model.py:MyModel", "--device", "cpu")
    assert checked.returncode == 0, checked.stdout
    assert "keeps the contract" in checked.stdout
    before = (tmp_path / "my_model.py").read_bytes()
    assert cli("adapter", "new", "my_model").returncode == 2
    assert (tmp_path / "my_model.py").read_bytes() == before
