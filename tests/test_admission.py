"""A run goes on a leaderboard only if it is finished, whole and made as the paper's numbers were."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest

from i2vbench.admission import BOARDS, LEFT_OUT, Holdings, refusals, unverified
from i2vbench.profiles import load_profile
from tests.leaderboards.settings import Settings, change, settings_of, whole


@pytest.mark.parametrize("board", BOARDS)
def test_a_finished_run_of_the_paper_may_go_on_each_board(board: str) -> None:
    settings = settings_of(board)
    assert refusals(settings, whole(settings)) == []
    several = settings | {"seeds": [0, 1]}
    assert refusals(several, whole(several)) == []


TINY = load_profile("tiny").as_dict()


@pytest.mark.parametrize(
    ("apply", "reason"),
    [
        (change("profile", to=TINY), "It was made under the profile tiny. These numbers are not comparable with pub"),
        (change("profile", "name", to="mine"), "under the profile mine; a leaderboard takes the profile paper alone."),
        (change("profile", "note", to="Mine."), "It was made under the profile paper. Mine."),
        (change("profile", "checkpoints", "fid", to=["tiny_inception"]), "is another one: it differs in fid."),
        (change("profile", "protocol", "num_frames", to=8), "Its protocol is not that of ucf101."),
        (change("profile", "checkpoints", "clipsim", to=["tiny_clip"]), "is another one: it differs in clipsim."),
        (change("dataset", "spec", to="/x/mine.py:UCF101"), "called ucf101 and is not the built-in one: /x/mine.py:U"),
        (change("dataset", "spec", to="folder:/data/ucf101"), "is not the built-in one: folder:/data/ucf101."),
        (change("dataset", "spec", to="ucf101:stride-1=/x"), "is not the built-in one: ucf101:stride-1=/x."),
        (change("dataset", "spec", to="ucf101"), "is not the built-in one: ucf101."),
        (lambda settings: settings["dataset"].pop("spec"), "is not the built-in one: what it was is not told."),
        (change("models", to={}), "It has no model."),
        (change("seeds", to=[0, 1]), "2048 clips of mine are planned; samples by seeds are 4096."),
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
    held = whole(settings)
    apply(settings)
    found = refusals(settings, held)
    assert any(reason in line for line in found), found


def test_what_is_owed_or_failed_is_a_reason() -> None:
    settings = settings_of("msrvtt")
    held = Holdings(
        samples=2990,
        clips={"mine": {"done": 2985, "owed": 3, "failed": 2}},
        measured={
            ("fvd", "mine"): {"done": 2985},
            ("clipsim", "mine"): {"done": 2983, "failed": 1, "owed": 1},
        },
        real={"fvd": {"done": 2980, "failed": 1, "owed": 4}},
    )
    assert refusals(settings, held) == [
        "It is not finished: 3 clips of mine are not generated yet.",
        "2 clips of mine failed.",
        "It is not finished: 4 real clips are not measured with fvd yet.",
        "1 real clips could not be measured with fvd.",
        "It is not finished: 1 clips of mine are not measured with clipsim yet.",
        "1 clips of mine could not be measured with clipsim.",
    ]


@pytest.mark.parametrize(
    ("board", "samples", "reason"),
    [
        ("msrvtt", 1, "It has 1 samples; the whole of msrvtt is 2,990."),
        ("ucf101", 2049, "It has 2,049 samples; the whole of ucf101 is 2,048."),
        ("i2v-bench", 2949, "It has 2,949 samples; the whole of i2v-bench is 2,950 or 2,951."),
        ("i2v-bench", 2950, None),
        ("i2v-bench", 2951, None),
        ("i2v-bench", 2952, "It has 2,952 samples; the whole of i2v-bench is 2,950 or 2,951."),
    ],
)
def test_a_part_or_more_than_the_whole_is_told(board: str, samples: int, reason: str | None) -> None:
    settings = settings_of(board)
    done = {"done": samples}
    held = Holdings(
        samples=samples, clips={"mine": done}, measured={(id_, "mine"): done for id_ in settings["metrics"]}
    )
    assert refusals(settings, held) == ([reason] if reason else [])


def test_a_metric_that_applied_to_nothing_is_a_reason() -> None:
    settings = settings_of("msrvtt")
    held = whole(settings)
    measured = {**held.measured, ("clipsim", "mine"): {"not_applicable": 2990}}
    found = refusals(settings, replace(held, measured=measured))
    assert found == ["No clip of mine has been measured with clipsim."]


def test_clips_that_were_left_out_are_a_reason() -> None:
    settings = settings_of("msrvtt")
    held = whole(settings)
    held = replace(
        held,
        clips={"mine": {"done": 2900, "not_applicable": 90}},
        measured={**held.measured, ("clipsim", "mine"): {"done": 2890, LEFT_OUT: 10}},
    )
    assert refusals(settings, held) == [
        "90 clips of mine were not made, as not applicable.",
        "10 clips of mine were left out of clipsim, though it applies to them.",
    ]


def test_what_a_run_says_of_a_built_in_metric_excuses_it_from_nothing() -> None:
    settings = settings_of("msrvtt")
    settings["metrics"]["fvd"]["info"] = {"features_of": "clipsim", "reads": []}
    held = replace(whole(settings), measured={}, real={"fvd": {"failed": 1}})
    found = refusals(settings, held)
    assert "No clip of mine has been measured with fvd." in found
    assert "1 real clips could not be measured with fvd." in found


def test_checkpoints_without_a_pinned_hash_are_told_apart_and_refuse_nothing() -> None:
    assert unverified(settings_of("msrvtt")) == [
        "What fvd looked through cannot be verified: the catalogue pins no SHA-256 of i3d_tats."
    ]
    named = " ".join(unverified(settings_of("i2v-bench")))
    assert "dino_vitb16" in named
    assert "raft_things" not in named  # pinned
