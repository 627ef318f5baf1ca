"""`i2vbench data stats` and `data list`: what is printed where, and which files are written."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from i2vbench.datasets.folder import FolderDataset
from tests.cli.inside import Inside, call_inside
from tests.conftest import make_dataset


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    make_dataset(tmp_path / "data", num_clips=3, num_images=1, categories=("Pet", "<b>=Food"))
    return call_inside(tmp_path, monkeypatch, capsys)


def test_stats_are_printed_and_no_file_is_written_unasked(inside: Inside, tmp_path: Path) -> None:
    done = inside("data", "stats", "data")
    assert (done.code, done.stderr) == (0, "")
    assert "Pet           3             2           2\n" in done.stdout
    assert "All           4             3           3\n" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    assert inside("data", "stats", "folder:data").stdout == done.stdout


def test_stats_write_the_formats_that_are_asked_for(inside: Inside, tmp_path: Path) -> None:
    assert inside("data", "stats", "data", "--format", "csv,latex").code == 0
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["stats-data.csv", "stats-data.tex"]
    done = inside("data", "stats", "data", "--out", "out", "--json")
    assert {row["category"]: row["clips"] for row in json.loads(done.stdout)["rows"]} == {
        "Pet": 3, "<b>=Food": 1, "All": 4,
    }  # fmt: skip
    names = [f"stats-data.{suffix}" for suffix in ("csv", "html", "md", "tex")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert "<b>" not in (tmp_path / "out" / "stats-data.html").read_text()
    assert "<b>" not in (tmp_path / "out" / "stats-data.md").read_text()
    again = inside("data", "stats", "data", "--out", "data/metadata.csv")
    assert again.code == 2
    assert "--out data/metadata.csv: is a file, not a folder" in again.stderr


def test_stats_of_a_data_set_by_name(inside: Inside) -> None:
    assert "\nDrama" in inside("data", "stats", "demo").stdout
    assert "unknown data set 'nowhere'" in inside("data", "stats", "nowhere").stderr


def test_a_list_tells_how_many_and_which_set(inside: Inside, tmp_path: Path) -> None:
    data_set = FolderDataset(str(tmp_path / "data"))
    done = inside("data", "list", "data", "--hashes", "--out", "lists/mine.csv")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == f"4 samples of data; fingerprint {data_set.fingerprint(data_set.samples())}\n"
    with open(tmp_path / "lists" / "mine.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["clip-0", "clip-1", "clip-2", "image-0"]
    assert all(len(row["sha256"]) == 64 for row in rows)
    printed = inside("data", "list", "data").stdout
    assert [row["id"] for row in csv.DictReader(printed.splitlines())] == [row["id"] for row in rows]


def test_a_list_that_cannot_be_written_is_refused_first(inside: Inside) -> None:
    done = inside("data", "list", "demo", "--out", "data/metadata.csv/list.csv")
    assert done.code == 2
    assert "--out data/metadata.csv/list.csv: cannot be written" in done.stderr
