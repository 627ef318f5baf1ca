"""Which classes of diffusers the adapter knows, how it calls them, and which it refuses."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from i2vbench.adapter.check import check_model
from i2vbench.errors import UserError
from i2vbench.fitting import check_size
from i2vbench.generate import build_request
from i2vbench.types import Request
from tests.conftest import Cli
from tests.models.diffusers.parts import (
    FPS,
    PROMPTS,
    frames_of,
    image_to_video_classes,
    make_model,
    make_samples,
    picture,
    protocol_of,
)  # fmt: skip
from tests.models.diffusers.tiny import TINY


def test_every_class_that_a_picture_can_be_shown_to_is_tried() -> None:
    assert set(image_to_video_classes()) <= {tiny.pipeline for tiny in TINY.values()}


def test_the_calls_of_all_classes_fit_their_signatures() -> None:
    from i2vbench.models.diffusers.asking import call_of
    from i2vbench.models.diffusers.classes import choose_class
    from i2vbench.models.diffusers.options import Options

    request = Request("a", picture(0, 64, 128), PROMPTS[0], 9, 64, 128, FPS, 0)
    for name in image_to_video_classes():
        cls = choose_class(name, {}, name)
        call = call_of(request, cls, Options(), ask_frames=9, device="cpu")
        bound = inspect.signature(cls.load().__call__).bind(None, **call).arguments
        assert bound.get("prompt", PROMPTS[0]) == PROMPTS[0], name


@pytest.mark.parametrize(("name", "saved_as"), [("ltx", "LTXPipeline"), ("wan22_expand_timesteps", "WanPipeline")])
def test_what_was_saved_to_make_videos_of_prompts_makes_the_same_of_pictures(
    name: str, saved_as: str, tmp_path: Path
) -> None:
    import diffusers

    tiny = TINY[name]
    pipeline = tiny.build()
    pipeline.save_pretrained(tmp_path / "pictures")
    sibling = getattr(diffusers, saved_as)
    parts = {
        key: pipeline.components.get(key, pipeline.config.get(key)) for key in inspect.signature(sibling).parameters
    }
    sibling(**parts).save_pretrained(tmp_path / "prompts")
    sample, made = make_samples(tmp_path)[0], []
    for folder in ("pictures", "prompts"):
        model = make_model(tiny, tmp_path / folder)
        model.load("cpu", "float32")
        made.append(frames_of(model, build_request(sample, 7, model.info, protocol_of(tiny), "pyav")))
    assert np.array_equal(*made)


def test_another_process_makes_the_same_video(cli: Cli, tmp_path: Path) -> None:
    """I2VGen-XL's: it draws a part of its noise from the global generator of the process."""
    from i2vbench.one_clip import make_request
    from i2vbench.video import read_image

    tiny = TINY["i2vgen_xl"]
    folder = tiny.save(tmp_path / "checkpoint")
    path = make_samples(tmp_path)[0].first_frame.path
    size, lengths = ("--size", "32x48"), ("--frames", 3, "--steps", 2)
    done = cli(
        "generate", "--model", f"diffusers:{folder}", "--image", path, "--prompt", PROMPTS[0], "--seed", 3,
        *size, *lengths, "--device", "cpu", "--out", f"{tmp_path}/frames/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    model = make_model(tiny, folder)
    model.load("cpu", "float32")
    request = make_request(model.info, read_image(path), PROMPTS[0], 3, fps=model.cls.defaults["target_fps"])  # type: ignore[attr-defined]
    stored = [read_image(file) for file in sorted((tmp_path / "frames").glob("*.png"))]
    assert np.array_equal(stored, frames_of(model, request))


def test_a_pipeline_that_asks_for_a_face_is_refused(tmp_path: Path) -> None:
    from tests.models.diffusers.tiny.cogvideox import consisid

    tiny = TINY["consisid"]
    consisid(face=True).save_pretrained(tmp_path / "checkpoint")
    model = make_model(tiny, tmp_path / "checkpoint")
    with pytest.raises(UserError, match="keeps a face: it asks for the face.s features"):
        check_model(model, make_samples(tmp_path), protocol_of(tiny))


def test_a_pipeline_without_its_guardrail_is_refused(tmp_path: Path) -> None:
    tiny = TINY["cosmos2"]
    with pytest.raises(UserError, match="pip install cosmos_guardrail"):
        check_model(make_model(tiny, tiny.save(tmp_path / "checkpoint")), make_samples(tmp_path), protocol_of(tiny))


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [("cogvideox", 48, 48), ("helios_pyramid", 32, 64), ("hunyuan15", 32, 48), ("wan22_expand_timesteps", 48, 64)],
)
def test_a_size_that_a_pipeline_does_not_make_is_refused_before_it_is_loaded(
    name: str, height: int, width: int, tmp_path: Path
) -> None:
    model = make_model(TINY[name], TINY[name].save(tmp_path / "checkpoint"))
    check_size(model.info, TINY[name].height, TINY[name].width)
    with pytest.raises(UserError, match=f"size {height}x{width}: model 'checkpoint' makes"):
        check_size(model.info, height, width)
