"""`i2vbench table paper` and `table RUN --table N`: what is printed, which files are written, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.inside import Inside, call_inside
from tests.conftest import Cli
from tests.tables.runs import FLICKERING, RunSpec, make_run, sample


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    spec = RunSpec([sample("a", "Pet"), sample("b", "Food")], {(FLICKERING, "static"): [0.5, 0.75]}, ("static",))
    make_run(tmp_path / "run", spec)
    return call_inside(tmp_path, monkeypatch, capsys)


def test_a_table_of_the_paper_is_printed_and_no_file_is_written_unasked(cli: Cli, tmp_path: Path) -> None:
    done = cli("table", "paper", "--table", "6")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Portrait      94.04            98.42          92.61  94.07       93.38\n" in done.stdout
    assert not list(tmp_path.iterdir())


def test_all_thirteen_are_printed_once_and_what_they_share_is_noted_once(inside: Inside) -> None:
    done = inside("table", "paper")
    assert done.code == 0
    for table in range(1, 14):
        assert done.stdout.count(f"(Ren et al., 2024, Table {table})\n") == 1
    assert done.stdout.count("The paper does not say of I2V-Bench") == 1


def test_files_are_written_where_they_are_asked_for(inside: Inside, tmp_path: Path) -> None:
    assert inside("table", "paper", "--table", "6", "--format", "latex", "--out", "out", "-q").stdout == ""
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["table-06.tex"]
    done = inside("table", "paper", "--table", "1,2", "--table", "1", "--format", "csv")
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["table-01.csv", "table-02.csv"]
    assert done.stderr == "2 files in tables:\n  table-01.csv  table-02.csv\n"
    with open(tmp_path / "tables" / "table-02.csv", newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["temporal_flickering"] == "99.08"
    assert inside("table", "paper", "--table", "3", "--out", "all").code == 0
    assert sorted(path.suffix for path in (tmp_path / "all").iterdir()) == [".csv", ".html", ".md", ".tex"]


def test_the_paper_as_json(inside: Inside) -> None:
    (table,) = json.loads(inside("table", "paper", "--table", "12", "--json").stdout)["tables"]
    assert table["rows"][-1]["SEINE"] == {"printed": "42.12", "number": 42.12}


def test_a_run_stands_beside_the_published_models(inside: Inside, tmp_path: Path) -> None:
    done = inside("table", "run", "--table", "2,8", "--with-published")
    assert done.code == 0
    assert "62.50^a" in done.stdout
    assert "a: data set demo (2 samples) instead of I2V-Bench (2,951 clips)" in done.stdout
    names = [f"table-0{n}.{suffix}" for n in (2, 8) for suffix in ("csv", "html", "md", "tex")]
    assert sorted(path.name for path in (tmp_path / "run" / "tables").iterdir()) == names
    with open(tmp_path / "run" / "tables" / "table-08.csv", newline="", encoding="utf-8") as file:
        rows = {row["category"]: row for row in csv.DictReader(file)}
    assert (rows["Pet"]["static"], rows["Pet"]["footnotes static"], rows["Pet"]["SEINE"]) == ("50.00", "a", "93.89")


def test_a_run_alone_and_as_json_writes_nothing(inside: Inside, tmp_path: Path) -> None:
    (table,) = json.loads(inside("table", "run", "--table", "8", "--json").stdout)["tables"]
    assert [row["category"] for row in table["rows"]] == ["Pet", "Food", "All"]
    assert table["rows"][0]["static"]["number"] == 50.0
    assert not list((tmp_path / "run" / "tables").iterdir())


def test_a_folder_called_paper_is_still_a_run(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "run").rename(tmp_path / "paper")
    assert "Ren et al." in inside("table", "paper", "--table", "8").stdout
    done = inside("table", "./paper", "--quiet")
    assert (done.code, (tmp_path / "paper" / "tables" / f"{FLICKERING}.csv").is_file()) == (0, True)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["paper", "--table", "14"], "--table '14': expected a table of the paper, 1 to 13"),
        (["paper", "--table", "6.0"], "--table '6.0': expected"),
        (["paper", "--format", "excel"], "unknown format 'excel'"),
        (["paper", "--metrics", "fvd"], "--metrics: is for runs; paper prints the paper's own tables"),
        (["paper", "--with-published"], "--with-published: is for runs"),
        (["paper", "run"], "paper: stands alone"),
        (["run", "--table", "3"], "--table 3: is not made of runs; `i2vbench reproduce table3` makes it"),
        (["run", "--table", "4"], "--table 4: is not made of runs; `i2vbench data stats DATASET` makes it"),
        (["run", "--table", "2", "--metrics", "fvd"], "--metrics: a table of the paper has its own metrics"),
        (["run", "--with-published"], "--with-published: needs a table of the paper, --table N"),
        (["run", "--table", "12"], "no metric of Table 12 in these runs"),
        (["nowhere", "--table", "2"], "nowhere"),
        (["paper", "--table", "6", "--out", "run/run.json"], "--out run/run.json: is a file, not a folder"),
    ],
)
def test_what_says_nothing_is_refused_in_one_sentence(inside: Inside, args: list[str], said: str) -> None:
    done = inside("table", *args)
    assert done.code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
