"""`i2vbench compare` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.inside import Inside, call_inside
from tests.compare.runs import CATEGORIES, drawn, one_model
from tests.conftest import Cli
from tests.tables.runs import FLICKERING, RunSpec, make_run, sample


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Runs a and b of one model each, and both of two."""
    one_model(tmp_path / "a", "calm", {FLICKERING: drawn(0, 24, 0.8)}, seeds=(0, 1))
    one_model(tmp_path / "b", "lively", {FLICKERING: drawn(1, 24)}, seeds=(0, 1))
    plan = [sample(f"s{i}", CATEGORIES[i % 2]) for i in range(6)]
    scores = {(FLICKERING, "static"): drawn(0, 6), (FLICKERING, "pan"): drawn(1, 6)}
    make_run(tmp_path / "both", RunSpec(plan, scores))
    return tmp_path


@pytest.fixture
def inside(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return call_inside(place, monkeypatch, capsys)


def test_two_runs_are_compared_and_written(cli: Cli, place: Path) -> None:
    done = cli("compare", "a", "b", "--out", "out", "--replicates", "500")
    assert (done.returncode, done.stderr.splitlines()[0]) == (0, "9 files in out:")
    assert "- Temporal Flickering: calm is better by " in done.stdout
    assert {path.suffix for path in (place / "out").iterdir()} == {".csv", ".tex", ".md", ".html"}
    for path in (place / "out").iterdir():
        assert str(place) not in path.read_text(), f"{path.name} holds a path"


def test_standard_output_is_json_and_nothing_else(inside: Inside, place: Path) -> None:
    done = inside("compare", "a", "b", "--json", "--seed", "3")
    found = json.loads(done.stdout)
    assert (found["a"], found["b"], found["seed"]) == ("calm", "lively", 3)
    assert [row["category"] for row in found["metrics"][0]["rows"]] == [*CATEGORIES, "All"]
    assert not (place / "compare").exists()


def test_two_models_of_one_run_without_categories(inside: Inside) -> None:
    done = inside("compare", "both", "--model-a", "pan", "--model-b", "static", "--no-by-category", "--replicates", 100)
    assert done.code == 0
    assert "Food" not in done.stdout
    assert "One seed a sample: what the seed adds cannot be told" in done.stdout


def test_one_model_is_told_what_its_seeds_add(inside: Inside, place: Path) -> None:
    done = inside("compare", "a", "--format", "csv,latex")
    assert done.code == 0
    assert "calm, seeds and samples" in done.stdout
    assert "Temporal Flickering, calm: other seeds on the same samples would move the mean by up to" in done.stdout
    assert {path.name for path in (place / "compare").iterdir()} == {"seeds.csv", "seeds.tex"}
    single = inside("compare", "both", "--model-a", "pan")
    assert single.code == 0
    assert "One seed a sample" in single.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("both",), "both has several models: static, pan; name two with --model-a and --model-b"),
        (("both", "a"), "--model-a is one of static, pan (both)"),
        (("a", "b", "--metrics", "fvd"), "no metric 'fvd' in these runs: they have temporal_flickering"),
        (("a", "nowhere"), "nowhere is not a run: it has no run.json"),
        (("a", "b", "--distance-replicates", "50"), "--distance-replicates 50: expected 100 or more, or 0"),
        (("a", "b", "--format", "excel"), "unknown format 'excel'"),
        (("a", "b", "--model-b", "calm"), "no model 'calm' in b"),
        (("a", "b", "--out", "a/run.json/x"), "--out a/run.json/x"),
    ],
)
def test_what_cannot_be_compared_is_refused(inside: Inside, arguments: tuple[str, ...], words: str) -> None:
    done = inside("compare", *arguments)
    assert done.code == 2
    assert words in done.stderr
    assert done.stdout == ""
