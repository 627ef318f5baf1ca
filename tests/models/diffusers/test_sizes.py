"""Which sizes and lengths a pipeline makes, told from its class and configurations before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL.Image import fromarray

from i2vbench.errors import UserError
from i2vbench.fitting import check_frames, check_protocol, check_size
from i2vbench.models.diffusers.classes import PipelineClass, choose_class
from i2vbench.models.diffusers.shapes import Shapes, frames_to_ask, made_of, shapes_of
from i2vbench.one_clip import make_request
from i2vbench.profiles import load_profile
from i2vbench.settings import info_as_dict
from i2vbench.types import ModelInfo
from tests.models.diffusers.parts import image_to_video_classes

PICTURE = np.zeros((90, 160, 3), np.uint8)


def cls(name: str) -> PipelineClass:
    return choose_class(name, {}, "it")


def shapes(name: str, **configs: Mapping[str, Any]) -> Shapes:
    return shapes_of(cls(name), configs)


WAN_VAE = {"_class_name": "AutoencoderKLWan"}
COG_VAE = {"_class_name": "AutoencoderKLCogVideoX"}


@pytest.mark.parametrize(
    ("name", "configs", "multiple", "step", "native"),
    [
        ("WanImageToVideoPipeline", {"vae": WAN_VAE, "transformer": {"patch_size": [1, 2, 2]}}, 16, 4, (480, 832, 81)),
        (
            "WanImageToVideoPipeline",
            {"vae": {**WAN_VAE, "scale_factor_spatial": 16}, "transformer": {"patch_size": [1, 2, 2]}},
            32, 4, (480, 832, 81),
        ),
        (
            "CogVideoXImageToVideoPipeline",
            {"vae": COG_VAE, "transformer": {"patch_size": 2, "sample_height": 60, "sample_width": 90}},
            16, 8, (480, 720, 49),
        ),
        (
            "HeliosPyramidPipeline",
            {"vae": WAN_VAE, "transformer": {"patch_size": [1, 2, 2]}, "scheduler": {"stages": 3}},
            64, 4, (384, 640, 129),
        ),
        (
            "LTXImageToVideoPipeline",
            {"vae": {"_class_name": "AutoencoderKLLTXVideo"}, "transformer": {"patch_size": 1}},
            32, 8, (512, 704, 161),
        ),
        (
            "HunyuanVideoImageToVideoPipeline",
            {
                "vae": {"_class_name": "AutoencoderKLHunyuanVideo"},
                "transformer": {"patch_size": 2, "image_condition_type": "latent_concat"},
            },
            16, 4, (720, 1280, 125),
        ),
        (
            "AnyFlowFARPipeline",
            {"vae": WAN_VAE, "transformer": {"patch_size": [1, 2, 2], "chunk_partition": [1, 2, 2]}},
            16, 16, (480, 832, 17),
        ),
        ("HeliosPipeline", {"vae": WAN_VAE, "transformer": {"patch_size": [1, 2, 2]}}, 16, 4, (384, 640, 129)),
        (
            "StableVideoDiffusionPipeline",
            {"vae": {"_class_name": "AutoencoderKLTemporalDecoder", "block_out_channels": [32, 32, 32, 32]},
             "unet": {"num_frames": 14}},
            8, None, (576, 1024, 14),
        ),
    ],
)  # fmt: skip
def test_they_follow_from_the_configurations(
    name: str, configs: Mapping[str, Any], multiple: int, step: int | None, native: tuple[int, int, int]
) -> None:
    found = shapes(name, **configs)
    assert (found.size_multiple, found.frames_step) == (multiple, step)
    assert (found.height, found.width, found.num_frames) == native


def test_every_class_of_the_library_that_takes_a_picture_has_a_rule() -> None:
    classes = image_to_video_classes()
    assert "WanImageToVideoPipeline" in classes
    assert not {"WanPipeline", "StableDiffusionPipeline", "SanaWMPipeline"} & set(classes)
    for name in classes:
        assert shapes(name).size_multiple % 8 == 0, name


@given(asked=st.integers(1, 400), name=st.sampled_from(["HeliosPipeline", "HunyuanVideoFramepackPipeline"]))
def test_what_works_in_chunks_is_asked_for_enough_and_no_chunk_more(asked: int, name: str) -> None:
    ask = frames_to_ask(cls(name), asked, {}, 4)
    assert made_of(cls(name), ask, 4) >= asked
    window = 33
    assert ask == window or made_of(cls(name), ask - window, 4) < asked


def test_cogvideox_makes_more_of_an_even_number_of_latent_frames() -> None:
    """Why its lengths go up in steps of eight: of two latent frames its VAE makes eight frames, not five."""
    from diffusers import AutoencoderKLCogVideoX

    vae = AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=2
    )
    with torch.no_grad():
        made = {latents: vae.decode(torch.zeros(1, 4, latents, 2, 2)).sample.shape[2] for latents in (1, 2, 3)}
    assert made == {1: 1, 2: 8, 3: 9}


class TestBuckets:
    """HunyuanVideo 1.5 takes its size from the picture's shape."""

    @pytest.fixture
    def found(self) -> Shapes:
        return shapes(
            "HunyuanVideo15ImageToVideoPipeline",
            vae={"_class_name": "AutoencoderKLHunyuanVideo15"},
            transformer={"patch_size": 1, "target_size": 640},
        )

    def test_every_size_that_is_offered_is_the_one_that_is_made(self, found: Shapes) -> None:
        from diffusers.pipelines.hunyuan_video1_5.image_processor import HunyuanVideo15ImageProcessor

        processor = HunyuanVideo15ImageProcessor()
        assert found.sizes is not None
        assert (480, 848) in found.sizes
        for height, width in found.sizes:
            assert processor.calculate_default_height_width(height, width, 640) == (height, width)

    def test_a_first_frame_of_that_size_passes_unchanged(self) -> None:
        from diffusers.pipelines.hunyuan_video1_5.image_processor import HunyuanVideo15ImageProcessor

        picture = fromarray(np.random.default_rng(1).integers(0, 256, (480, 848, 3), dtype=np.uint8))
        resized = HunyuanVideo15ImageProcessor().resize(picture, height=480, width=848, resize_mode="crop")
        assert np.array_equal(np.asarray(resized), np.asarray(picture))

    def test_another_size_is_refused_with_the_nearest(self, found: Shapes) -> None:
        info = ModelInfo(name="it", title="it", sizes=found.sizes)
        with pytest.raises(UserError, match="size 480x832: model 'it' makes .* sizes; the nearest is 480x816"):
            check_size(info, 480, 832)
        check_size(info, 480, 848)


def test_a_network_that_has_learned_its_places_makes_one_size() -> None:
    learned = {"patch_size": 2, "sample_height": 60, "sample_width": 90, "use_learned_positional_embeddings": True}
    found = shapes("CogVideoXImageToVideoPipeline", vae=COG_VAE, transformer=learned)
    assert found.sizes == ((480, 720),)
    with pytest.raises(UserError, match="size 480x480: model 'it' makes one size, 480x720"):
        check_size(ModelInfo(name="it", title="it", sizes=found.sizes), 480, 480)


class TestLengths:
    INFO = ModelInfo(name="it", title="it", frames_step=4)

    @pytest.mark.parametrize(("asked", "near"), [(80, 81), (16, 17), (3, 5), (2, 5)])
    def test_another_length_is_refused_with_the_nearest(self, asked: int, near: int) -> None:
        with pytest.raises(UserError, match=f"{asked} frames: model 'it' .* multiple of 4, such as {near}$"):
            check_frames(self.INFO, asked)

    def test_it_is_refused_before_a_clip_is_made(self) -> None:
        check_frames(self.INFO, 81)
        with pytest.raises(UserError, match="16 frames: model 'it'"):
            make_request(self.INFO, PICTURE, "", 0)
        with pytest.raises(UserError, match="16 frames: model 'it'"):
            check_protocol(self.INFO, load_profile("paper").protocol)

    def test_the_rate_is_the_models_own_unless_another_is_asked_for(self) -> None:
        info = ModelInfo(name="it", title="it", num_frames=5, fps=24)
        assert make_request(info, PICTURE, "", 0).fps == 24
        assert make_request(info, PICTURE, "", 0, fps=10).fps == 10
        assert make_request(ModelInfo(name="it", title="it"), PICTURE, "", 0).fps == 8


def test_sizes_are_recorded_as_json_reads_them_back() -> None:
    assert info_as_dict(ModelInfo(name="it", title="it", sizes=((480, 848), (848, 480))))["sizes"] == [
        [480, 848],
        [848, 480],
    ]
