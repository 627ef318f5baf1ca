"""The sampling loop: DDIM over the frames after the first (Section 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.guidance import Guidance
from i2vbench.models.consisti2v.noise import standard_normal
from i2vbench.models.consisti2v.transformer import ProjectedText
from i2vbench.transfer import put

Generators = Generator | Sequence[Generator] | None
StepCallback = Callable[[Any, int, Tensor, dict[str, Tensor]], Mapping[str, Tensor] | None]
"""Called with (pipeline, step, timestep, {"latents": ...}); returns the latents to go on with, or nothing."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How a clip is denoised.

    Attributes:
        number: DDIM steps.
        frame_stride: What the U-Net is told.
        eta: Noise of a step.
        generator: Draws it.
        callback: Called after each step.
    """

    number: int
    frame_stride: int
    eta: float
    generator: Generators
    callback: StepCallback | None


def denoise(
    pipeline: Any,
    latents: Tensor,
    first_frames: Tensor,
    text: Tensor | ProjectedText,
    guidance: Guidance,
    steps: Steps,
    label: str,
) -> Tensor:
    """From noise [b, 4, T-1, h, w] to latents of the same shape.

    Args:
        pipeline: Whose U-Net, scheduler and progress bar are used.
        latents: Noise.
        first_frames: Of all passes, [passes b, 4, 1, h, w].
        text: Of all passes.
        guidance: Which passes there are.
        steps: How many, and how.
        label: What the progress bar calls it.

    Raises:
        UserError: The latents became NaN or infinite.
    """
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(steps.number)  # on the CPU, where the scheduler reads them: no waiting for the GPU
    # A tensor that the device fills itself: a number would be copied to it, and waited for, at each step.
    stride = torch.full((1,), steps.frame_stride, device=latents.device)
    with pipeline.progress_bar(total=steps.number) as progress:
        progress.set_description(label)
        there = scheduler.timesteps.to(latents.device)  # before the loop: a copy waits for the GPU
        for index, (timestep, timestep_there) in enumerate(zip(scheduler.timesteps, there, strict=True)):
            prediction = pipeline.unet(
                torch.cat([latents] * guidance.passes),
                timestep_there,
                encoder_hidden_states=text,
                first_frame_latents=first_frames,
                frame_stride=stride,
                return_dict=False,
            )[0]
            noise = None
            if steps.eta > 0:
                noise = put(standard_normal(latents.shape, steps.generator), latents.device).to(latents.dtype)
            prediction = guidance.combine(prediction)
            latents = scheduler.step(prediction, timestep, latents, eta=steps.eta, variance_noise=noise).prev_sample
            if steps.callback is not None:
                given = steps.callback(pipeline, index, timestep, {"latents": latents})
                latents = (given or {}).get("latents", latents)
            progress.update()
            if index in (0, steps.number - 1):  # at the first step for faulty weights; each look waits for the GPU
                _check_finite(latents, index + 1, steps.number)
    return latents


def _check_finite(latents: Tensor, step: int, steps: int) -> None:
    if torch.isfinite(latents).all():
        return
    dtype = str(latents.dtype).removeprefix("torch.")
    advice = "the checkpoint's weights may be damaged; else try" if step == 1 else "try"
    raise UserError(
        f"the latents became NaN or infinite while sampling in {dtype}, by step {step} of {steps}: {advice} float32 or "
        "bfloat16, or less guidance"
    )
