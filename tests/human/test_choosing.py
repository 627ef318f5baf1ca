"""Which models, sources and samples of some runs a study is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.human.choosing import choose
from i2vbench.store import Store
from tests.human.runs import GENERATED, profile, run_of
from tests.tables.runs import sample


def test_models_may_be_spread_over_runs(tmp_path: Path) -> None:
    first, second = run_of(tmp_path / "a", ["x", "y"]), run_of(tmp_path / "b", ["z"])
    choice = choose([first, second])
    assert choice.models == ("x", "y", "z")
    assert [source.dataset for source in choice.sources] == ["demo"]
    assert [one.sample.id for one in choice.candidates] == ["s0", "s1", "s2", "s3"]
    assert [path.parents[2] for path in choice.candidates[0].videos] == [first, first, second]
    assert all(path.is_file() for one in choice.candidates for path in (*one.videos, one.first_frame))
    assert choice.left_out == ()
    assert (choice.protocol.height, choice.protocol.num_frames, choice.profile) == (32, 8, "paper")


def test_sources_take_turns_and_a_limit_is_shared(tmp_path: Path) -> None:
    own, made = run_of(tmp_path / "a", ["x", "y"]), run_of(tmp_path / "b", ["x", "y"], 2, first_frames=GENERATED)
    choice = choose([own, made])
    assert [source.title for source in choice.sources] == ["demo", "demo, first frames: made by X"]
    assert choice.sources[1].first_frames == {"fingerprint": "b" * 64}
    turns = [(one.source, one.sample.id) for one in choice.candidates]
    assert turns == [(0, "s0"), (1, "s0"), (0, "s1"), (1, "s1"), (0, "s2"), (0, "s3")]
    limited = choose([own, made], limit=3)
    assert [(one.source, one.sample.id) for one in limited.candidates] == turns[:3]
    other_data = run_of(tmp_path / "c", ["x", "y"], dataset={"name": "other", "samples": 4, "fingerprint": "c" * 64})
    assert [source.dataset for source in choose([own, other_data]).sources] == ["demo", "other"]


def test_samples_without_a_video_of_every_model_are_counted_with_the_reason(tmp_path: Path) -> None:
    lost = {("x", "s0"): "CUDA out of memory", ("y", "s0"): None, ("y", "s1"): None, ("x", "s2"): ("n/a", "a picture")}
    first = run_of(tmp_path / "a", ["x", "y"], 6, lost=lost)
    second = run_of(tmp_path / "b", ["z"], 5)
    choice = choose([first, second])
    assert [one.sample.id for one in choice.candidates] == ["s3", "s4"]
    assert choice.left_out == (
        "demo: 1 of 6 samples left out, x failed (first: s0)",
        "demo: 1 of 6 samples left out, y has not made them yet (first: s1)",
        "demo: 1 of 6 samples left out, x has nothing to make them of (first: s2)",
        "demo: 1 of 6 samples left out, z was not asked for them (first: s5)",
    )


def test_the_lowest_seed_of_all_models_is_shown(tmp_path: Path) -> None:
    first = run_of(tmp_path / "a", ["x"], 2, seeds=(3, 1, 2))
    second = run_of(tmp_path / "b", ["y"], 2, seeds=(2, 3))
    third = run_of(tmp_path / "c", ["y"], 2, seeds=(7,))
    with Store.open(second) as store:
        clips = {(clip.sample_id, clip.seed): clip.video for clip in store.clips("y")}
    choice = choose([first, second])
    assert [one.seed for one in choice.candidates] == [2, 2]
    assert choice.candidates[1].videos[1] == second / clips["s1", 2]
    with pytest.raises(UserError, match="not all models have a video under one seed"):
        choose([first, third])


def test_categories_and_models_may_be_chosen(tmp_path: Path) -> None:
    first, second = run_of(tmp_path / "a", ["x", "y"]), run_of(tmp_path / "b", ["y", "z"])
    with pytest.raises(UserError, match=r"the model y is in two runs of demo, .*a and .*b: leave one of them out"):
        choose([first, second])
    choice = choose([first, second], ["z", "x"], ["Food"])
    assert choice.models == ("x", "z")
    assert [one.sample.id for one in choice.candidates] == ["s1", "s3"]
    assert choice.categories == ("Food",)
    with pytest.raises(UserError, match="unknown category 'Fod'"):
        choose([first], None, ["Fod"])
    with pytest.raises(UserError, match="no model 'w' in these runs"):
        choose([first], ["x", "w"])
    with pytest.raises(UserError, match="compares two or more models; these runs have x"):
        choose([first], ["x"])


def test_every_source_has_every_model(tmp_path: Path) -> None:
    own = run_of(tmp_path / "a", ["x", "y", "z"])
    made = run_of(tmp_path / "b", ["y", "x"], first_frames=GENERATED)
    with pytest.raises(UserError, match=r"z is not in the runs of demo, first frames: made by X; --model x --model y"):
        choose([own, made])
    assert choose([own, made], ["x", "y"]).models == ("x", "y")


def test_one_protocol_for_all(tmp_path: Path) -> None:
    first = run_of(tmp_path / "a", ["x"])
    second = run_of(tmp_path / "b", ["y"], profile=profile(interpolation="bilinear"))
    with pytest.raises(UserError, match="several protocols.*lanczos.*bilinear"):
        choose([first, second])
    noted = run_of(tmp_path / "c", ["y"], profile=profile() | {"name": "mine"})
    assert choose([first, noted]).profile == "paper, mine"


def test_a_run_is_named_once(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", ["x", "y"], 1)
    with pytest.raises(UserError, match=r"named more than once"):
        choose([run, tmp_path / "run" / ".." / "run"])


def test_a_link_out_of_a_run_is_refused(tmp_path: Path) -> None:
    """A run may be somebody else's, and what it names goes to the raters' browsers."""
    run = run_of(tmp_path / "a", ["x", "y"], 1)
    path = choose([run]).candidates[0].first_frame
    path.unlink()
    path.symlink_to(run_of(tmp_path / "b", ["x"], [sample("other", "Pet")]) / "first_frames" / "other.png")
    with pytest.raises(UserError, match="outside of the run"):
        choose([run])
