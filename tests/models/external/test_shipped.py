"""The shipped files run stand-ins of their repositories: published arguments, settings, names and paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.models.base import Preparation
from i2vbench.models.external.adapter import External
from i2vbench.models.external.failed import Failed
from i2vbench.profiles import Profile
from i2vbench.types import Request, Video
from tests.models.external.conftest import request
from tests.models.external.repositories import make_repository, records

WORDS = ["seine", "dynamicrafter", "animateanything", "vgen"]


def loaded(word: str, mode: str, tmp_path: Path, profile: Profile, more: str = "") -> External:
    repository = tmp_path / "DynamiCrafter" if "dynami" in word else None
    if repository is None or not repository.exists():
        repository = make_repository(word, tmp_path)
    path = tmp_path / f"{mode}.toml"
    path.write_text(f"base = '{word}'\nrepository = '{repository}'\nmode = '{mode}'\n{more}")
    model = External(str(path))
    model.prepare(Preparation([], frozenset(), profile.protocol, "pyav", tmp_path / "samples.gif"))
    model.load("cpu", "float32")
    return model


def ask(model: External, prompt: str = "a dog", seed: int = 3, height: int = 64, width: int = 96) -> Video:
    asked = request(prompt, seed, 16, height, width)
    return model.generate([asked])[0]


SMALL = "height = 64\nwidth = 96\n"


@pytest.mark.parametrize("word", WORDS)
def test_a_driver_makes_what_the_seed_alone_decides(
    word: str, tmp_path: Path, log: Path, small_profile: Profile
) -> None:
    model = loaded(word, "server", tmp_path, small_profile, SMALL)
    first = ask(model, seed=3)
    assert first.frames.shape == (16, 64, 96, 3)
    assert np.abs(first.frames[0].astype(int) - request(seed=3, height=64, width=96).first_frame).max() <= 1
    other, zero = ask(model, seed=4), ask(model, seed=0)
    assert np.array_equal(ask(model, seed=3).frames, first.frames)  # after other requests
    assert np.array_equal(ask(model, seed=0).frames, zero.frames)  # SEINE's script takes 0 for no seed at all
    assert not np.array_equal(other.frames[1:, :4], first.frames[1:, :4])
    model.unload()
    again = loaded_again(model)
    assert np.array_equal(ask(again, seed=3).frames, first.frames)  # in another process
    again.unload()
    networks = [one["made"] for one in records(log) if "made" in one]
    assert len(networks) == 2 * len(set_of(networks))  # each once a process


def loaded_again(model: External) -> External:
    model.load("cpu", "float32")
    return model


def set_of(networks: list[str]) -> list[str]:
    """The networks of one process."""
    return networks[: len(networks) // 2]


@pytest.mark.parametrize("word", WORDS)
def test_the_published_command(word: str, tmp_path: Path, log: Path, small_profile: Profile) -> None:
    """In a folder called samples.gif: two of the scripts replace such words in their paths."""
    model = loaded(word, "once", tmp_path, small_profile, SMALL)
    prompt = "a 'dog', \"running\" = #1 ${x}"
    first, again = ask(model, prompt), ask(model, prompt)
    assert first.frames.shape == (16, 64, 96, 3)
    assert np.array_equal(first.frames, again.frames)
    end = ", slow motion." if word == "seine" else ""
    assert {one["prompt"] for one in records(log) if "prompt" in one} == {prompt + end}
    model.unload()


@pytest.mark.parametrize("word", ["seine", "dynamicrafter", "animateanything"])
def test_script_and_driver_make_the_same_but_for_the_encoder(
    word: str, tmp_path: Path, log: Path, small_profile: Profile
) -> None:
    """Not VGen's, whose noise comes after its networks' weights from one generator."""
    driver = ask(loaded_and_left(word, "server", tmp_path, small_profile))
    script = ask(loaded_and_left(word, "once", tmp_path, small_profile))
    band = np.s_[1:, :24, :90]  # where the noise shows, away from edges
    assert np.abs(driver.frames[band].astype(int) - script.frames[band]).mean() < 4


_left: list[External] = []


def loaded_and_left(word: str, mode: str, tmp_path: Path, profile: Profile) -> External:
    tmp_path = tmp_path / mode
    tmp_path.mkdir()
    model = loaded(word, mode, tmp_path, profile, SMALL)
    _left.append(model)
    return model


@pytest.fixture(autouse=True)
def unload() -> object:
    yield
    while _left:
        _left.pop().unload()


def test_a_mostly_grey_last_frame_is_kept_by_the_driver_and_missed_by_the_script(
    tmp_path: Path, log: Path, small_profile: Profile
) -> None:
    grey = np.full((64, 96, 3), 127, np.uint8)
    prompt = next(p for p in map(str, range(1000)) if tint(p) in range(120, 135))
    asked = Request("a", grey, prompt, 16, 64, 96, 8.0, 3)
    counts = []
    for mode in ("server", "once"):
        model = loaded_and_left("vgen", mode, tmp_path, small_profile)
        counts.append(model.generate([asked])[0].num_frames)
    assert counts == [16, 15]  # the harness says so: 15 frames, asked for were 16


def tint(prompt: str) -> int:
    import hashlib

    return hashlib.sha256(prompt.encode()).digest()[0]


def test_vgen_makes_no_file_for_a_long_caption(tmp_path: Path, log: Path, small_profile: Profile) -> None:
    model = loaded_and_left("vgen", "once", tmp_path, small_profile)
    with pytest.raises(Failed, match=r"made no video at list/\*.mp4; it said last: .*File name too long"):
        ask(model, "long " * 60)
    with pytest.raises(Failed, match=r"'\|\|\|', which this repository takes for something else"):
        ask(model, "a|||b")


def test_one_video_of_animate_anything(tmp_path: Path, log: Path, small_profile: Profile) -> None:
    ask(loaded_and_left("animateanything", "server", tmp_path, small_profile))
    assert [one["strength"] for one in records(log) if "strength" in one] == [5]


def test_everything_that_is_missing_is_listed_at_once(tmp_path: Path, small_profile: Profile) -> None:
    repository = make_repository("vgen", tmp_path)
    for path in (repository / "models").iterdir():
        path.unlink()
    (repository / ".venv" / "bin" / "python").unlink()
    model = External(f"vgen={repository}")
    with pytest.raises(UserError) as caught:
        model.prepare(Preparation([], frozenset(), small_profile.protocol, "pyav", tmp_path / "own"))
    lines = str(caught.value).splitlines()
    assert lines[0] == "model 'vgen' cannot be run yet:"
    assert len(lines) == 5
    assert "its Python is not found" in lines[1]
    assert lines[2].endswith("damo-vilab/i2vgen-xl (checkpoints.model.path)")


def test_another_folder_than_the_repository(tmp_path: Path, small_profile: Profile) -> None:
    repository = make_repository("seine", tmp_path)
    (repository / "sample_scripts" / "with_mask_sample.py").unlink()
    with pytest.raises(UserError, match=r"there is no .*with_mask_sample.py; is .*SEINE the repository\?"):
        External(f"seine={repository}").prepare(
            Preparation([], frozenset(), small_profile.protocol, "pyav", tmp_path / "own")
        )
