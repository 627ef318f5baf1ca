"""A GPU is not waited for between two sampling steps: shown without a GPU, on one that computes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from i2vbench.models.consisti2v.components import load_components
from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
from i2vbench.models.consisti2v.unet import ConsistI2VUNet
from i2vbench.types import Image
from tests.models.consisti2v.conftest import seeded
from tests.waits import GPU, on_gpu, pretended_gpu

OPTIONS: dict[str, dict[str, Any]] = {
    "published": {},
    "three passes, with noise": {"eta": 0.5, "image_guidance_scale": 2.0, "guidance_rescale": 0.5},
}


@pytest.fixture(scope="module")
def parts(tiny: Path) -> dict[str, Any]:
    return load_components(tiny)


def predicted(unet: ConsistI2VUNet, sample: Tensor, timestep: Tensor, **given: Any) -> tuple[Tensor]:
    """Instead of the U-Net, which has a test of its own: a step of it takes the pretended GPU a second."""
    assert {timestep.device, given["frame_stride"].device} == {sample.device}
    return (sample * timestep,)


def waits(parts: dict[str, Any], picture: Image, steps: Sequence[int], **options: Any) -> list[Counter[str]]:
    """Where it is waited, for each number of steps."""
    found = []
    with pytest.MonkeyPatch.context() as patch, pretended_gpu(patch) as gpu:
        patch.setattr(ConsistI2VUNet, "forward", predicted)
        moved = {name: on_gpu(part) if isinstance(part, nn.Module) else part for name, part in parts.items()}
        pipeline = ConsistI2VPipeline(**moved)
        pipeline.set_progress_bar_config(disable=True)
        for number in steps:
            asked = {"height": 32, "width": 32, "num_inference_steps": number, "generator": [seeded(0)]}
            pipeline(picture, "a dog", output_type="uint8", **asked, **options)
            found.append(Counter(gpu.places))
            gpu.places.clear()
    return found


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_sampling_waits_no_more_often_for_more_steps(
    parts: dict[str, Any], picture: Image, options: dict[str, Any]
) -> None:
    few, many = waits(parts, picture, (2, 5), **options)
    assert few == many
    looks = [count for place, count in many.items() if "denoise.py" in place and "_local_scalar_dense" in place]
    assert looks == [2], "after the first and the last step it is seen whether all is finite"


def test_the_unet_waits_for_nothing(parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pretended_gpu(monkeypatch) as gpu:
        unet = on_gpu(parts["unet"])
        latents = torch.empty(2, 4, 4, 8, 8, device=GPU)
        text = unet.project_text(torch.empty(2, 7, unet.config.cross_attention_dim, device=GPU))  # type: ignore[operator,union-attr]
        time, stride = (torch.full((1,), number, device=GPU) for number in (500, 3))
        given = {"encoder_hidden_states": text, "first_frame_latents": latents[:, :, :1], "frame_stride": stride}
        with torch.no_grad():
            assert unet(latents[:, :, 1:], time, **given).sample.device == latents.device
    assert gpu.places == []


def test_a_video_comes_from_the_gpu_as_a_whole(
    parts: dict[str, Any], picture: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("i2vbench.models.consisti2v.encoders.PIXELS_AT_ONCE", 32 * 32)
    [found] = waits(parts, picture, (2,))
    assert sum(count for place, count in found.items() if "copy from the GPU" in place) == 1


def test_a_wait_between_two_steps_would_be_seen(parts: dict[str, Any], picture: Image) -> None:
    def nosy(pipeline: Any, step: int, timestep: Tensor, given: dict[str, Tensor]) -> None:
        given["latents"].max().item()

    few, many = waits(parts, picture, (2, 5), callback_on_step_end=nosy)
    assert many.total() == few.total() + 3
