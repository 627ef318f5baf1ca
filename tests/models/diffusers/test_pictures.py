"""Text-to-image pipelines: those of Table 5 and the human study make pictures by seed alone; others are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPImageProcessor

from i2vbench.errors import UserError
from i2vbench.models.diffusers.pictures import TextToImage, call_of, picture_of
from tests.models.text_to_image import (
    PIXART_SIDE_PX,
    SD_SIDE_PX,
    SDXL_SIDE_PX,
    save_pixart,
    save_sd,
    save_sdxl,
)

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sd(tmp_path_factory.mktemp("pipelines") / "sd")


@pytest.fixture
def copy(sd: Path, tmp_path: Path) -> Path:
    """To be damaged."""
    return Path(shutil.copytree(sd, tmp_path / "sd"))


@pytest.mark.parametrize(
    ("save", "side_px", "steps", "guidance"),
    [(save_sd, SD_SIDE_PX, 50, 7.5), (save_sdxl, SDXL_SIDE_PX, 50, 5.0), (save_pixart, PIXART_SIDE_PX, 20, 4.5)],
)
def test_a_picture_is_decided_by_prompt_and_seed(
    save: Callable[[Path], Path], side_px: int, steps: int, guidance: float, tmp_path: Path
) -> None:
    pipeline = TextToImage(str(save(tmp_path / "pipeline")))
    settings = pipeline.settings()
    assert (settings["num_inference_steps"], settings["guidance_scale"]) == (steps, guidance)
    assert settings["height"] == settings["width"] == side_px
    pipeline.load("cpu", "float32")
    picture = pipeline.make("a dog runs over the grass", 7)
    assert picture.dtype == np.uint8
    assert picture.shape == (side_px, side_px, 3)
    for prompt, seed in (("a red car", 7), ("a dog runs over the grass", 8)):
        assert (pipeline.make(prompt, seed) != picture).any(), (prompt, seed)
    torch.rand(3)  # what others draw is nothing to it
    np.testing.assert_array_equal(pipeline.make("a dog runs over the grass", 7), picture)


def test_prompts_are_cleaned_wherever_packages_for_it_happen_to_be(tmp_path: Path) -> None:
    assert TextToImage(str(save_pixart(tmp_path / "pixart"))).settings()["clean_caption"] is False


def test_a_tensor_that_is_missing_is_not_made_up(copy: Path) -> None:
    tensors = load_file(copy / UNET)
    del tensors["conv_in.weight"]
    save_file(tensors, copy / UNET, metadata={"format": "pt"})
    with pytest.raises(UserError, match="unet: tensors 1 missing, such as conv_in.weight"):
        TextToImage(str(copy)).load("cpu", "float32")


def test_the_fingerprint_is_of_weights_and_configurations(copy: Path, sd: Path) -> None:
    first = TextToImage(str(copy)).fingerprint()
    assert first == TextToImage(str(sd)).fingerprint()  # wherever it lies
    (copy / "README.md").write_text("about it")
    assert TextToImage(str(copy)).fingerprint() == first
    tensors = load_file(copy / UNET)
    save_file(tensors | {"conv_in.bias": tensors["conv_in.bias"] + 1}, copy / UNET, metadata={"format": "pt"})
    second = TextToImage(str(copy)).fingerprint()
    scheduler = copy / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace("0.012", "0.013"))
    assert len({first, second, TextToImage(str(copy)).fingerprint()}) == 3


def test_a_picture_that_a_safety_checker_withholds_is_a_failure(sd: Path, tmp_path: Path) -> None:
    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = small | {"image_size": 32, "patch_size": 16, "projection_dim": 8}
    checker = StableDiffusionSafetyChecker(CLIPConfig(text_config=small, vision_config=vision, projection_dim=8))
    checker.concept_embeds_weights.data.fill_(-2.0)  # everything is nearer than that
    pipeline = StableDiffusionPipeline.from_pretrained(
        sd,
        safety_checker=checker,
        feature_extractor=CLIPImageProcessor(size=32, crop_size=32),
        requires_safety_checker=True,
    )
    pipeline.save_pretrained(tmp_path / "checked")
    checked = TextToImage(str(tmp_path / "checked"))
    checked.load("cpu", "float32")
    with pytest.raises(ValueError, match="safety checker withholds the picture"):
        checked.make("anything", 0)


@pytest.mark.parametrize(
    ("images", "fault"),
    [
        (None, "returned no pictures, not one"),
        (np.zeros((2, 4, 4, 3)), "returned 2 pictures, not one"),
        (np.full((1, 4, 4, 3), np.nan), "numbers that are none"),
        (np.zeros((1, 4, 4, 3)), "of one colour"),
        (np.ones((1, 4, 4)), r"expected floats \[height, width, 3\]"),
    ],
)
def test_what_is_no_picture_is_not_taken_for_one(images: object, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        picture_of(images)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("StableDiffusionImg2ImgPipeline", "about strength, image"),
        ("StableDiffusionInpaintPipeline", "mask_image"),
        ("StableDiffusionControlNetPipeline", "controlnet_conditioning_scale"),
        ("WanPipeline", "num_frames"),
        ("StableVideoDiffusionPipeline", "takes no prompt"),
        ("AudioLDMPipeline", "audio_length_in_s"),
        ("StableDifusionPipeline", "did you mean StableDiffusionPipeline"),
    ],
)
def test_pipelines_of_something_else_are_refused(name: str, fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        call_of(name, "the pipeline 'x'")


@pytest.mark.parametrize("name", ["FluxPipeline", "Flux2Pipeline", "SanaPipeline", "QwenImagePipeline"])
def test_todays_text_to_image_pipelines_are_taken(name: str) -> None:
    assert "prompt" in call_of(name, "the pipeline 'x'")


def _weights_gone(folder: Path) -> None:
    (folder / UNET).rename(folder / "unet" / "diffusion_pytorch_model.bin")


def _code_of_its_own(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    index["unet"] = ["my_unet", "MyUNet"]
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "unet" / "my_unet.py").write_text("raise SystemExit('it ran')")


def _class_of_its_own(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name"] = ["pipeline", "MyPipeline"]
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "pipeline.py").write_text("raise SystemExit('it ran')")


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (_weights_gone, "the weights of unet are pickled"),
        (_code_of_its_own, r"holds program code \(unet/my_unet.py\), which is never run"),
        (_class_of_its_own, "names no class of the diffusers library"),
        (lambda folder: (folder / "model_index.json").unlink(), "there is no model_index.json in"),
        (lambda folder: (folder / "model_index.json").write_text("[]"), "expected a JSON object, got list"),
        (
            lambda folder: shutil.rmtree(folder / "vae"),
            r"here only in part \(vae/\*.safetensors, vae/\*.json missing\)",
        ),
    ],
)
def test_a_folder_that_is_not_whole_or_not_safe_is_refused(
    damage: Callable[[Path], object], fault: str, copy: Path
) -> None:
    damage(copy)
    with pytest.raises(UserError, match=fault):
        TextToImage(str(copy))


def test_what_is_not_here_is_told_with_the_command_that_fetches_it() -> None:
    name = "stabilityai/stable-diffusion-2-1-base"
    with pytest.raises(UserError, match=f"`i2vbench weights fetch diffusers:{name}`"):
        TextToImage(name)


def test_weights_in_several_files_are_found_and_held_to_their_index(sd: Path, copy: Path) -> None:
    tensors = load_file(copy / UNET)
    names = sorted(tensors)
    files = {f"diffusion_pytorch_model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for file, some in files.items():
        save_file({name: tensors[name] for name in some}, copy / "unet" / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, some in files.items() for name in some}}
    (copy / f"{UNET}.index.json").write_text(json.dumps(index))
    (copy / UNET).unlink()
    pictures = []
    for folder in (sd, copy):
        pipeline = TextToImage(str(folder))
        pipeline.load("cpu", "float32")
        pictures.append(pipeline.make("a dog", 1))
    np.testing.assert_array_equal(*pictures)
    (copy / "unet" / next(iter(files))).unlink()
    with pytest.raises(UserError, match=r"unet/\*.safetensors missing"):
        TextToImage(str(copy))
