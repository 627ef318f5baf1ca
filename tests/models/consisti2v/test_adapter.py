"""ConsistI2V in the harness: names, variants, the contract, a run."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from i2vbench.adapter.check import check_model
from i2vbench.datasets.demo import bundled_samples
from i2vbench.errors import UserError
from i2vbench.models.consisti2v.adapter import ConsistI2V
from i2vbench.profiles import load_profile
from i2vbench.registry import MODELS
from i2vbench.types import Image, Request
from tests.conftest import Cli, make_dataset
from tests.models.consisti2v.tiny import save_tiny_checkpoint

PROFILE = """
name = "tiny"
title = "clips of the tiny ConsistI2V"

[protocol]
num_frames = 4
fps = 8
height = 32
width = 32
interpolation = "bilinear"
sampling = "nearest"
"""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(PROFILE)
    return path


def request(seed: int = 0, num_frames: int = 4, picture: Image | None = None) -> Request:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (32, 32, 3), np.uint8)
    return Request("a", first, "a dog", num_frames, 32, 32, 8.0, seed, source_image=picture)


def loaded(argument: str, **options: Any) -> ConsistI2V:
    model = ConsistI2V(argument)
    model.configure({"steps": 2, **options})
    model.load("cpu", "float32")
    return model


def test_its_names_say_variant_and_checkpoint(tiny: Path) -> None:
    assert MODELS.create("consisti2v").info.name == "consisti2v"
    variant = MODELS.create(f"consisti2v:no-frameinit-no-temporal-no-spatial={tiny}")
    assert isinstance(variant, ConsistI2V)
    assert variant.info.name == "consisti2v:no-frameinit-no-temporal-no-spatial (tiny)"
    assert not variant.sampling.frameinit
    variant.load("cpu", "float32")
    assert variant.pipeline is not None
    assert variant.pipeline.unet.config.augment_temporal_attention is False
    assert variant.pipeline.unet.config.first_frame_condition_mode == "input_only"
    with pytest.raises(UserError, match="did you mean no-frameinit"):
        MODELS.create("consisti2v:no-framinit")


def test_the_papers_noise_is_a_name() -> None:
    assert ConsistI2V().settings()["noise_alpha"] == 1.0
    paper = ConsistI2V("paper-noise")
    assert (paper.info.name, paper.settings()["noise_alpha"]) == ("consisti2v:paper-noise", 1.5)


def test_a_second_checkpoint_is_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="two checkpoints are named"):
        ConsistI2V(str(tiny)).configure({"checkpoint": "elsewhere"})


def test_variants_give_other_videos(tiny: Path) -> None:
    words = ("", "no-frameinit=", "no-frameinit-no-temporal=", "no-frameinit-no-temporal-no-spatial=")
    videos = [loaded(f"{word}{tiny}").generate([request()])[0].frames for word in words]
    assert len({video.tobytes() for video in videos}) == 4


def test_options_reach_the_sampler(tiny: Path, picture: Image) -> None:
    base = loaded(str(tiny)).generate([request()])[0].frames
    changes: tuple[dict[str, Any], ...] = (
        {"steps": 3}, {"guidance": 2.0}, {"image_guidance": 2.0}, {"negative_prompt": "bad"}, {"eta": 0.5},
        {"tau": 700}, {"d0": 0.5}, {"noise": "vanilla"}, {"noise_alpha": 1.5}, {"frame_stride": 1},
        {"frameinit": False}, {"camera": "zoom-in"}, {"guidance_rescale": 0.7},
    )  # fmt: skip
    made = [loaded(str(tiny), **change).generate([request()])[0].frames.tobytes() for change in changes]
    assert len({base.tobytes(), *made}) == len(changes) + 1
    panned = loaded(str(tiny), camera="pan-left").generate([request(picture=picture)])
    assert panned[0].frames.shape == (4, 32, 32, 3)


def test_requests_of_other_strides_and_sizes_may_come_together(tiny: Path) -> None:
    model = loaded(str(tiny))
    asked = [
        dataclasses.replace(request(1), frame_stride=1),
        dataclasses.replace(request(2, num_frames=3), frame_stride=5),
        dataclasses.replace(request(3), frame_stride=5),
        dataclasses.replace(request(4), frame_stride=1),
    ]
    together = model.generate(asked)
    for one, video in zip(asked, together, strict=True):
        alone = model.generate([one])[0]
        np.testing.assert_allclose(video.frames.astype(int), alone.frames, atol=1)
    assert len({video.frames.tobytes() for video in together}) == 4


def test_compiling_is_asked_for_by_an_option(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(self))
    assert loaded(str(tiny)).pipeline is not None
    assert compiled == []
    assert "compile" not in loaded(str(tiny)).settings()
    model = loaded(str(tiny), compile=True)
    assert model.settings()["compile"] is True, "run.json would not say why its videos differ"
    assert model.pipeline is not None
    assert compiled == [model.pipeline.unet]


def test_long_videos_are_cut_to_what_was_asked_for(tiny: Path) -> None:
    model = loaded(str(tiny), autoregressive=True)
    ten, eight = (model.generate([request(num_frames=frames)])[0].frames for frames in (10, 8))
    assert (len(ten), len(eight)) == (10, 8)
    assert np.array_equal(ten[:8], eight)
    with pytest.warns(UserWarning, match="clips of 8 frames; ConsistI2V was trained on 4"):
        assert len(loaded(str(tiny)).generate([request(num_frames=8)])[0].frames) == 8


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"stepz": 3}, "ConsistI2V has no option stepz"),
        ({"steps": 1000}, "steps: expected a number from 1 to 999, got 1000"),
        ({"steps": 0}, "steps: expected a number from 1 to 999, got 0"),
        ({"steps": "5"}, "steps: expected a whole number, got '5'"),
        ({"frameinit": "no"}, "frameinit: expected true or false, got 'no'"),
        ({"compile": "no"}, "compile: expected true or false, got 'no'"),
        ({"d0": float("nan")}, "d0: expected a number from 0 to 1, got nan"),
        ({"guidance": float("inf")}, r"guidance: expected a number of at least 0, below 1e\+09, got inf"),
        ({"frameinit": False, "tau": 700}, "tau would change nothing: FrameInit is switched off"),
        ({"noise": "vanilla", "noise_alpha": 1.5}, "noise alpha would change nothing"),
        ({"guidance": 1, "negative_prompt": "blur"}, "negative prompt would change nothing: there is no guidance"),
        ({"camera": "pan-up"}, "unknown camera 'pan-up'"),
        ({"camera": "rotate", "frameinit": False}, "works through FrameInit, which is switched off"),
        ({"camera": "rotate", "autoregressive": True}, "is for one clip"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        ConsistI2V().configure(options)


def test_the_fingerprint_is_the_checkpoints(tiny: Path, tmp_path: Path) -> None:
    other = save_tiny_checkpoint(tmp_path / "other", seed=1)
    assert ConsistI2V(str(tiny)).fingerprint() == ConsistI2V(f"no-frameinit={tiny}").fingerprint()
    assert ConsistI2V(str(tiny)).fingerprint() != ConsistI2V(str(other)).fingerprint()


@pytest.mark.parametrize(
    "file",
    [
        "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors", "tokenizer/vocab.json", "tokenizer/merges.txt",
        "scheduler/scheduler_config.json",
    ],
)  # fmt: skip
def test_every_file_counts_in_the_fingerprint(file: str, tiny: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny, copy)
    before = ConsistI2V(str(copy)).fingerprint()
    with open(copy / file, "ab") as stream:
        stream.write(b" ")
    assert ConsistI2V(str(copy)).fingerprint() != before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (850, 0.25)), ({"tau": 700, "d0": 0.4}, (700, 0.4)), ({"camera": "rotate"}, (700, 0.5)),
        ({"camera": "pan-left", "tau": 800}, (800, 0.5)),
    ],
)  # fmt: skip
def test_d0_is_the_stop_frequency_in_space_and_time(options: dict[str, Any], expected: tuple[int, float]) -> None:
    model = ConsistI2V()
    model.configure(options)
    frameinit = model.frameinit()
    assert frameinit is not None
    assert (frameinit.tau, frameinit.d_s, frameinit.d_t) == (expected[0], expected[1], expected[1])


def test_it_keeps_the_contract(tiny: Path, profile: Path) -> None:
    """What `i2vbench adapter check consisti2v:PATH` looks at, with fewer steps than its 50."""
    model = ConsistI2V(str(tiny))
    model.configure({"steps": 5})
    report = check_model(model, bundled_samples(), load_profile(str(profile)).protocol)
    assert report.faults == []
    assert "the same request twice: equal to the byte" in report.passed
    assert "a request in a batch of two: equal but for rounding" in report.passed
    assert "a batch in another order: equal but for rounding" in report.passed
    assert "another seed gives another video" in report.notes


def test_a_run_measures_its_videos(tiny: Path, profile: Path, tmp_path: Path, cli: Cli) -> None:
    data = make_dataset(tmp_path / "data", num_clips=1, num_images=0)
    arguments = ("--dataset", f"folder:{data}", "--profile", profile, "--device", "cpu", "--out", tmp_path / "run")
    done = cli("run", "--model", f"consisti2v:{tiny}", "--metrics", "temporal_flickering", *arguments, timeout=300)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "run" / "tables" / "clips.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["model"] == "consisti2v (tiny)"
    recorded = json.loads((tmp_path / "run" / "run.json").read_text())
    assert {"diffusers", "transformers", "torch"} <= set(recorded["versions"])
    settings = recorded["models"]["consisti2v (tiny)"]["settings"]
    assert (settings["steps"], settings["noise_alpha"], settings["tau"], settings["d0"]) == (50, 1.0, 850, 0.25)


def test_without_a_checkpoint_a_run_is_refused_before_it_begins(tmp_path: Path, cli: Cli, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    for arguments in (("run", "--dataset", "demo", "--out", tmp_path / "run", "--model"), ("adapter", "check")):
        done = cli(*arguments, "consisti2v")
        assert done.returncode == 2
        assert "fetch TIGER-Lab/ConsistI2V from the Hugging Face hub (about 6.7 GB" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()
