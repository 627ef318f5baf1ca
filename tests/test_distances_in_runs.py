"""Distribution metrics in a whole run: real features once, skipped metrics, small categories, protocols."""

from __future__ import annotations

import csv
import dataclasses
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from i2vbench.errors import UserError
from i2vbench.kept.entries import kept_folder
from i2vbench.metrics.frechet import frechet_distance
from i2vbench.metrics.fvd import FVD
from i2vbench.metrics.networks import i3d
from i2vbench.progress import Quiet
from i2vbench.run import Outcome, default_folder, run
from i2vbench.settings import RunConfig, config_of
from i2vbench.tables import collect
from i2vbench.tables.layout import all_tables
from i2vbench.tables.results import Results
from i2vbench.types import Cell, Clip, Measurement, Video
from i2vbench.video import write_video
from tests.conftest import Cli, make_dataset, moving_frames
from tests.metrics.looking import lay_out, recipe_state

PROFILE = """
name = "nine"
title = "clips of nine frames"

[protocol]
num_frames = 9
fps = 8
height = 32
width = 32
interpolation = "bilinear"
sampling = "nearest"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a data set of three clips of 12 frames, and a profile of nine."""
    make_dataset(tmp_path / "data", num_clips=3, num_images=1)
    for i in range(3):
        write_video(tmp_path / "data" / f"clip-{i}.mp4", Video(moving_frames(12, seed=i), 8.0))
    (tmp_path / "nine.toml").write_text(PROFILE)
    return tmp_path


class Small(torch.nn.Module):
    """Stands for I3D where its time is not what is tested: mean colours of a few frames, as 400 numbers."""

    def forward(self, videos: torch.Tensor) -> torch.Tensor:
        return videos.mean(dim=(3, 4)).flatten(1).repeat(1, 15)[:, :400]


@pytest.fixture
def small_i3d(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The catalogue with an I3D that is here; returns the ids of clips that go through it."""
    lay_out(place / "cache", monkeypatch, {"i3d_tats": recipe_state("i3d")})
    monkeypatch.setattr(i3d, "load", lambda state, sizes: Small())
    seen: list[str] = []
    measure = FVD.measure

    def spy(self: FVD, clips: Sequence[Clip]) -> list[Measurement]:
        seen.extend(clip.sample.id for clip in clips)
        return measure(self, clips)

    monkeypatch.setattr(FVD, "measure", spy)
    return seen


def go(place: Path, model: str, out: str = "run", metrics: str = "fvd", **options: object) -> Outcome:
    given: dict[str, object] = {
        "models": (model,), "metrics": tuple(metrics.split(",")), "dataset": f"folder:{place / 'data'}",
        "profile": str(place / "nine.toml"), "device": "cpu", "out": place / out,
    }  # fmt: skip
    return run(RunConfig(**(given | options)), Quiet())  # type: ignore[arg-type]


def cell(results: Results, metric: str, row: str = "All", column: int = 0) -> Cell:
    cells = results.cells
    wanted = (
        (cells["metric"] == [info.id for info in results.metrics].index(metric))
        & (cells["row"] == list(results.categories).index(row))
        & (cells["column"] == column)
    )
    found = cells[wanted]["entry"].iloc[0].cell
    assert isinstance(found, Cell)
    return found


def test_a_cell_is_the_distance_of_the_stored_features(place: Path, small_i3d: list[str]) -> None:
    outcome = go(place, "pan")
    assert outcome.failed == 0
    stored = place / "run" / "features" / "fvd"
    real = np.stack([np.load(stored / "real" / f"clip-{i}-seed0.npy") for i in range(3)])
    ours = np.stack([np.load(stored / "models" / "pan" / f"clip-{i}-seed0.npy") for i in range(3)])
    found = cell(collect([place / "run"]), "fvd")
    assert found.value == pytest.approx(frechet_distance(real, ours, ddof=1), rel=1e-9)
    assert found.n == 3
    assert "mostly bias" in found.note
    recorded = json.loads((place / "run" / "run.json").read_text())["metrics"]["fvd"]
    assert len(recorded["checkpoints"]["i3d_tats"]) == 64


def test_the_real_clips_against_themselves_are_at_0(place: Path, small_i3d: list[str]) -> None:
    go(place, "ground_truth")
    assert cell(collect([place / "run"]), "fvd").value == pytest.approx(0, abs=1e-6)


def test_a_second_model_pays_nothing_for_the_real_clips(place: Path, small_i3d: list[str]) -> None:
    go(place, "static", "first")
    assert sorted(small_i3d) == sorted(["clip-0", "clip-1", "clip-2"] * 2)
    small_i3d.clear()
    go(place, "pan", "first")
    assert sorted(small_i3d) == ["clip-0", "clip-1", "clip-2"], "of the same run"
    small_i3d.clear()
    go(place, "ground_truth", "second")
    assert sorted(small_i3d) == ["clip-0", "clip-1", "clip-2"], "and of another one"
    one, two = (np.load(place / run_ / "features/fvd/real/clip-0-seed0.npy") for run_ in ("first", "second"))
    assert np.array_equal(one, two)


def test_real_features_of_something_else_are_not_taken(place: Path, small_i3d: list[str]) -> None:
    go(place, "static", "first")
    for change in ("another clip", "another protocol", "another checkpoint"):
        small_i3d.clear()
        if change == "another clip":
            write_video(place / "data" / "clip-1.mp4", Video(moving_frames(12, seed=9), 8.0))
        elif change == "another protocol":
            (place / "nine.toml").write_text(PROFILE.replace("bilinear", "lanczos"))
        else:
            torch.save(recipe_state("i3d", seed=3), place / "cache" / "weights" / "i3d_tats" / "i3d_pretrained_400.pt")
            (place / "cache" / "weights" / "i3d_tats" / "record.json").unlink()
        go(place, "static", change)
        assert len(small_i3d) > 3, change


def test_a_category_is_compared_with_its_own_real_clips(place: Path, small_i3d: list[str]) -> None:
    go(place, "pan", seeds=(0, 1))
    stored = place / "run" / "features" / "fvd"
    real = [np.load(stored / "real" / f"clip-{i}-seed0.npy") for i in (0, 2)]
    ours = [np.load(stored / "models" / "pan" / f"clip-{i}-seed{s}.npy") for i in (0, 2) for s in (0, 1)]
    found = cell(collect([place / "run"], small_categories=True), "fvd", "Pet")
    assert found.value == pytest.approx(frechet_distance(np.stack(real), np.stack(ours), ddof=1), rel=1e-9)
    assert found.n == 4, "clips of two seeds, each real one once"


def test_a_real_clip_that_failed_takes_its_partner_with_it(place: Path, small_i3d: list[str]) -> None:
    go(place, "pan")
    with sqlite3.connect(place / "run" / "run.sqlite") as db:
        db.execute(
            "UPDATE measurement SET state = 'failed', features = NULL, reason = 'lost' "
            "WHERE model = '' AND sample = 'clip-1'"
        )
    found = cell(collect([place / "run"]), "fvd")
    stored = place / "run" / "features" / "fvd"
    real = np.stack([np.load(stored / "real" / f"clip-{i}-seed0.npy") for i in (0, 2)])
    ours = np.stack([np.load(stored / "models" / "pan" / f"clip-{i}-seed0.npy") for i in (0, 2)])
    assert (found.value, found.n) == (pytest.approx(frechet_distance(real, ours, ddof=1), rel=1e-9), 2)


def test_two_files_of_one_checkpoint_are_not_compared(place: Path, small_i3d: list[str]) -> None:
    go(place, "pan", "first")
    torch.save(recipe_state("i3d", seed=3), place / "cache" / "weights" / "i3d_tats" / "i3d_pretrained_400.pt")
    (place / "cache" / "weights" / "i3d_tats" / "record.json").unlink()
    go(place, "pan", "second")
    results = collect([place / "first", place / "second"])
    assert any("THE METRIC DIFFERS" in note for note in results.notes[0])
    assert sum("Looked through i3d_tats" in note for note in results.notes[0]) == 2
    (table,) = [table for table in all_tables(results) if table.name == "fvd"]
    assert {cell_.mark for row in table.rows for cell_ in row.cells} == {""}
    alone = collect([place / "first", place / "first"])
    assert not any("DIFFERS" in note for note in alone.notes[0])


def test_a_cell_that_took_long_is_kept_until_its_features_change(
    place: Path, small_i3d: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    go(place, "pan")
    monkeypatch.setattr("i2vbench.tables.kept_cells.KEPT_SECONDS", 0.0)
    before = cell(collect([place / "run"]), "fvd")
    computed: list[object] = []
    aggregate = FVD.aggregate

    def spy(self: FVD, *sides: object) -> Cell:
        computed.append(self)
        return aggregate(self, *sides)  # type: ignore[arg-type]

    monkeypatch.setattr(FVD, "aggregate", spy)
    assert cell(collect([place / "run"]), "fvd") == before
    assert computed == []
    file = place / "run" / "features" / "fvd" / "models" / "pan" / "clip-0-seed0.npy"
    np.save(file, np.load(file) + 1)
    assert cell(collect([place / "run"]), "fvd").value != before.value
    assert len(computed) == 1
    for kept in (kept_folder() / "cells").rglob("*/*"):
        kept.write_text("{}")
    assert cell(collect([place / "run"]), "fvd").value != before.value
    assert len(computed) == 2, "a damaged one is computed again"


def test_the_same_command_goes_on_once_nothing_is_missing(place: Path) -> None:
    config = RunConfig(models=("pan",), dataset=f"folder:{place / 'data'}", profile=str(place / "nine.toml"))
    skipping = dataclasses.replace(config, skip_missing=True)
    assert default_folder(config, "data") == default_folder(skipping, "data")


def test_script_that_nobody_trusts_stops_a_run_before_it_begins(place: Path, small_i3d: list[str]) -> None:
    file = place / "cache" / "weights" / "i3d_torchscript" / "i3d_torchscript.pt"
    file.parent.mkdir(parents=True)
    torch.jit.script(torch.nn.Identity()).save(str(file))
    with pytest.raises(UserError, match="weights trust i3d_torchscript SHA256"):
        go(place, "pan", metrics="fvd:stylegan-v")
    assert not (place / "run").exists()


def test_a_profiles_unknown_metric_is_named(place: Path, small_i3d: list[str]) -> None:
    (place / "nine.toml").write_text(PROFILE.replace("[protocol]", '[checkpoints]\nfvdd = ["i3d_tats"]\n\n[protocol]'))
    with pytest.raises(UserError, match="unknown metric 'fvdd': did you mean fvd"):
        go(place, "pan")


def test_damaged_real_features_are_computed_again(place: Path, small_i3d: list[str]) -> None:
    go(place, "static", "first")
    for kept in (place / "cache" / "kept" / "measurements").rglob("*"):
        if kept.is_file():
            kept.write_bytes(kept.read_bytes()[:90])
    small_i3d.clear()
    assert go(place, "static", "second").failed == 0
    assert len(small_i3d) == 6


def test_small_categories_stay_empty_unless_they_are_asked_for(place: Path, small_i3d: list[str]) -> None:
    go(place, "pan")
    pet = cell(collect([place / "run"]), "fvd", "Pet")
    assert (pet.value, pet.n) == (None, 2)
    assert "fewer than 400 clips" in pet.note
    assert cell(collect([place / "run"], small_categories=True), "fvd", "Pet").value is not None


def test_what_aggregates_anothers_features_brings_it(place: Path, small_i3d: list[str]) -> None:
    go(place, "pan", metrics="fvd_infinity")
    assert len(small_i3d) == 6, "measured once"
    results = collect([place / "run"])
    assert [info.id for info in results.metrics] == ["fvd", "fvd_infinity"]
    assert "too few to extrapolate from: 3 features" in cell(results, "fvd_infinity").note


def test_a_run_without_its_checkpoints_stops_before_any_work(
    place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("I2VBENCH_CACHE", str(place / "empty"))
    monkeypatch.setenv("HF_HOME", str(place / "empty"))
    arguments = (
        "--model", "static", "--dataset", "folder:data", "--profile", "nine.toml", "--device", "cpu", "--out", "run",
    )  # fmt: skip
    refused = cli("run", *arguments, "--metrics", "all", cwd=place)
    assert refused.returncode == 2
    for name in ("i3d_tats", "inception_2015_12_05", "c3d_ucf", "c3d_mean", "clip_vit_b32"):
        assert refused.stderr.count(name) >= 2, "in the table, and in the command"
    assert "i2vbench weights fetch" in refused.stderr
    assert "605.1 MB" in refused.stderr
    assert not (place / "run").exists()
    done = cli("run", *arguments, "--metrics", "all", "--skip-missing", "--quiet", cwd=place)
    assert done.returncode == 0, done.stderr
    said = (place / "run" / "tables" / "fvd.md").read_text().replace("\\", "")
    assert "not measured: not here: i3d_tats (i2vbench weights fetch i3d_tats)" in said
    with open(place / "run" / "tables" / "temporal_flickering.csv", newline="", encoding="utf-8") as file:
        assert next(row for row in csv.DictReader(file))
    assert cli("run", "--resume", "--out", "run", "--quiet", cwd=place).returncode == 0, "it goes on without them"


def test_a_skipped_metric_is_measured_once_its_checkpoint_is_there(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(place / "cache", monkeypatch, {})
    go(place, "pan", metrics="fvd,temporal_flickering", skip_missing=True)
    results = collect([place / "run"])
    assert cell(results, "fvd").value is None
    assert "not measured: not here: i3d_tats" in cell(results, "fvd").note
    assert cell(results, "temporal_flickering").value is not None
    lay_out(place / "cache", monkeypatch, {"i3d_tats": recipe_state("i3d")})
    monkeypatch.setattr(i3d, "load", lambda state, sizes: Small())
    assert run(config_of(place / "run"), Quiet()).failed == 0
    assert cell(collect([place / "run"]), "fvd").value is not None
    (place / "cache" / "weights" / "i3d_tats" / "i3d_pretrained_400.pt").unlink()
    with pytest.raises(UserError, match="i3d_tats"):
        run(config_of(place / "run"), Quiet())
    go(place, "pan", metrics="fvd,temporal_flickering", skip_missing=True)
    assert cell(collect([place / "run"]), "fvd").value is not None, "what was measured stays"


def test_another_file_under_the_checkpoints_name_is_refused(place: Path, small_i3d: list[str]) -> None:
    go(place, "pan")
    torch.save(recipe_state("i3d", seed=3), place / "cache" / "weights" / "i3d_tats" / "i3d_pretrained_400.pt")
    (place / "cache" / "weights" / "i3d_tats" / "record.json").unlink()
    with pytest.raises(UserError, match=r"metrics\.fvd\.checkpoints\.i3d_tats"):
        go(place, "pan")
