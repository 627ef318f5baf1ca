"""How good ConsistI2V-tiny is on held-out clips: at denoising, and at what it makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from i2vbench.datasets.synthetic import draw_clip, held_out
from i2vbench.models.consisti2v.components import ddim_scheduler
from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
from i2vbench.models.consisti2v.tiny.networks import NUM_FRAMES
from i2vbench.models.consisti2v.training.objective import Draws, Objective, training_step
from i2vbench.models.consisti2v.unet import ConsistI2VUNet
from i2vbench.tiny.latents import SOURCE_FPS, Kept, LatentClips

SAMPLES, SIDE_PX = 8, 128
STEPS, GUIDANCE, FRAME_STRIDE = 12, 2.0, 3
NOISY = 800
"""A timestep from which little but the text and the first frame says what comes: a signal-to-noise ratio of 1/60."""


@torch.no_grad()
def denoising_scores(unet: ConsistI2VUNet, clips: LatentClips, objective: Objective, seed: int) -> dict[str, float]:
    """The loss over noise levels, and the error of latents at `NOISY` beside the first frame's, held."""
    scheduler = ddim_scheduler(objective.prediction_type)
    losses: list[float] = []
    errors: list[float] = []
    still: list[float] = []
    for index in range(len(clips.moments)):
        given = slice(index, index + 1)
        texts, strides = clips.embed(clips.captions[given]), clips.strides[given]
        made = training_step(
            unet,
            Kept(),
            scheduler,
            objective,
            Draws.for_step(seed, index, 0, 0),
            pixel_values=clips.moments[given],
            text_embeddings=texts,
            frame_stride=strides,
        )
        losses.append(made.loss.item())
        step = torch.tensor([NOISY])
        noisy = scheduler.add_noise(made.latents, made.noise, step)[:, :, 1:]
        first, rest = made.latents[:, :, :1], made.latents[:, :, 1:]
        velocity = unet(noisy, step, texts, first_frame_latents=first, frame_stride=strides).sample
        kept = scheduler.alphas_cumprod[NOISY]
        seen = kept.sqrt() * noisy - (1 - kept).sqrt() * velocity
        errors.append(_square(seen - rest))
        still.append(_square(first - rest))
    return {
        name: float(np.mean(values)) for name, values in (("loss", losses), ("error", errors), ("error_still", still))
    }


@torch.no_grad()
def sample_scores(
    unet: ConsistI2VUNet, vae: AutoencoderKL, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer
) -> dict[str, float]:
    """What samples of held-out first frames and captions have in common with the true clips."""
    pipeline = ConsistI2VPipeline(vae, text_encoder, tokenizer, unet, ddim_scheduler("v_prediction"))
    pipeline.set_progress_bar_config(disable=True)
    rows = []
    for index in range(SAMPLES):
        clip = draw_clip(held_out(index), NUM_FRAMES, SOURCE_FPS / FRAME_STRIDE)
        made = pipeline(
            clip.frames[0],
            clip.caption,
            height=SIDE_PX,
            width=SIDE_PX,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            frame_stride=FRAME_STRIDE,
            generator=torch.Generator().manual_seed(index),
            output_type="np",
            return_dict=False,
        )[0][0]  # [T, H, W, 3]
        rows.append(compare(made, clip.frames.astype(np.float32) / 255))
    return {name: _mean([row[name] for row in rows]) for name in rows[0]}


def compare(made: npt.NDArray[np.floating], true: npt.NDArray[np.floating]) -> dict[str, float]:
    """`motion`, `dynamics`, `psnr` and `psnr_still` of float32 [T, H, W, 3] in 0..1, as the recipe explains them."""
    ours, theirs = (video[1:] - video[:1] for video in (made, true))
    return {
        "motion": float((ours * theirs).sum() / np.sqrt((ours**2).sum() * (theirs**2).sum() + 1e-12)),
        "dynamics": float(np.abs(np.diff(made, axis=0)).sum() / (np.abs(np.diff(true, axis=0)).sum() + 1e-12)),
        "psnr": float(-10 * np.log10(((made - true) ** 2).mean())),
        "psnr_still": float(-10 * np.log10(((made[:1] - true) ** 2).mean())),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _square(x: Tensor) -> float:
    return x.square().mean().item()
