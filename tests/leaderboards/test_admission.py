"""A run goes on a leaderboard only if it is finished, whole and made as the paper's numbers were."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from i2vbench.leaderboards.admission import BOARDS, refusals
from i2vbench.profiles import load_profile
from i2vbench.registry import METRICS
from i2vbench.weights import entry
from tests.conftest import Cli
from tests.tables.runs import FLICKERING, RunSpec, make_run, sample

Settings = dict[str, Any]


def settings_of(board: str) -> Settings:
    """The `run.json` of a run that may go on a board."""
    profile = load_profile("paper").under(board)
    return {
        "dataset": {"name": board},
        "selection": {"limit": None, "categories": None},
        "profile": profile.as_dict(),
        "metrics": {id_: recorded(id_) for id_ in BOARDS[board]},
    }


def recorded(id_: str) -> Settings:
    hashes = {name: entry(name).sha256 or "ab" for name in METRICS.create(id_).info.checkpoints}
    return {"spec": id_, "info": {}, **({"checkpoints": hashes} if hashes else {})}


def whole(settings: Settings) -> dict[str, dict[str, int]]:
    return {id_: {"done": 5, "not_applicable": 1} for id_ in settings["metrics"]}


@pytest.mark.parametrize("board", BOARDS)
def test_a_finished_run_of_the_paper_may_go_on_each_board(board: str) -> None:
    settings = settings_of(board)
    assert refusals(settings, {"mine": {"done": 6}}, whole(settings)) == []


def change(*keys: str, to: Any) -> Callable[[Settings], None]:
    def apply(settings: Settings) -> None:
        place: Any = settings
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return apply


TINY = load_profile("tiny").as_dict()


@pytest.mark.parametrize(
    ("apply", "reason"),
    [
        (change("profile", to=TINY), "It was made under the profile tiny. These numbers are not comparable with pub"),
        (change("profile", "name", to="mine"), "under the profile mine; a leaderboard takes the profile paper alone."),
        (change("profile", "note", to="Mine."), "It was made under the profile paper. Mine."),
        (change("profile", "checkpoints", "fid", to=["tiny_inception"]), "is another one: it differs in fid."),
        (change("profile", "protocol", "num_frames", to=8), "Its protocol is not that of ucf101."),
        (change("dataset", "name", to="demo"), "Its data set is demo; there are leaderboards of i2v-bench, ucf101, ms"),
        (change("selection", "limit", to=9), "It is of a part of ucf101 alone (--limit or --categories)."),
        (change("selection", "categories", to=["Pet"]), "It is of a part of ucf101 alone"),
        (change("metrics", "fid", "skipped", to="not here: x"), "It has no fid: not here: x."),
        (change("metrics", "fid", "spec", to="/x/fid.py:FID"), "Its fid is not the built-in one."),
        (
            change("metrics", "fid", "checkpoints", to={"x": "ab"}),
            "Its fid looked through x, not through inception_2015",
        ),
        (
            change("metrics", "fid", "checkpoints", "inception_2015_12_05", to="00"),
            "Its fid looked through other files than the catalogue states: inception_2015_12_05.",
        ),
        (lambda settings: settings["metrics"].pop("fid"), "It has no fid."),
    ],
)
def test_whatever_sets_its_numbers_apart_is_a_reason(apply: Callable[[Settings], None], reason: str) -> None:
    settings = deepcopy(settings_of("ucf101"))
    apply(settings)
    found = refusals(settings, {"mine": {"done": 6}}, whole(settings))
    assert any(reason in line for line in found), found


def test_what_is_owed_or_failed_is_a_reason() -> None:
    settings = settings_of("msrvtt")
    found = refusals(
        settings,
        {"mine": {"done": 4, "owed": 3, "failed": 2}},
        {"fvd": {"done": 4}, "clipsim": {"done": 2, "failed": 1}},
    )
    assert found == [
        "It is not finished: 3 clips of mine are not generated yet.",
        "2 clips of mine failed.",
        "It is not finished: 1 clips are not measured with clipsim yet.",
        "1 clips could not be measured with clipsim.",
    ]


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
        "It is not finished: 1 clips are not measured with temporal_flickering yet.",
    ]
    assert cli("leaderboard", "check", "nowhere").returncode == 2


def test_the_command_lets_a_sound_run_pass(cli: Cli, tmp_path: Path) -> None:
    settings = settings_of("msrvtt")
    samples = [sample("a", "Pet")]
    changes = {
        "dataset": {"name": "msrvtt", "samples": 1, "fingerprint": "ab12cd34" * 8},
        "profile": settings["profile"],
    }
    run = make_run(
        tmp_path / "run",
        RunSpec(
            samples, {("fvd", "static"): (0.5,), ("clipsim", "static"): (0.5,)}, ("static",), ("fvd", "clipsim"),
            changes=changes | {"metrics": {
                id_: recorded(id_) | {"info": {}} for id_ in ("fvd", "clipsim")
            }},
        ),
    )  # fmt: skip
    done = cli("leaderboard", "check", run)
    assert (done.returncode, done.stdout) == (0, "It may be submitted.\n"), done
