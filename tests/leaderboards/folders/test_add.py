"""`leaderboard add`: what stands in a folder follows from the archive, and what may not stand there is refused."""

from __future__ import annotations

import csv
import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2vbench.admission import BOARDS
from i2vbench.leaderboards.folders.add import Place, add
from i2vbench.leaderboards.folders.clips import COUNT, choose_samples, encode_small
from i2vbench.leaderboards.folders.layout import MOST_CLIPS_BYTES
from i2vbench.leaderboards.folders.make import reasons_of
from i2vbench.leaderboards.submission.restore import Restored
from i2vbench.leaderboards.submission.verify import Wish
from i2vbench.run_file import read_settings
from i2vbench.tables import collect
from i2vbench.types import Video
from i2vbench.video import read_image, read_video
from tests.cli.inside import call_inside
from tests.conftest import Cli
from tests.leaderboards.conftest import Submitted
from tests.leaderboards.test_stored_runs import make_msrvtt
from tests.tables.runs import sample


def test_a_folder_has_the_runs_rows_cells_and_clips(made: Path, submitted: Submitted) -> None:
    clips = ("astronaut", "leaning-in-car", "talking-in-car")
    files = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    assert files == {
        *("entry.toml", "scores.csv", "cells.json", "verification.json"),
        *(f"clips/{id_}{suffix}" for id_ in clips for suffix in (".mp4", ".png")),
    }
    results = collect([submitted.run], ["fvd", "clipsim"], replicates=1000)
    (column,) = [column for column in results.columns if column.model == "rolling"]
    with open(made / "scores.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["sample"], row["metric"]) for row in rows] == [(id_, m) for id_ in clips for m in ("clipsim", "fvd")]
    measured = {record.sample.id: record.row.value for record in results.records("clipsim", column) if record.row}
    assert {row["sample"]: float(row["value"]) for row in rows if row["metric"] == "clipsim"} == measured
    assert [row["state"] for row in rows if row["metric"] == "fvd"] == ["not_applicable", "done", "done"]

    said = json.loads((made / "cells.json").read_text(encoding="utf-8"))
    for position, info in enumerate(results.metrics):
        cells = results.cells[(results.cells["metric"] == position) & (results.cells["column"] == 1)]
        entry = cells.sort_values("row")["entry"].iloc[-1]
        (total,) = [c for c in said["cells"] if c["metric"] == info.id and c["category"] is None]
        assert total["value"] == info.print(entry.cell.value)
        assert (total["low"], total["high"], entry.interval) == ("", "", None)  # of three clips there is none
        assert (total["n"], total["planned"]) == (entry.cell.n, 3)
    assert said["facts"]["Adapter"].startswith("rolling.py, SHA-256 ")
    assert "It was made under the profile tiny." in said["reasons"][0]
    assert said["reasons"][-1] == "It is of the data set demo, not of msrvtt."


def test_clips_are_the_runs_videos_and_pictures_what_models_were_shown(made: Path, submitted: Submitted) -> None:
    for video in sorted((made / "clips").glob("*.mp4")):
        theirs = read_video(submitted.run / "videos" / "rolling" / f"{video.stem}-seed0.mp4").frames
        ours = read_video(video).frames
        assert ours.shape == theirs.shape
        assert np.abs(ours.astype(int) - theirs).mean() < 4
        shown = read_image(submitted.run / "first_frames" / f"{video.stem}.png")
        assert np.array_equal(read_image(video.with_suffix(".png")), shown)


def test_entry_toml_starts_with_what_is_known(made: Path, submitted: Submitted) -> None:
    card = tomllib.loads((made / "entry.toml").read_text(encoding="utf-8"))
    assert (card["board"], card["model"], card["title"]) == ("msrvtt", "rolling", "rolls <b>the</b> first frame")
    assert card["contact"] == "A. Author, a@example.org"
    assert card["archive"]["bytes"] == submitted.archive.stat().st_size


def test_every_entry_of_a_board_shows_the_same_samples() -> None:
    samples = [sample(f"{category}-{n}", category) for category in "ABCDE" for n in range(4)]
    chosen = choose_samples("i2v-bench", samples)
    assert chosen == choose_samples("i2v-bench", samples[::-1])
    assert len(chosen) == len(set(chosen)) == COUNT
    assert sorted(id_[0] for id_ in chosen[:5]) == list("ABCDE")  # of each category one, before a second of any
    assert max(sum(id_[0] == category for id_ in chosen) for category in "ABCDE") == 3
    assert set(chosen) != set(choose_samples("ucf101", samples))
    assert len(choose_samples("msrvtt", samples[:3])) == 3


def test_previews_of_noise_are_small_enough_for_all_of_them_to_fit() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 256, 256, 3), dtype=np.uint8)
    data = encode_small(Video(noise, 8.0))
    assert data == encode_small(Video(noise, 8.0))
    assert len(data) * COUNT < MOST_CLIPS_BYTES


def test_a_run_that_may_stand_on_its_board_has_no_reason_against_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BOARDS, "msrvtt", dataclasses.replace(BOARDS["msrvtt"], samples=(2,)))
    run = make_msrvtt(tmp_path / "run", models=("static", "pan"), scores={("clipsim", "pan"): [0.5, "no pixels"]})
    restored = Restored(run, read_settings(run), {}, {}, {}, ["fvd", "clipsim"], [])
    assert reasons_of(restored, "static", "msrvtt") == []  # what the other model lacks is no reason
    assert reasons_of(restored, "pan", "msrvtt") == ["1 clips of pan could not be measured with clipsim."]
    assert reasons_of(restored, "static", "ucf101") == ["It is of the data set msrvtt, not of ucf101."]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "has several models, static, rolling: name one (--model)"),
        (["--model", "mine"], 2, "no model 'mine' in"),
        (["--model", "static"], 2, "there is no board of demo: there are i2v-bench, ucf101, msrvtt; --board"),
        (["--model", "static", "--board", "vbench"], 2, "there is no board of vbench"),
        (["--model", "static", "--board", "msrvtt", "--name", "paper-x"], 2, "paper-x is no name for a folder"),
        (["--model", "static", "--board", "msrvtt", "--name", "../../x"], 2, "is no name for a folder"),
        (["--model", "rolling", "--board", "msrvtt"], 2, "is there already"),
        (["--model", "static", "--board", "msrvtt"], 1, "it may not go on a leaderboard: It was made under"),
    ],
)
def test_refusals(
    arguments: list[str], code: int, said: str, folder: Path, submitted: Submitted, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    call, root = call_inside(tmp_path, monkeypatch, capsys), folder.parent.parent
    done = call("leaderboard", "add", submitted.archive, "--out", root, "--recompute-only", *arguments)
    assert (done.code, list(root.rglob("static"))) == (code, []), done
    assert said in done.stdout + done.stderr


def test_without_videos_a_trial_has_no_clips(submitted: Submitted, tmp_path: Path) -> None:
    wish: dict[str, Any] = {"archive": submitted.bare, "recompute_only": True, "anyway": True, "model": "static"}
    (tmp_path / "room").mkdir()
    added = add(Wish(**wish), Place(root=tmp_path, board="msrvtt"), tmp_path / "room")
    assert added.folder is not None
    assert not (added.folder / "clips").exists()
    assert "There are no videos to show: name their folder (--videos)." in added.reasons
    assert "Nothing of it was measured again." in added.reasons


def test_the_command_makes_a_folder_that_verifies(
    submitted: Submitted, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "leaderboards" / "accepted").mkdir(parents=True)
    options = ("--model", "static", "--board", "msrvtt", "--anyway", "--recompute-only")
    done = cli("leaderboard", "add", submitted.bare, *options, "--videos", submitted.run / "videos")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "leaderboards/accepted/msrvtt/static was made. Next: fill in" in done.stdout
    folder = tmp_path / "leaderboards" / "accepted" / "msrvtt" / "static"
    assert (folder / "clips" / "astronaut.png").is_file()
    call = call_inside(tmp_path, monkeypatch, capsys)
    again = call("leaderboard", "verify", folder, submitted.bare, "--recompute-only", "--anyway", "--json")
    first, second = json.loads(again.stdout)
    assert again.code == 1
    assert first["faults"][:2] == [
        "entry.toml: authors: expected 1 to 50 names, found 0",
        "entry.toml: archive.url: say where everybody can fetch the archive, or put it in the folder as archive.zip",
    ]
    assert second["verified"]
