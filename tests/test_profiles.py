"""Which frames a protocol takes, and what a profile's file may hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.create import configure_models, create_models
from i2vbench.errors import UserError
from i2vbench.models.consisti2v.adapter import ConsistI2V
from i2vbench.profiles import load_profile, parse_profile
from i2vbench.registry import METRICS
from i2vbench.weights.needs import lacking
from tests.conftest import SMALL_PROFILE

PAPER = load_profile("paper").protocol


def test_the_papers_protocol() -> None:
    assert (PAPER.num_frames, PAPER.fps, PAPER.height, PAPER.width) == (16, 8, 256, 256)


def test_a_clip_of_the_protocols_own_rate_is_taken_whole() -> None:
    assert PAPER.frame_indices([i / 8 for i in range(16)], 8) == list(range(16))


@given(st.integers(50, 200), st.floats(8, 60))
def test_no_other_frame_is_nearer(num_frames: int, fps: float) -> None:
    times = [i / fps for i in range(num_frames)]
    if times[-1] < 15 / 8:
        return
    for k, index in enumerate(PAPER.frame_indices(times, fps)):
        chosen = abs(times[index] - k / 8)
        assert chosen <= min(abs(t - k / 8) for t in times) + 1e-9


def test_a_clip_that_is_too_short_is_refused_with_its_length() -> None:
    with pytest.raises(ValueError, match=r"1\.800 s .*46 frames at 25 fps.* up to 1\.875 s"):
        PAPER.frame_indices([i / 25 for i in range(46)], 25)


def test_the_last_frame_lasts_half_a_frame() -> None:
    # 1.84 s + half of 0.04 s = 1.86 s is short of 1.875 s; one frame more reaches it
    assert PAPER.frame_indices([i / 25 for i in range(48)], 25)[-1] == 47
    with pytest.raises(ValueError, match="47 frames"):
        PAPER.frame_indices([i / 25 for i in range(47)], 25)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("num_frames = 4", "num_frames = 0"), "num_frames"),
        (("num_frames = 4", "num_frames = true"), "num_frames"),
        (("height = 32", "height = 3.5"), "height"),
        (("fps = 8", 'fps = "8"'), "fps"),
        (('"bilinear"', '"magic"'), "magic"),
        (('"nearest"', '"magic"'), "magic"),
        (("width = 48", ""), "width"),
        (("width = 48", "width = 48\ndepth = 3"), "depth"),
        (('name = "small"', "name = "), "is not TOML"),
    ],
)
def test_a_faulty_profile_is_refused_with_its_field(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(SMALL_PROFILE.replace(*change))
    with pytest.raises(UserError, match=reason) as refusal:
        load_profile(str(path))
    assert "p.toml" in str(refusal.value)


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(UserError, match="paper"):
        load_profile("papre")


def test_a_recorded_profile_is_read_back() -> None:
    profile = load_profile("paper")
    assert parse_profile(profile.as_dict()) == profile


class TestOptionsOfModels:
    def test_they_are_recorded_and_given(self) -> None:
        profile = parse_profile({**load_profile("paper").as_dict(), "models": {"consisti2v": {"steps": 7}}})
        assert parse_profile(profile.as_dict()) == profile
        models = create_models(["consisti2v", "static", "consisti2v:no-frameinit"])
        configure_models(models, profile)
        steps = [model.settings().get("steps") for model, _ in models.values()]
        assert steps == [7, None, 7]

    def test_those_of_one_argument_win_over_those_of_the_name(self) -> None:
        options = {"consisti2v": {"steps": 7, "guidance": 3.0}, "consisti2v:no-frameinit": {"steps": 9}}
        profile = parse_profile({**load_profile("paper").as_dict(), "models": options})
        models = create_models(["consisti2v", "consisti2v:no-frameinit"])
        configure_models(models, profile)
        found = [(m.settings()["steps"], m.settings()["guidance"]) for m, _ in models.values()]
        assert found == [(7, 3.0), (9, 3.0)]

    def test_those_of_a_model_hold_under_a_label_too_whose_own_win(self) -> None:
        wan = "diffusers:Wan-AI/Wan2.2-TI2V-5B-Diffusers"
        short = wan.replace(":", ":short=")
        options = {wan: {"steps": 9, "guidance": 4.0}, short: {"steps": 4}}
        profile = parse_profile({**load_profile("paper").as_dict(), "models": options})
        models = create_models([wan, short])
        configure_models(models, profile)
        found = [(m.settings()["num_inference_steps"], m.settings()["guidance_scale"]) for m, _ in models.values()]
        assert found == [(9, 4.0), (4, 4.0)]

    def test_those_of_a_folder_are_found_by_any_way_of_writing_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "mine").mkdir()
        monkeypatch.chdir(tmp_path)
        options = {"consisti2v:mine": {"steps": 9}}
        profile = parse_profile({**load_profile("paper").as_dict(), "models": options})
        models = create_models([f"consisti2v:{tmp_path / 'mine'}"])
        configure_models(models, profile)
        assert [model.settings()["steps"] for model, _ in models.values()] == [9]

    def test_a_checkpoint_that_is_named_wins(self, tmp_path: Path) -> None:
        options = {"checkpoint": str(tmp_path / "theirs"), "steps": 7}
        profile = parse_profile({**load_profile("paper").as_dict(), "models": {"consisti2v": options}})
        (tmp_path / "mine").mkdir()
        models = create_models(["consisti2v", f"consisti2v:{tmp_path / 'mine'}"])
        configure_models(models, profile)
        found = [
            (model.checkpoint, model.settings()["steps"])
            for model, _ in models.values()
            if isinstance(model, ConsistI2V)
        ]
        assert found == [(str(tmp_path / "theirs"), 7), (str(tmp_path / "mine"), 7)]

    @pytest.mark.parametrize(
        ("models", "said"),
        [
            ({"consisti2w": {"steps": 7}}, "did you mean consisti2v"),
            ({"difusers:owner/video": {"steps": 7}}, "did you mean diffusers"),
            ({"static": {"steps": 7}}, "does not take steps"),
        ],
    )
    def test_wrong_ones_are_refused(self, models: dict[str, dict[str, int]], said: str) -> None:
        profile = parse_profile({**load_profile("paper").as_dict(), "models": models})
        with pytest.raises(UserError, match=said):
            configure_models(create_models(["static", "consisti2v"]), profile)

    @pytest.mark.parametrize(
        "wrong", [{"models": ["consisti2v"]}, {"models": {"consisti2v": 7}}, {"note": 3}, {"dataset": 3}]
    )
    def test_malformed_ones_are_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            parse_profile({**load_profile("paper").as_dict(), **wrong})


def test_the_tiny_profile_says_that_its_numbers_are_its_own() -> None:
    tiny = load_profile("tiny")
    assert "not comparable" in tiny.note
    assert (tiny.protocol.name, tiny.protocol.height, tiny.protocol.width) == ("", 128, 128)
    assert "note" not in load_profile("paper").as_dict()


class TestTinyImagenet:
    tiny, other = load_profile("tiny"), load_profile("tiny-imagenet")

    def test_it_is_tiny_but_for_what_looks_at_real_clips(self) -> None:
        changed = {id_: names for id_, names in self.other.checkpoints.items() if names != self.tiny.checkpoints[id_]}
        assert set(changed.values()) == {("efficientnet_lite0",)}
        undone = replace(
            self.other,
            name=self.tiny.name, title=self.tiny.title, checkpoints={**self.other.checkpoints, **{
                id_: self.tiny.checkpoints[id_] for id_ in changed
            }},
        )  # fmt: skip
        assert undone == self.tiny

    def test_without_its_extra_nothing_is_measured_otherwise(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path))
        monkeypatch.setattr("i2vbench.weights.places.package_folders", lambda package: [])
        metrics = {
            id_: METRICS.create(id_)
            for id_, names in self.other.checkpoints.items()
            if "efficientnet_lite0" in names and id_ in METRICS.builtin
        }
        for metric in metrics.values():
            metric.prepare(self.other)
        infos = {id_: metric.info for id_, metric in metrics.items()}
        with pytest.raises(UserError, match=r"They come with: pip install 'i2vbench\[imagenet\]'$"):
            lacking(infos, skip=False)
        said = set(lacking(infos, skip=True).values())
        assert said == {"not here: efficientnet_lite0 (pip install 'i2vbench[imagenet]')"}


def test_a_profile_names_the_data_set_of_a_run_that_names_none() -> None:
    assert [load_profile(name).dataset for name in ("paper", "tiny")] == ["i2v-bench", "tiny"]
    assert "dataset" not in load_profile("tiny").as_dict(), "a run records the one that it took"
    assert parse_profile(load_profile("tiny").as_dict()).dataset == "i2v-bench"


def test_a_profile_begins_from_another(tmp_path: Path) -> None:
    path, own = tmp_path / "mine.toml", 'name = "mine"\ntitle = "mine"\n'
    path.write_text(f'base = "tiny"\n{own}[protocol]\nfps = 12\n[models.consisti2v]\nsteps = 4\n')
    mine, tiny = load_profile(str(path)), load_profile("tiny")
    assert (mine.name, mine.note, mine.protocol.fps, mine.protocol.height) == ("mine", tiny.note, 12, 128)
    assert mine.models["consisti2v"] == {**tiny.models["consisti2v"], "steps": 4}
    assert mine.checkpoints == tiny.checkpoints
    path.write_text(f'base = "paper"\n{own}[protocol]\nfps = 12\n')
    assert load_profile(str(path)).protocol.height == load_profile("paper").protocol.height
    for base in ('"tyni"', '"tiny-imagenet"', '["tiny"]'):
        path.write_text(f"base = {base}\n{own}")
        with pytest.raises(UserError, match="base '.*paper|base '.*tiny"):
            load_profile(str(path))
    path.write_text('base = "paper"\n[checkpoints]\nfvd = ["tiny_i3d"]\n')
    with pytest.raises(UserError, match="missing name"):
        load_profile(str(path))
