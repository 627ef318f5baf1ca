"""Sampling with the tiny networks; the numbers themselves are tests/reference's."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from i2vbench.errors import UserError
from i2vbench.models.consisti2v import encoders
from i2vbench.models.consisti2v.camera import preprocess
from i2vbench.models.consisti2v.frameinit import FrameInit
from i2vbench.models.consisti2v.noise import initial_noise
from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
from i2vbench.models.consisti2v.temporal import TemporalTextAttention
from i2vbench.types import Image
from tests.models.consisti2v.conftest import seeded

SMALL: dict[str, Any] = {"height": 32, "width": 32, "num_inference_steps": 3}


def frames_of(pipeline: ConsistI2VPipeline, image: Any, prompt: Any = "a dog", **options: Any) -> np.ndarray[Any, Any]:
    return pipeline(image, prompt, **(SMALL | {"output_type": "np", "generator": seeded(0)} | options)).frames  # type: ignore[union-attr,no-any-return]


def test_a_video_does_not_depend_on_its_batch(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    images, prompts, seeds = [picture, picture[:, ::-1], picture[::-1]], ["a dog", "a cat", ""], [3, 4, 5]
    for options in ({}, {"eta": 0.5, "image_guidance_scale": 2.0, "camera_motion": "zoom-in"}):
        together = frames_of(pipeline, images, prompts, generator=[seeded(s) for s in seeds], **options)
        for index, (image, prompt, seed) in enumerate(zip(images, prompts, seeds, strict=True)):
            alone = frames_of(pipeline, image, prompt, generator=seeded(seed), **options)
            np.testing.assert_allclose(together[index], alone[0], atol=1e-3)


def test_the_seed_decides_the_video(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    first = frames_of(pipeline, picture, generator=seeded(1))
    torch.manual_seed(99)
    assert np.array_equal(first, frames_of(pipeline, picture, generator=seeded(1)))
    assert np.abs(first - frames_of(pipeline, picture, generator=seeded(2))).max() > 0.05


def test_text_is_projected_once_for_all_steps(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    calls: list[int] = []
    hooks = [
        module.to_k.register_forward_hook(lambda *_: calls.append(1))
        for module in pipeline.unet.modules()
        if isinstance(module, TemporalTextAttention)
    ]
    frames_of(pipeline, picture)
    assert len(calls) == len(hooks) == 15
    for hook in hooks:
        hook.remove()


def test_the_vae_takes_a_few_frames_at_once(
    pipeline: ConsistI2VPipeline, picture: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = frames_of(pipeline, picture)
    monkeypatch.setattr(encoders, "PIXELS_AT_ONCE", 3 * 32 * 32)
    sizes: list[int] = []
    decode = pipeline.vae.decode
    monkeypatch.setattr(pipeline.vae, "decode", lambda latents: sizes.append(len(latents)) or decode(latents))
    np.testing.assert_allclose(frames_of(pipeline, picture), expected, atol=1e-5)
    assert sizes == [3, 1]


def test_output_types_are_one_video(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    array = frames_of(pipeline, picture)
    assert array.shape == (1, 4, 32, 32, 3)
    assert array.dtype == np.float32
    assert np.array_equal(frames_of(pipeline, picture, output_type="pt").transpose(1, 2).permute(0, 2, 3, 4, 1), array)  # type: ignore[attr-defined]
    cut = (array * 255).astype(np.uint8)
    assert np.array_equal(frames_of(pipeline, picture, output_type="uint8"), cut)
    pictures = frames_of(pipeline, picture, output_type="pil")[0]
    assert [np.array_equal(np.asarray(p), c) for p, c in zip(pictures, cut[0], strict=True)] == [True] * 4
    latents = frames_of(pipeline, picture, output_type="latent")
    assert latents.shape == (1, 4, 4, 8, 8)
    assert frames_of(pipeline, picture, num_frames=2).shape[1] == 2
    assert isinstance(pipeline(picture, "a dog", return_dict=False, generator=seeded(0), **SMALL), tuple)


def test_pictures_come_in_every_form(pipeline: ConsistI2VPipeline, picture: Image, tmp_path: Path) -> None:
    expected = frames_of(pipeline, picture)
    PIL.Image.fromarray(picture).save(tmp_path / "picture.png")
    for form in (PIL.Image.fromarray(picture), tmp_path / "picture.png", str(tmp_path / "picture.png")):
        assert np.array_equal(frames_of(pipeline, form), expected)
    assert np.array_equal(frames_of(pipeline, preprocess(picture, 32, 32)), expected)


def test_the_first_frame_is_the_reconstructed_picture(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    latents = torch.from_numpy(np.asarray(frames_of(pipeline, picture, output_type="latent")))
    frames = frames_of(pipeline, picture)
    decoded = pipeline.decode_latents(latents[:, :, :1])[0, :, 0].permute(1, 2, 0)
    np.testing.assert_allclose(frames[0, 0], decoded.numpy(), atol=1e-5)


def test_a_long_video_goes_on_from_its_last_frame(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    generator = seeded(0)
    long = frames_of(pipeline, picture, output_type="latent", autoregressive_chunks=3, generator=generator)
    assert long.shape == (1, 4, 10, 8, 8)
    single = frames_of(pipeline, picture, output_type="latent")
    np.testing.assert_allclose(long[:, :, :4], single, atol=1e-4)
    # The U-Net is shown, as each chunk's first frame, the last one of the chunk before.
    shown: list[torch.Tensor] = []
    hook = pipeline.unet.register_forward_pre_hook(
        lambda _, args, given: shown.append(given["first_frame_latents"]), with_kwargs=True
    )
    frames_of(pipeline, picture, output_type="latent", autoregressive_chunks=3, generator=seeded(0))
    hook.remove()
    for chunk, frame in enumerate((0, 3, 6)):
        torch.testing.assert_close(shown[3 * chunk][-1], torch.as_tensor(long)[0, :, frame : frame + 1])


def test_several_videos_of_a_prompt_differ_and_keep_their_first_frame(
    pipeline: ConsistI2VPipeline, picture: Image
) -> None:
    videos = frames_of(pipeline, [picture, picture[::-1]], ["a", "b"], num_videos_per_prompt=2)
    assert videos.shape == (4, 4, 32, 32, 3)
    np.testing.assert_allclose(videos[0, 0], videos[1, 0], atol=1e-5)
    assert np.abs(videos[0, 0] - videos[2, 0]).max() > 0.05
    assert np.abs(videos[0, 3] - videos[1, 3]).max() > 0.05


def test_each_of_several_videos_has_its_own_prompt_and_picture(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    images, prompts = [picture, picture[::-1]], ["a", "b"]
    videos = frames_of(pipeline, images, prompts, num_videos_per_prompt=2, generator=[seeded(s) for s in range(4)])
    for index, video in enumerate(videos):
        alone = frames_of(pipeline, images[index // 2], prompts[index // 2], generator=seeded(index))
        np.testing.assert_allclose(video, alone[0], atol=1e-3)


def test_each_prompt_may_have_its_own_negative_one(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    images, prompts, negatives = [picture, picture[::-1]], ["a", "b"], ["bad", "worse"]
    seeds = [seeded(1), seeded(2)]
    together = frames_of(pipeline, images, prompts, negative_prompt=negatives, generator=seeds)
    for index in range(2):
        alone = frames_of(
            pipeline, images[index], prompts[index], negative_prompt=negatives[index], generator=seeded(index + 1)
        )
        np.testing.assert_allclose(together[index], alone[0], atol=1e-3)
    assert np.array_equal(frames_of(pipeline, picture, negative_prompt=None), frames_of(pipeline, picture))
    with pytest.raises(UserError, match="one negative prompt, or one per prompt, 2, got 3"):
        frames_of(pipeline, images, prompts, negative_prompt=["", "", ""])


def test_given_noise_is_the_first_chunks(
    pipeline: ConsistI2VPipeline, picture: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[int, ...]] = []

    def draw(shape: Any, *settings: Any) -> torch.Tensor:
        drawn.append(shape)
        return initial_noise(shape, *settings)

    monkeypatch.setattr("i2vbench.models.consisti2v.pipeline.initial_noise", draw)
    frames_of(pipeline, picture, latents=torch.zeros(1, 4, 4, 8, 8), autoregressive_chunks=3)
    assert drawn == [(1, 4, 4, 8, 8)] * 2


def test_padding_is_masked_only_where_the_text_encoder_asks_for_it(
    pipeline: ConsistI2VPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = pipeline.encode_prompt(["a dog"])
    monkeypatch.setattr(pipeline.text_encoder.config, "use_attention_mask", True, raising=False)
    masked = pipeline.encode_prompt(["a dog"])
    assert not torch.equal(plain[:, -1], masked[:, -1])


def test_given_noise_is_used(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    noise = torch.randn(1, 4, 4, 8, 8, generator=seeded(5))
    one, other = (frames_of(pipeline, picture, latents=noise, frameinit=f) for f in (FrameInit(), None))
    assert np.array_equal(one, frames_of(pipeline, picture, latents=noise))
    assert np.abs(one - other).max() > 0.01


def test_a_callback_sees_and_may_change_every_step(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    steps: list[tuple[int, int]] = []

    def keep(_: Any, step: int, timestep: torch.Tensor, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        steps.append((step, int(timestep)))
        return {"latents": torch.zeros_like(values["latents"])} if step == 2 else {}

    latents = frames_of(pipeline, picture, output_type="latent", callback_on_step_end=keep)
    assert steps == [(0, 667), (1, 334), (2, 1)]
    assert not latents[:, :, 1:].any()
    assert latents[:, :, 0].any()


def test_latents_that_became_nan_are_refused(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    def spoil(_: Any, step: int, timestep: torch.Tensor, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"latents": values["latents"] * (float("nan") if step == 1 else 1)}

    with pytest.raises(UserError, match="the latents became NaN or infinite while sampling in float32"):
        frames_of(pipeline, picture, callback_on_step_end=spoil)


def test_a_long_prompt_says_what_is_not_seen(pipeline: ConsistI2VPipeline, picture: Image) -> None:
    with pytest.warns(UserWarning, match="more than 14 tokens; not seen is its end, .opqr."):
        frames_of(pipeline, picture, "abcdefghijklmnopqr")
    with pytest.warns(UserWarning, match=r"^the negative prompt 'abcdef.*more than 14 tokens"):
        frames_of(pipeline, picture, negative_prompt="abcdefghijklmnopqr")
    with pytest.warns(UserWarning, match="the prompt") as said:
        frames_of(pipeline, picture, "\x1b[31m" + "dog " * 5000)
    assert "\x1b" not in str(said[0].message)
    assert len(str(said[0].message)) < 400
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames_of(pipeline, picture, "abc")
        frames_of(pipeline, picture, "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"height": 36}, "36 x 32: ConsistI2V needs a height and a width that are multiples of 8"),
        ({"width": 0}, "multiples of 8"),
        ({"num_frames": 1}, "1 frames: ConsistI2V makes videos of at least 2"),
        ({"camera_motion": "pan-rigth"}, "unknown camera motion 'pan-rigth': did you mean pan-right"),
        ({"camera_motion": "zoom-in", "frameinit": None}, "needs FrameInit"),
        ({"camera_motion": "zoom-in", "autoregressive_chunks": 2}, "needs FrameInit, and one clip"),
        ({"num_inference_steps": 0}, "num_inference_steps: expected 1 to 999, got 0"),
        ({"num_inference_steps": 1000}, "num_inference_steps: expected 1 to 999, got 1000"),
        ({"num_videos_per_prompt": 0}, "num_videos_per_prompt: expected at least 1, got 0"),
        ({"generator": [seeded(0), seeded(1)]}, "generator: expected one, or one per video, 1, got 2"),
        ({"eta": 2}, "eta: expected a number from 0 to 1, got 2"),
        ({"frameinit": FrameInit(tau=1000)}, "tau: expected a step from 0 to 999, got 1000"),
        ({"frameinit": FrameInit(method="bux")}, "unknown filter 'bux': did you mean box"),
        ({"noise_method": "pyoco"}, "unknown noise_method 'pyoco': did you mean pyoco_mixed"),
        ({"autoregressive_chunks": 0}, "autoregressive_chunks: expected at least 1, got 0"),
        ({"prompt": None}, "prompt: expected a text"),
        ({"prompt": [], "image": []}, "prompt: expected a text"),
        ({"image": None}, "one first frame per prompt, 1, got 0"),
        ({"image": torch.full((3, 32, 32), 255.0)}, "expected a tensor in -1..1, got values up to 255"),
        ({"latents": torch.full((1, 4, 4, 8, 8), float("nan"))}, "the initial noise that was given is NaN"),
        ({"output_type": "gif"}, "unknown output_type 'gif': there are pil, np, pt, uint8, latent"),
        ({"latents": torch.zeros(1, 4, 3, 8, 8)}, "expected initial noise [1, 4, 4, 8, 8], got [1, 4, 3, 8, 8]"),
        ({"prompt": ["a", "b"]}, "one first frame per prompt, 2, got 1"),
        ({"image": np.zeros((8, 8), np.uint8)}, "expected a picture uint8 [H, W, 3], got uint8 [8, 8]"),
        ({"image": torch.zeros(3, 8, 8)}, "expected a float tensor [3, 32, 32]"),
        ({"image": __file__}, "is not a picture"),
    ],
)
def test_what_cannot_be_sampled_is_refused_in_one_line(
    change: dict[str, Any], says: str, pipeline: ConsistI2VPipeline, picture: Image
) -> None:
    with pytest.raises(UserError) as caught:
        pipeline(**({"image": picture, "prompt": "a dog"} | SMALL | change))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
