"""Pictures made from prompts: by sample and rule alone, the same for every model, and failures that stand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2vbench.datasets.folder import FolderDataset
from i2vbench.errors import UserError
from i2vbench.first_frames.generated import FOLDER, picture_seed
from i2vbench.models.diffusers.pictures import TextToImage
from i2vbench.plan import request_seed
from i2vbench.progress import Quiet
from i2vbench.run import default_folder, run
from i2vbench.run_file import read_settings
from i2vbench.settings import RunConfig, config_of
from i2vbench.store import Store
from i2vbench.types import Image, Sample
from tests.conftest import Go, make_dataset
from tests.parts import LOG, Noise, One, Wide


class Drawer:
    """Stands for the networks, which other tests are of: a picture of noise by prompt and seed; counts its work."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.loaded = 0
        self.fails: tuple[str, ...] = ()

    def load(self, device: str, dtype: str) -> None:
        self.loaded += 1

    def unload(self) -> None:
        self.loaded -= 1

    def make(self, prompt: str, seed: int) -> Image:
        assert self.loaded == 1
        self.made.append(prompt)
        if prompt in self.fails:
            raise MemoryError("CUDA out of memory")
        rng = np.random.default_rng([seed, *prompt.encode()])
        return rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)


@pytest.fixture
def drawer(monkeypatch: pytest.MonkeyPatch) -> Drawer:
    made = Drawer()
    for name in ("load", "unload", "make"):
        monkeypatch.setattr(TextToImage, name, staticmethod(getattr(made, name)))
    return made


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / FOLDER).glob("*.png"))}


def states(folder: Path, model: str = "static") -> dict[str, tuple[str, str | None]]:
    with Store.open(folder) as store:
        return {clip.sample_id: (clip.state, clip.reason) for clip in store.clips(model)}


def test_neither_seeds_nor_batches_nor_what_else_is_made_changes_a_picture(
    go: Go, sd: Path, tmp_path: Path, drawer: Drawer
) -> None:
    first = go(["static"], first_frame=f"generate:{sd}", seeds=(0, 3), out=tmp_path / "first")
    assert drawer.made == [f"clip number {i}." for i in range(5)] + ["picture number 0."], "one a sample, once"
    second = go(["static"], first_frame=f"generate:{sd}", seeds=(5,), limit=2, batch_size=1, out=tmp_path / "second")
    some = pictures(second.folder)
    assert list(some) == ["clip-0.png", "clip-1.png"]
    assert some == {name: pictures(first.folder)[name] for name in some}


def test_prompt_id_and_seed_each_make_another_picture(go: Go, sd: Path, tmp_path: Path, drawer: Drawer) -> None:
    first = pictures(go(["static"], first_frame=f"generate:{sd}", out=tmp_path / "first").folder)
    other = make_dataset(tmp_path / "other", num_clips=2)
    table = (other / "metadata.csv").read_text().replace("clip number 0.", "a rose.")
    (other / "metadata.csv").write_text(table.replace(",clip-1,", ",clip-7,"))
    second = pictures(
        go(["static"], first_frame=f"generate:{sd}", dataset=f"folder:{other}", out=tmp_path / "second").folder
    )
    assert second["clip-0.png"] != first["clip-0.png"]
    assert second["clip-7.png"] != first["clip-1.png"]
    assert second["image-0.png"] == first["image-0.png"]
    third = pictures(go(["static"], first_frame=f"generate:seed-1={sd}", out=tmp_path / "third").folder)
    assert not set(third.values()) & set(first.values())


def test_a_picture_is_not_drawn_from_the_noise_of_a_model() -> None:
    assert not {picture_seed(seed, "a") for seed in range(50)} & {request_seed(seed, "a") for seed in range(50)}


def test_every_model_is_shown_the_same_pictures_and_one_that_is_added_later_too(
    go: Go, sd: Path, drawer: Drawer
) -> None:
    folder = go(["static", "ground_truth"], first_frame=f"generate:{sd}").folder
    before = pictures(folder)
    assert len(drawer.made) == 6
    go(["static", Wide], first_frame=f"generate:{sd}", out=folder)
    assert pictures(folder) == before
    assert len(drawer.made) == 6, "none was made anew"
    assert drawer.loaded == 0
    settings = read_settings(folder)
    assert list(settings["models"]) == ["static", "ground_truth", "wide"]


def test_a_picture_that_cannot_be_made_fails_its_clips_and_stands_until_it_is_retried(
    go: Go, sd: Path, drawer: Drawer
) -> None:
    drawer.fails = ("clip number 1.",)
    outcome = go(["static"], first_frame=f"generate:{sd}")
    assert outcome.failed == 1
    reason = "the first frame could not be made: MemoryError: CUDA out of memory"
    found = states(outcome.folder)
    assert found.pop("clip-1") == ("failed", reason)
    assert set(found.values()) == {("done", None)}
    drawer.fails, drawer.made = (), []
    go(["static", Noise], first_frame=f"generate:{sd}")
    assert states(outcome.folder, "noise")["clip-1"] == ("failed", reason), "of every model the same clips"
    assert drawer.made == []
    assert go(["static", Noise], first_frame=f"generate:{sd}", retry_failed=True).failed == 0
    assert drawer.made == ["clip number 1."]
    assert sorted(path.suffix for path in (outcome.folder / FOLDER).iterdir()) == [".png"] * 6


def test_a_picture_that_was_damaged_since_is_made_again_where_failures_are_retried(
    go: Go, sd: Path, drawer: Drawer
) -> None:
    folder = go(["static"], first_frame=f"generate:{sd}").folder
    before = pictures(folder)
    (folder / FOLDER / "clip-2.png").write_bytes(before["clip-2.png"][:40])
    assert go(["static", Noise], first_frame=f"generate:{sd}").failed == 1
    assert "clip-2.png: is not a picture" in str(states(folder, "noise")["clip-2"][1])
    assert go(["static", Noise], first_frame=f"generate:{sd}", retry_failed=True).failed == 0
    assert pictures(folder) == before


class OneWithoutPrompt(FolderDataset):
    def __init__(self) -> None:
        super().__init__(str(Path(os.environ[LOG]).with_name("data")))

    def samples(self) -> Sequence[Sample]:
        return [replace(sample, prompt="") if sample.id == "clip-1" else sample for sample in super().samples()]


def test_a_sample_without_a_prompt_has_no_first_frame(go: Go, sd: Path, drawer: Drawer) -> None:
    outcome = go(["static"], first_frame=f"generate:{sd}", dataset=f"{__file__}:OneWithoutPrompt")
    assert outcome.failed == 0
    assert states(outcome.folder)["clip-1"] == ("not_applicable", "the sample has no prompt to make a first frame from")
    assert len(drawer.made) == 5


def test_what_cannot_be_loaded_ends_the_run_which_can_be_gone_on_with(
    go: Go, sd: Path, drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(device: str, dtype: str) -> None:
        raise MemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(TextToImage, "load", staticmethod(refuse))
        with pytest.raises(UserError, match="the first frames cannot be made: MemoryError: CUDA out of memory"):
            go(["static"], first_frame=f"generate:{sd}")
    assert go(["static"], first_frame=f"generate:{sd}").failed == 0


def test_a_wish_to_stop_is_granted_after_the_picture_at_hand(
    go: Go, sd: Path, drawer: Drawer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    make = drawer.make

    def make_and_stop(prompt: str, seed: int) -> Image:
        if len(drawer.made) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return make(prompt, seed)

    with monkeypatch.context() as patch:
        patch.setattr(TextToImage, "make", staticmethod(make_and_stop))
        outcome = go(["static"], first_frame=f"generate:{sd}")
    assert outcome.stopped == "SIGINT"
    assert list(pictures(outcome.folder)) == ["clip-0.png", "clip-1.png"]
    assert {state for state, _ in states(outcome.folder).values()} == {"owed"}
    assert run(config_of(outcome.folder), Quiet()).failed == 0
    assert len(drawer.made) == 6


def test_a_run_is_gone_on_with_under_the_same_first_frames_alone(
    go: Go, sd: Path, drawer: Drawer, tmp_path: Path
) -> None:
    folder = go(["static"], first_frame=f"generate:{sd}").folder
    before = (folder / "run.json").read_bytes()
    by_hand = tmp_path / "by-hand"
    (folder / FOLDER).rename(by_hand)
    end = "(text-to-video, as in Table 5)"
    made = f"made from the prompts by sd {end}"
    for given, said in {
        None: f"first frames (--first-frame): {made} there, the data set's own here",
        f"generate:seed-2={sd}": f"{made} there, made from the prompts by sd, seed 2 {end} here",
        f"images:mine={by_hand}": f"{made} there, pictures made elsewhere (mine) here",
    }.items():
        with pytest.raises(UserError, match="another configuration") as refusal:
            go(["static"], first_frame=given)
        assert said in str(refusal.value)
    scheduler = sd / "scheduler" / "scheduler_config.json"
    text = scheduler.read_text()
    scheduler.write_text(text.replace("0.012", "0.013"))
    with pytest.raises(UserError, match="first frames .*: their files .* have changed since"):
        go(["static"], first_frame=f"generate:{sd}")
    scheduler.write_text(text)
    assert (folder / "run.json").read_bytes() == before
    assert config_of(folder).first_frame == f"generate:{sd}"
    go(["static"], out=tmp_path / "own")
    with pytest.raises(UserError, match="first frames .*: the data set's own there, made from the prompts by sd"):
        go(["static"], first_frame=f"generate:{sd}", out=tmp_path / "own")


def test_the_files_may_move(go: Go, sd: Path, drawer: Drawer, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(sd)
    (tmp_path / "two").symlink_to(sd)
    folder = go(["static"], first_frame=f"generate:{tmp_path / 'one'}").folder
    assert go(["static"], first_frame=f"generate:{tmp_path / 'two'}").failed == 0
    assert config_of(folder).first_frame == f"generate:{tmp_path / 'two'}", "and the run knows where"


def test_what_decides_the_pictures_is_recorded_and_nothing_where_they_are_the_data_sets_own(
    go: Go, sd: Path, drawer: Drawer, tmp_path: Path
) -> None:
    made = read_settings(go(["static"], first_frame=f"generate:seed-4={sd}").folder)
    record: dict[str, Any] = made["first_frames"]
    assert record["argument"] == "seed-4"
    assert record["pipeline"] == "StableDiffusionPipeline"
    assert record["settings"] == {"num_inference_steps": 50, "guidance_scale": 7.5, "height": 32, "width": 32}
    assert len(record["fingerprint"]) == 64
    own = read_settings(go(["static"], out=tmp_path / "own").folder)
    assert "first_frames" not in own
    assert {name: value for name, value in made.items() if name != "first_frames"} == own


def test_names_of_runs_tell_first_frames_apart_and_are_what_they_were() -> None:
    config = RunConfig(models=("static", "consisti2v"), dataset="demo", seeds=(0, 1), limit=3)
    assert str(default_folder(config, "demo")) == "runs/demo-consisti2v-static-b325f4", "as before there was the option"
    others = [replace(config, first_frame=given) for given in ("generate:a/b", "generate:seed-1=a/b", "images:/x")]
    assert len({default_folder(each, "demo") for each in [config, *others]}) == 4


@pytest.mark.parametrize("record", ["generate:x", {"spec": "generate:x"}, {"spec": "generate:x", "title": 3}])
def test_a_damaged_record_is_refused(go: Go, tmp_path: Path, record: object) -> None:
    import json

    folder = go(["static"], [One]).folder
    settings = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(settings | {"first_frames": record}))
    with pytest.raises(UserError, match="run.json is damaged: first_frames.* of another kind"):
        read_settings(folder)
