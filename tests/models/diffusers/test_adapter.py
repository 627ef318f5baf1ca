"""The adapter of diffusers: what a pipeline is told, what comes back, and what is refused before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from i2vbench.errors import UserError
from i2vbench.models.base import Preparation
from i2vbench.models.diffusers.adapter import Diffusers
from i2vbench.models.diffusers.asking import frames_of, only_this_seed
from i2vbench.models.diffusers.classes import choose_class
from i2vbench.profiles import load_profile
from i2vbench.types import Request
from tests.models.diffusers.svd import NATIVE, copy


def preparation(folder: Path) -> Preparation:
    return Preparation([], frozenset(), load_profile("paper").protocol, "pyav", folder)


def request(seed: int = 1, height: int = 32, width: int = 64, num_frames: int = 3, fps: float = 8) -> Request:
    picture = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Request("picture", picture, "a dog", num_frames, height, width, fps, seed)


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def make(folder: Path, **options: object) -> Diffusers:
    model = Diffusers(str(folder))
    model.configure({**NATIVE, **options})
    return model


def index_only(folder: Path, cls: object, **parts: object) -> Path:
    """A folder whose `model_index.json` names a class and parts that are not there."""
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": cls, **parts}))
    return folder


class TestFacts:
    def test_the_column_is_the_folder_or_the_label(self, svd_folder: Path) -> None:
        assert Diffusers(str(svd_folder)).info.name == "small-svd"
        assert Diffusers(f"mine={svd_folder}").info.name == "mine"

    def test_native_settings_come_from_call_and_configurations(self, svd_folder: Path) -> None:
        info = Diffusers(str(svd_folder)).info
        assert (info.height, info.width, info.num_frames, info.fps) == (576, 1024, 5, 7)
        assert (info.size_multiple, info.frames_step) == (8, None)

    def test_a_copy_is_known_by_its_configurations_not_by_its_name(self, svd_folder: Path, tmp_path: Path) -> None:
        plain = copy(svd_folder, tmp_path / "stable-video-diffusion-img2vid")
        assert Diffusers(str(plain)).info.title == "StableVideoDiffusionPipeline of diffusers"
        edit(plain / "unet" / "config.json", num_frames=14)
        told = Diffusers(str(plain))
        assert told.info.title.startswith("Stable Video Diffusion (")
        assert told.settings()["motion_bucket_id"] == 127

    def test_where_configurations_fit_several_what_these_have_in_common_is_taken(
        self, svd_folder: Path, tmp_path: Path
    ) -> None:
        extended = copy(svd_folder, tmp_path / "copy")
        edit(extended / "unet" / "config.json", num_frames=25)
        model = Diffusers(str(extended))
        assert "XT (" in model.info.title
        assert " or Stable Video Diffusion XT 1.1" in model.info.title
        assert (model.info.num_frames, model.info.fps) == (25, 7)


class TestVideos:
    def test_the_seed_alone_decides_and_the_frames_are_as_asked(self, svd_folder: Path) -> None:
        model = make(svd_folder)
        model.load("cpu", "float32")
        torch.manual_seed(1)
        one, other = model.generate([request(1), request(2)])
        torch.manual_seed(2)
        (again,) = model.generate([request(1)])
        assert one.frames.shape == (3, 32, 64, 3)
        assert one.fps == 8
        assert np.array_equal(one.frames, again.frames)
        assert not np.array_equal(one.frames, other.frames)
        model.unload()
        assert model.pipeline is None

    def test_what_is_no_number_is_no_black_video(self, svd_folder: Path) -> None:
        model = make(svd_folder)
        model.load("cpu", "float32")
        with torch.no_grad():
            next(iter(model.pipeline.unet.parameters())).fill_(float("nan"))
        with pytest.raises(RuntimeError, match="100% is no number in float32"):
            model.generate([request()])

    def test_a_part_stays_in_float32_where_that_is_asked(self, svd_folder: Path) -> None:
        model = make(svd_folder, float32=["image_encoder"])
        model.load("cpu", "bfloat16")
        assert model.pipeline.image_encoder.dtype == torch.float32
        assert model.pipeline.unet.dtype == torch.bfloat16
        assert model.settings()["float32"] == ["image_encoder"]

    def test_another_rate_than_a_conditioned_one_reaches_the_call(self, svd_folder: Path) -> None:
        model = make(svd_folder)
        model.load("cpu", "float32")
        (slow,) = model.generate([request(fps=4)])
        (fast,) = model.generate([request(fps=30)])
        assert (slow.fps, fast.fps) == (4, 30)
        assert not np.array_equal(slow.frames, fast.frames)

    def test_a_variant_is_read_where_there_is_no_other(self, svd_folder: Path, tmp_path: Path) -> None:
        folder = copy(svd_folder, tmp_path / "half")
        for path in list(folder.glob("*/*.safetensors")):
            path.rename(path.with_suffix(".fp16.safetensors"))
        model = make(folder)
        model.prepare(preparation(tmp_path))
        model.load("cpu", "float32")
        assert model.place.variant() == "fp16"
        assert model.generate([request()])[0].num_frames == 3

    def test_a_variant_is_read_of_the_parts_that_have_no_other(self, svd_folder: Path, tmp_path: Path) -> None:
        folder = copy(svd_folder, tmp_path / "half")
        path = folder / "unet" / "diffusion_pytorch_model.safetensors"
        path.rename(path.with_suffix(".fp16.safetensors"))
        model = make(folder)
        model.load("cpu", "float32")
        assert model.generate([request()])[0].num_frames == 3


SVD = choose_class("StableVideoDiffusionPipeline", {}, "it")
HELIOS = choose_class("HeliosPipeline", {}, "it")


class TestOutputs:
    def test_grey_levels_are_rounded(self) -> None:
        values = np.full((1, 3, 32, 64, 3), 0.5019, dtype=np.float32)  # 127.98
        assert frames_of(SimpleNamespace(frames=values), request(), SVD, "float32").max() == 128

    @pytest.mark.parametrize("shape", [(1, 4, 32, 64, 3), (1, 3, 32, 56, 3)])
    def test_a_size_that_was_not_asked_for_is_a_failure(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(RuntimeError, match="was asked for 3 frames of 32 x 64 pixels and returned"):
            frames_of(SimpleNamespace(frames=np.zeros(shape, np.float32)), request(), SVD, "float32")

    def test_what_works_in_chunks_is_cut_to_the_length(self) -> None:
        made = np.zeros((1, 33, 32, 64, 3), np.float32)
        made[0, 3:] = 1
        frames = frames_of(SimpleNamespace(frames=made), request(), HELIOS, "float32")
        assert frames.shape[0] == 3
        assert frames.max() == 0

    def test_global_generators_hang_on_the_seed_and_are_left_as_they_were(self) -> None:
        def draws() -> tuple[float, float]:
            return float(torch.rand(())), float(np.random.rand())

        torch.manual_seed(3)
        np.random.seed(3)
        untouched = draws()
        torch.manual_seed(3)
        np.random.seed(3)
        with only_this_seed(5, "cpu"):
            inside = draws()
        assert draws() == untouched
        with only_this_seed(5, "cpu"):
            assert draws() == inside


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"guidance": 7.5}, "guidance: StableVideoDiffusionPipeline does not take it; it takes steps"),
            ({"negative_prompt": "ugly"}, "negative_prompt: StableVideoDiffusionPipeline does not take it"),
            ({"prompt": "x {prompt}"}, "prompt: StableVideoDiffusionPipeline does not take it"),
            ({"latents": 1}, "latents: StableVideoDiffusionPipeline does not take it"),
            ({"steps": "many"}, "steps: expected a positive whole number, got 'many'"),
            ({"steps": 0}, "steps: expected a positive whole number, got 0"),
            ({"decode_chunk_size": 1.5}, "decode_chunk_size: expected a positive whole number, got 1.5"),
            ({"steps": 2, "num_inference_steps": 3}, "num_inference_steps is the same"),
            ({"motion_bucket_id": float("inf")}, "expected a number"),
            ({"height": 0}, "height: expected a positive whole number, got 0"),
            ({"fps": True}, "fps: expected a positive number, got True"),
            ({"offload": "all"}, "offload: expected one of none, model, sequential, got 'all'"),
            ({"vae_tiling": 1}, "vae_tiling: expected true or false, got 1"),
            ({"float32": ["wae"]}, "float32: it has no part wae; it has"),
        ],
    )
    def test_what_it_does_not_take_is_refused_by_name(
        self, svd_folder: Path, options: dict[str, object], says: str
    ) -> None:
        with pytest.raises(UserError, match=says):
            Diffusers(str(svd_folder)).configure(options)

    def test_what_decides_the_videos_is_recorded_and_nothing_else(self, svd_folder: Path) -> None:
        model = make(svd_folder, offload="model", image_guidance=2, vae_slicing=True)
        assert model.settings() == {
            "class": "StableVideoDiffusionPipeline",
            "num_inference_steps": 2,
            "max_guidance_scale": 2.0,
            "vae_slicing": True,
        }

    def test_steps_win_over_a_schedule_of_the_authors(self) -> None:
        model = Diffusers("Lightricks/LTX-Video-0.9.7-distilled")
        assert "timesteps" in model.settings()
        model.configure({"steps": 20})
        assert "timesteps" not in model.settings()

    def test_a_vae_that_cannot_tile_says_so(self, svd_folder: Path) -> None:
        with pytest.raises(UserError, match="vae_tiling: its VAE cannot do that"):
            make(svd_folder, vae_tiling=True).load("cpu", "float32")

    def test_parts_are_not_moved_to_a_gpu_that_is_not_there(self, svd_folder: Path) -> None:
        with pytest.raises(UserError, match="offload: parts are moved to a GPU and back; on cpu leave it out"):
            make(svd_folder, offload="model").load("cpu", "float32")


class TestRefusals:
    @pytest.mark.parametrize(
        ("cls", "says"),
        [
            (
                "WanPipeline",
                "takes no first frame; an image-to-video pipeline such as WanImageToVideoPipeline is needed",
            ),
            ("StableDiffusionPipeline", "makes pictures, not videos"),
            ("StableVideoDifusionPipeline", "did you mean StableVideoDiffusionPipeline"),
            ("WanAnimatePipeline", "moves a character as a video of poses says"),
            (["pipeline_mine", "Mine"], "pipelines that bring their own code are not run"),
            (None, "names no class of the diffusers library"),
        ],
    )
    def test_what_makes_no_video_of_a_picture(self, tmp_path: Path, cls: object, says: str) -> None:
        with pytest.raises(UserError, match=says):
            Diffusers(str(index_only(tmp_path / "other", cls)))

    def test_a_part_that_is_of_neither_library(self, tmp_path: Path) -> None:
        folder = index_only(tmp_path / "other", "StableVideoDiffusionPipeline", unet=["../evil", "Net"])
        with pytest.raises(UserError, match="part unet is .*code that comes with a checkpoint is not run"):
            Diffusers(str(folder))

    def test_a_folder_with_code(self, svd_folder: Path, tmp_path: Path) -> None:
        folder = copy(svd_folder, tmp_path / "copy")
        (folder / "unet" / "net.py").write_text("raise SystemExit")
        with pytest.raises(UserError, match=r"holds program code \(unet/net.py\)"):
            Diffusers(str(folder))

    def test_pickled_weights(self, svd_folder: Path, tmp_path: Path) -> None:
        folder = copy(svd_folder, tmp_path / "copy")
        (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(
            folder / "unet" / "diffusion_pytorch_model.bin"
        )
        with pytest.raises(UserError, match=r"weights of unet are pickled \(.bin\)"):
            make(folder).prepare(preparation(tmp_path))

    def test_weights_and_settings_that_are_not_there(self, svd_folder: Path, tmp_path: Path) -> None:
        folder = copy(svd_folder, tmp_path / "copy")
        (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
        (folder / "feature_extractor" / "preprocessor_config.json").unlink()
        says = r"only in part \(feature_extractor/\*.json, vae/\*.safetensors missing\)"
        with pytest.raises(UserError, match=says):
            make(folder).prepare(preparation(tmp_path))

    def test_a_rate_that_nobody_states(self, tmp_path: Path) -> None:
        folder = index_only(tmp_path / "wan", "WanImageToVideoPipeline")
        model = Diffusers(str(folder))
        assert model.info.fps is None
        with pytest.raises(UserError, match="not known: state it as fps = N"):
            model.prepare(preparation(tmp_path))
        model.configure({"fps": 16})
        model.prepare(preparation(tmp_path))

    def test_a_face_that_no_request_has(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="asks for the face's features"):
            Diffusers("BestWishYsh/ConsisID-preview").prepare(preparation(tmp_path))

    def test_a_last_picture_that_no_request_has(self, tmp_path: Path) -> None:
        folder = index_only(tmp_path / "wan", "WanImageToVideoPipeline", transformer=["diffusers", "Net"])
        model = make(folder, fps=16)
        with pytest.raises(UserError, match="option last_image: WanImageToVideoPipeline does not take it"):
            model.configure({"last_image": "end.png"})
        (folder / "transformer").mkdir()
        (folder / "transformer" / "config.json").write_text(json.dumps({"pos_embed_seq_len": 514}))
        with pytest.raises(UserError, match="between two pictures: it asks for the last one too"):
            Diffusers(str(folder)).prepare(preparation(tmp_path))

    def test_a_guardrail_that_is_not_installed(self, tmp_path: Path) -> None:
        model = Diffusers(str(index_only(tmp_path / "cosmos", "Cosmos2VideoToWorldPipeline")))
        with pytest.raises(UserError, match="pip install cosmos_guardrail"):
            model.prepare(preparation(tmp_path))

    def test_a_name_that_is_neither_here_nor_known(self) -> None:
        with pytest.raises(UserError, match="`i2vbench weights fetch diffusers:owner/video` brings it"):
            Diffusers("owner/video")

    def test_a_name_that_is_nearly_known(self) -> None:
        for near in ("Wan-AI/Wan2.2-I2V-A14B", "wan-ai/wan2.2-i2v-a14b-diffusers"):
            with pytest.raises(UserError, match=r"; did you mean diffusers:Wan-AI/Wan2.2-I2V-A14B-Diffusers\?"):
                Diffusers(near)

    def test_a_known_one_is_told_of_and_refused_before_any_work(self, tmp_path: Path) -> None:
        model = Diffusers("Wan-AI/Wan2.2-TI2V-5B-Diffusers")
        assert (model.info.height, model.info.frames_step, model.info.fps) == (704, 4, 24)
        with pytest.raises(UserError, match=r"licence: Apache-2.0\) is not here: `i2vbench weights fetch"):
            model.prepare(preparation(tmp_path))


class TestFingerprint:
    def test_it_is_of_the_contents_wherever_they_lie(self, svd_folder: Path, tmp_path: Path) -> None:
        twin = copy(svd_folder, tmp_path / "elsewhere")
        assert make(twin).fingerprint() == make(svd_folder).fingerprint()
        (twin / "README.md").write_text("of no account")
        assert make(twin).fingerprint() == make(svd_folder).fingerprint()
        edit(twin / "scheduler" / "scheduler_config.json", sigma_max=600.0)
        assert make(twin).fingerprint() != make(svd_folder).fingerprint()
