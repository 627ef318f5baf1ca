"""Pipelines of diffusers from the command line: listed, told of, made use of, gone on with, and refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2vbench.cli.generate import describe, parse_options
from i2vbench.errors import UserError
from i2vbench.video import read_video
from tests.cli.inside import Inside, call_inside
from tests.conftest import make_dataset
from tests.models.diffusers.svd import NATIVE, copy

SET = [word for name, value in NATIVE.items() if name != "steps" for word in ("--set", f"{name}={value}")]

PROFILE = """
name = "small"
title = "small clips for tests"
[protocol]
num_frames = 3
fps = 8
height = 32
width = 32
interpolation = "bilinear"
sampling = "nearest"
[models.diffusers]
height = 32
width = 64
num_frames = 3
fps = 8
steps = 2
[models."diffusers:small-svd"]
steps = 1
"""


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    pixels = np.random.default_rng(1).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "dog.png")
    return call_inside(tmp_path, monkeypatch, capsys)


def test_those_that_are_known_are_listed_and_told_of(inside: Inside) -> None:
    listed = inside("models", "diffusers")
    assert listed.code == 0
    assert "diffusers:THUDM/CogVideoX-5b-I2V" in listed.stdout
    told = inside("models", "diffusers:THUDM/CogVideoX-5b-I2V")
    assert told.code == 0, told.stderr
    assert "frames_step    8" in told.stdout
    assert "CogVideoX License" in told.stdout


def test_a_picture_becomes_a_clip_at_its_own_rate_in_silence(inside: Inside, svd_folder: Path, tmp_path: Path) -> None:
    made = inside(
        "generate", "--model", f"diffusers:{svd_folder}", "--image", "dog.png", "--prompt", "a dog", "--out", "dog.mp4",
        "--steps", 2, "--set", "height=32", "--set", "width=64", "--set", "num_frames=3", "--device", "cpu",
    )  # fmt: skip
    assert made.code == 0, made.stderr
    assert made.stderr == ""
    assert "dog.mp4: 3 frames of 32 x 64 at 7 fps" in made.stdout
    assert read_video(tmp_path / "dog.mp4").fps == 7


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--guidance", 3], "option guidance: StableVideoDiffusionPipeline does not take it; it takes steps"),
        (["--set", "motion_bucket=3"], "option motion_bucket: StableVideoDiffusionPipeline does not take it"),
        (["--size", "30x64"], "makes heights and widths that are multiples of 8, such as 32x64"),
        (["--checkpoint", "x"], "option checkpoint: StableVideoDiffusionPipeline does not take it"),
        (["--set", "fps"], "--set fps: expected NAME=VALUE"),
        (["--model", "diffusers:nowhere"], "there is no folder 'nowhere', nor is it OWNER/REPO of the hub"),
        (["--model", "diffusers:Lightricks/LTX-Video", "--frames", 20], "20 frames: model 'LTX-Video'.* such as 17"),
        (["--model", "diffusers:Lightricks/LTX-Video", "--size", "100x100"], "multiples of 32, such as 96x96"),
        (["--model", "diffusers:Lightricks/LTX-Video"], "is not here: `i2vbench weights fetch diffusers:Lightricks/"),
    ],
)
def test_what_cannot_be_is_one_line(inside: Inside, svd_folder: Path, args: list[object], says: str) -> None:
    common = ("generate", "--model", f"diffusers:{svd_folder}", "--image", "dog.png", "--prompt", "x", "--out", "x.mp4")
    done = inside(*common, *SET, *args) if "--model" not in args else inside(*common, *args)
    assert done.code != 0
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert re.search(says, line), line


def test_a_run_is_gone_on_with_as_long_as_its_files_are_the_same(
    inside: Inside, svd_folder: Path, tmp_path: Path
) -> None:
    folder = copy(svd_folder, tmp_path / "small-svd")
    make_dataset(tmp_path / "data", num_clips=2, num_images=0)
    (tmp_path / "small.toml").write_text(PROFILE)
    command = (
        "run", "--model", "diffusers:small-svd", "--dataset", "folder:data", "--profile", "small.toml",
        "--metrics", "temporal_flickering", "--device", "cpu", "--out", "out",
    )  # fmt: skip
    assert inside(*command, "--limit", 2).code == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())["models"]["small-svd"]
    assert record["settings"] == {"class": "StableVideoDiffusionPipeline", "num_inference_steps": 1}
    assert record["spec"] == f"diffusers:{folder}"
    assert "argument" not in record, "a path is of this machine"
    assert len(list((tmp_path / "out" / "videos" / "small-svd").glob("*"))) == 2
    assert inside(*command, "--limit", 2).code == 0
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("700.0", "600.0"))
    changed = inside(*command, "--limit", 2)
    assert changed.code != 0
    assert "models.small-svd: its files (a checkpoint, or videos) have changed since" in changed.stderr


class TestSet:
    def test_values_are_toml_or_a_word(self) -> None:
        texts = ["a=1", "b=2.5", "c=true", 'd="x y"', "e=[1, 2]", "f=inverted_anti_drifting", "g=a=b"]
        assert parse_options(texts) == {
            "a": 1, "b": 2.5, "c": True, "d": "x y", "e": [1, 2], "f": "inverted_anti_drifting", "g": "a=b",
        }  # fmt: skip

    @pytest.mark.parametrize("texts", [["a"], ["=1"], ["a b=1"], ["a=1", "a=2"]])
    def test_what_is_none_is_refused(self, texts: list[str]) -> None:
        with pytest.raises(UserError, match="--set"):
            parse_options(texts)


def test_the_name_on_the_hub_stays_in_the_file_and_a_folders_does_not() -> None:
    assert "model=diffusers:owner/video" in describe({"model": "diffusers:owner/video"})
    assert "model=diffusers:it=owner/video@main" in describe({"model": "diffusers:it=owner/video@main"})
    assert "model=diffusers:./video" in describe({"model": "diffusers:/home/somebody/video"})
