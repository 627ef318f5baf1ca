"""`i2vbench figures`: what it writes and prints, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.inside import Inside, call_inside
from tests.conftest import Cli
from tests.figures.test_sources import spec
from tests.tables.runs import make_run


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return call_inside(tmp_path, monkeypatch, capsys)


def test_the_papers_figures_are_one_command(cli: Cli, tmp_path: Path) -> None:
    done = cli("figures", "paper", "--kind", "radar,scatter", "--format", "svg,png", "--out", "made")
    assert (done.returncode, done.stdout) == (0, "4 files in made:\n  radar.svg  radar.png  scatter.svg  scatter.png\n")
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == sorted(done.stdout.split()[4:])


def test_a_run_has_its_figures_in_its_folder(inside: Inside, tmp_path: Path) -> None:
    make_run(tmp_path / "run", spec())
    done = inside("figures", "run", "--format", "svg")
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("8 files in run/figures:\n  radar.svg  heatmap-temporal_flickering.svg")
    assert len(list((tmp_path / "run" / "figures").iterdir())) == 8


def test_a_choice_goes_to_a_folder_of_its_own_and_says_what_is_not_drawn(inside: Inside, tmp_path: Path) -> None:
    make_run(tmp_path / "run", spec())
    done = inside("figures", "run", "--metrics", "dynamic_degree", "--model", "pan", "--format", "svg")
    assert (done.code, done.stdout.split(":")[0]) == (0, "2 files in figures")
    assert "not drawn: a radar needs at least 3 metrics" in done.stderr
    assert "not drawn: a scatter needs" in done.stderr


def test_a_folder_called_paper_can_be_named(inside: Inside, tmp_path: Path) -> None:
    make_run(tmp_path / "paper", spec())
    done = inside("figures", "./paper", "--kind", "radar", "--format", "svg")
    assert done.stdout == "1 file in paper/figures:\n  radar.svg\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["paper", "--kind", "pie"], "--kind 'pie': expected radar, heatmap, scatter or histograms"),
        (["paper", "--format", "eps"], "--format 'eps': expected pdf, svg or png"),
        (["paper", "--width", "2"], "--width '2': expected column, text, or 5 to 60 centimetres"),
        (["paper", "--width", "nan"], "--width 'nan': expected"),
        (["paper", "other"], "paper stands alone"),
        (["paper", "--with-published"], "paper stands alone"),
        (["paper", "--kind", "histograms"], "the paper prints none: name the folder of a run instead"),
        (["paper", "--metrics", "fvd"], "no metric 'fvd' to draw: there are temporal_flickering"),
        (["paper", "--model", "Sora"], "no model 'Sora' to draw: there are AnimateAnything"),
        (["nowhere"], "nowhere"),
    ],
)  # fmt: skip
def test_refusals_are_one_sentence(inside: Inside, args: list[str], message: str) -> None:
    done = inside("figures", *args)
    assert done.code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
