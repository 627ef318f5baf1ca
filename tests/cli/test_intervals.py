"""`i2vbench table --intervals`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.inside import call_inside
from tests.conftest import Cli
from tests.tables.runs import FLICKERING, RunSpec, make_run, sample


def make(folder: Path) -> None:
    samples = [sample(f"s{i}", "Pet") for i in range(6)]
    make_run(folder, RunSpec(samples, {(FLICKERING, "pan"): (0.5, 0.6, 0.7, 0.8, 0.9, 0.9)}, ("pan",)))


def test_the_command_prints_and_writes_them(cli: Cli, tmp_path: Path) -> None:
    make(tmp_path / "run")
    done = cli("table", "run", "--intervals", "--format", "csv", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "Brackets: 95% bootstrap intervals (percentiles of 1,000 resamples" in done.stdout
    (row,) = read(tmp_path / "out" / "summary.csv")
    low, high = row[f"low {FLICKERING}"], row[f"high {FLICKERING}"]
    assert f"73.33 [{low}, {high}]" in done.stdout
    assert float(low) < 73.33 < float(high)
    assert "resamples" not in done.stderr  # no progress where nobody looks


def test_tables_of_the_paper_have_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of runs alone and beside the published numbers, which have none; the numbers of `table RUN --intervals`."""
    samples = [sample(f"s{i}", "Pet" if i < 6 else "Food") for i in range(8)]
    for run, model in (("one", "pan"), ("two", "static")):
        scores = {(FLICKERING, model): [0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.4, 0.5]}
        make_run(tmp_path / run, RunSpec(samples, scores, (model,)))
    inside = call_inside(tmp_path, monkeypatch, capsys)
    inside("table", "one", "two", "--intervals", "--format", "csv", "--out", "own")
    own = {row["category"]: row for row in read(tmp_path / "own" / f"{FLICKERING}.csv")}
    low, high = own["All"]["low pan"], own["All"]["high pan"]
    done = inside("table", "one", "two", "--table", "2,8", "--with-published", "--intervals", "--out", "out")
    assert done.stdout.count(f"66.25^a [{low}, {high}]") == 4
    assert "Brackets: 95% bootstrap intervals (percentiles of 1,000 resamples" in done.stdout
    assert "pan, static in Food: no interval, of fewer than 5 samples." in done.stdout
    for suffix, brackets in (("md", rf"\[{low}, {high}\]"), ("tex", f"[{low}, {high}]"), ("html", f"[{low}, {high}]")):
        assert (tmp_path / "out" / f"table-08.{suffix}").read_text().count(brackets) == 2
    by_category = {row["category"]: row for row in read(tmp_path / "out" / "table-08.csv")}
    for category in ("Pet", "Food", "All"):
        for name in ("low pan", "high pan", "low static", "high static"):
            assert by_category[category][name] == own[category][name]
    assert "low SEINE" not in by_category["All"]
    beside = {row["method"]: row for row in read(tmp_path / "out" / "table-02.csv")}
    ends = [f"{end} {FLICKERING}" for end in ("low", "high")]
    assert [beside["pan"][end] for end in ends] == [low, high]
    assert [beside["SEINE"][end] for end in ends] == ["", ""]
    told = json.loads(inside("table", "one", "--table", "8", "--intervals", "--json").stdout)["tables"][0]["rows"]
    assert told[-1]["pan"]["interval"] == [float(low), float(high)]
    assert told[1]["pan"]["note"] == "no interval, of fewer than 5 samples"
    plain = inside("table", "one", "two", "--table", "2,8", "--with-published", "--out", "plain").stdout
    assert "[" not in plain
    assert "interval" not in plain
    assert not any("low " in name for name in read(tmp_path / "plain" / "table-08.csv")[0])


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "run")
    inside = call_inside(tmp_path, monkeypatch, capsys)
    alone = inside("table", "run", "--replicates", "500")
    assert alone.code != 0
    assert (
        "--replicates says how many resamples are behind the intervals: ask for these too, --intervals" in alone.stderr
    )
    assert inside("table", "run", "--intervals", "--replicates", "5").code != 0
    fewer = inside("table", "run", "--intervals", "--replicates", "100", "--json")
    assert '"interval": [' in fewer.stdout
    assert "standard errors of 100 resamples" in fewer.stdout
