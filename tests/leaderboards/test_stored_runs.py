"""Whether a run's folder may go on a leaderboard: its store and run.json, hostile ones too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from i2vbench.admission import BOARDS, examine, refusals
from i2vbench.cli.leaderboard import app
from i2vbench.errors import UserError
from i2vbench.profiles import load_profile
from i2vbench.run_file import read_settings
from i2vbench.store import Store
from i2vbench.types import Measurement, Sample, Video
from i2vbench.video import write_video
from tests import parts
from tests.conftest import Cli, Go, moving_frames, record
from tests.leaderboards.settings import Settings, change, recorded, settings_of, whole
from tests.tables.runs import FLICKERING, RunSpec, make_run, sample

TINY = load_profile("tiny").as_dict()


@pytest.fixture
def board_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the whole of MSR-VTT were two clips."""
    monkeypatch.setitem(BOARDS, "msrvtt", replace(BOARDS["msrvtt"], samples=(2,)))


TWO = [sample("a", "Pet"), sample("b", "Food")]
FEATURES = np.ones(4, np.float32)


def make_msrvtt(folder: Path, samples: Sequence[Sample] = TWO, **more: Any) -> Path:
    """A run of MSR-VTT on disk, finished but for what `more` says."""
    settings = settings_of("msrvtt")
    models, n = more.get("models", ("static",)), len(samples)
    scores = {("fvd", model): [FEATURES] * n for model in models} | {("clipsim", model): [0.5] * n for model in models}
    changes = {
        "dataset": settings["dataset"] | {"samples": n, "fingerprint": "ab12cd34" * 8},
        "profile": settings["profile"], "metrics": settings["metrics"], **more.get("changes", {}),
    }  # fmt: skip
    spec = RunSpec(
        samples,
        scores | more.get("scores", {}),
        models,
        ("fvd", "clipsim"),
        reference=more.get("reference", {"fvd": [FEATURES] * n}),
        changes=changes,
    )
    return make_run(folder, spec)


@pytest.mark.usefixtures("board_of_two")
@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ({}, []),
        ({"reference": {"fvd": [FEATURES, "no pixels"]}}, ["1 real clips could not be measured with fvd."]),
        (
            {"reference": {"fvd": [FEATURES, None]}},
            ["It is not finished: 1 real clips are not measured with fvd yet."],
        ),
        ({"reference": {}}, ["It is not finished: 2 real clips are not measured with fvd yet."]),
        (
            {"scores": {("clipsim", "static"): [("n/a", "no prompt")] * 2}},
            ["2 clips of static were left out of clipsim, though it applies to them."],
        ),
    ],
)
def test_real_clips_and_records_are_read_from_the_store(tmp_path: Path, more: Settings, reasons: list[str]) -> None:
    assert examine(make_msrvtt(tmp_path / "run", **more)).reasons == reasons


@pytest.mark.usefixtures("board_of_two")
def test_a_surplus_of_records_hides_no_lack(tmp_path: Path) -> None:
    """Records of clips that were not made, of another model or of the same, do not stand for those that lack."""
    run = make_msrvtt(tmp_path / "run", models=("static", "pan"), scores={("clipsim", "static"): [0.5, None]})
    settings = read_settings(run)
    with Store.create(run, settings) as store:
        record(store, "pan", [5], [Measurement("a", "clipsim", value=0.5)])
        record(store, "static", [5], [Measurement("a", "clipsim", value=0.5)])
    assert examine(run).reasons == ["It is not finished: 1 clips of static are not measured with clipsim yet."]


@pytest.mark.usefixtures("board_of_two")
def test_empty_tables_and_no_models_are_refused(tmp_path: Path) -> None:
    nothing = examine(make_msrvtt(tmp_path / "nothing", samples=[])).reasons
    assert nothing == [
        "It has 0 samples; the whole of msrvtt is 2.",
        "No clip of static has been measured with fvd.",
        "No clip of static has been measured with clipsim.",
    ]
    assert examine(make_msrvtt(tmp_path / "nobody", changes={"models": {}})).reasons == ["It has no model."]


def test_a_real_run_of_msrvtt_lacks_what_it_lacks_and_nothing_else(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "msrvtt"
    folder.mkdir()
    for name in ("video7010", "video7011"):
        write_video(folder / f"{name}.mp4", Video(moving_frames(24, 64, 64), 8.0))
    videos = [{"video_id": name, "category": 0} for name in ("video7010", "video7011")]
    captions = [{"video_id": video["video_id"], "caption": "a clip"} for video in videos]
    (folder / "test.json").write_text(json.dumps({"videos": videos, "sentences": captions}))
    go(["static"], [parts.One, "fvd", "clipsim"], dataset=f"msrvtt:{folder}", profile="paper", skip_missing=True)
    found = examine(tmp_path / "run").reasons
    assert [line.partition(":")[0] for line in found] == [
        "It has no fvd",
        "It has no clipsim",
        "It has 2 samples; the whole of msrvtt is 2,990.",
    ]
    settings = read_settings(tmp_path / "run")
    for id_ in ("fvd", "clipsim"):
        del settings["metrics"][id_]["skipped"]
        settings["metrics"][id_]["checkpoints"] = recorded(id_)["checkpoints"]
    assert refusals(settings, whole(settings)) == []


@pytest.mark.parametrize(
    ("apply", "what"),
    [
        (change("metrics", "fvd", "checkpoints", to=[1]), "checkpoints of the metric fvd"),
        (change("metrics", "fvd", "checkpoints", to=None), "checkpoints of the metric fvd"),
        (change("metrics", "fvd", "checkpoints", to={"i3d_tats": 1}), "checkpoints of the metric fvd"),
        (change("metrics", "fvd", "skipped", to={"a": 1}), "skipped of the metric fvd"),
        (change("metrics", "fvd", "info", to={"reads": 5}), "info.reads of the metric fvd"),
        (change("metrics", "fvd", "info", to={"features_of": ["x"]}), "info.features_of of the metric fvd"),
        (change("dataset", "spec", to=["ucf101"]), "dataset.spec"),
    ],
)
def test_a_run_json_that_no_run_wrote_is_a_sentence(
    tmp_path: Path, apply: Callable[[Settings], None], what: str
) -> None:
    run = make_msrvtt(tmp_path / "run")
    settings = json.loads((run / "run.json").read_text())
    apply(settings)
    (run / "run.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match=rf"run\.json is damaged: {re.escape(what)}"):
        examine(run)


def test_the_command_prints_each_reason(cli: Cli, tmp_path: Path) -> None:
    spec = RunSpec(
        [sample("a", "Pet"), sample("b", "Food")],
        {(FLICKERING, "static"): (1.0, 1.0), (FLICKERING, "pan"): (0.5, None)},
        changes={"profile": TINY},
    )
    make_run(tmp_path / "run", spec)
    done = cli("leaderboard", "check", "run")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "It was made under the profile tiny. These numbers are not comparable with published ones.",
        "Its data set is demo; there are leaderboards of i2v-bench, ucf101, msrvtt.",
        "It is not finished: 1 clips of pan are not measured with temporal_flickering yet.",
    ]
    assert cli("leaderboard", "check", "nowhere").returncode == 2


@pytest.mark.usefixtures("board_of_two")
def test_the_command_lets_a_sound_run_pass(tmp_path: Path) -> None:
    """In this process, where a board of two clips can be."""
    run = make_msrvtt(tmp_path / "run")
    done = CliRunner().invoke(app, ["check", str(run)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "It may be submitted.",
        "note: What fvd looked through cannot be verified: the catalogue pins no SHA-256 of i3d_tats.",
    ]
