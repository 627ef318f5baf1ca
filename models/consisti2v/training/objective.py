"""One training step's loss: the epsilon objective on the generated frames (Sections 3.1 and 5.1, eq. 9-10).

Matches the published training code draw for draw (tests/reference: kind `training_step`), with two differences that
do not show in the loss: the latents are never written to (it puts a dropped image into them in place), and noise is
added in float32 whatever the precision of the networks.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from i2vbench.models.consisti2v.noise import draw_shapes, mix_noise, standard_normal
from i2vbench.models.consisti2v.sampling import NoiseMethod, PredictionType

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDIMScheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What the U-Net is taught.

    Attributes:
        prediction_type: What it predicts: the noise, or the velocity sqrt(a) noise - sqrt(1 - a) latents.
        noise_method: How the frames' noise is correlated (eq. 9-10).
        noise_alpha: How strongly.
        text_dropout: Probability that a text is emptied.
        image_dropout: Probability that a first frame is replaced by its noisy self.
        first_frame_mode: The U-Net's `first_frame_condition_mode`; with "none" there is no first frame, and the loss is
            taken over all frames.
    """

    prediction_type: PredictionType = "epsilon"
    noise_method: NoiseMethod = "pyoco_mixed"
    noise_alpha: float = 1.5
    text_dropout: float = 0.1
    image_dropout: float = 0.0
    first_frame_mode: str = "concat"

    @property
    def has_first_frame(self) -> bool:
        return self.first_frame_mode != "none"


class Draws:
    """The random numbers of one step, in the order in which they are asked for.

    Args:
        generator: Gives noise and timesteps, on its own device.
        python: Gives the numbers that decide what is dropped.
    """

    def __init__(self, generator: torch.Generator, python: random.Random) -> None:
        self._generator = generator
        self._python = python

    @classmethod
    def for_step(cls, seed: int, step: int, micro_step: int, process: int) -> Draws:
        """Those of one device batch: a function of these four numbers, on the CPU, so that no device changes them."""
        digest = hashlib.sha256(f"objective:{seed}:{step}:{micro_step}:{process}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        return cls(generator, random.Random(digest[8:]))

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Standard normals, float32."""
        return standard_normal(shape, self._generator)

    def timesteps(self, count: int, num_train_timesteps: int) -> Tensor:
        """Uniform in 0..num_train_timesteps-1, int64 [count]."""
        return torch.randint(
            0, num_train_timesteps, (count,), generator=self._generator, device=self._generator.device
        )  # fmt: skip

    def uniform(self) -> float:
        """Uniform in [0, 1)."""
        return self._python.random()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStep:
    """A loss and what it was made of; b videos of T frames, f' = T - 1 generated ones (T without a first frame).

    Attributes:
        loss: float32 [], with its graph.
        posterior_mean: Of the VAE, unscaled [b*T, 4, h, w].
        posterior_std: The same.
        latents: Clean, scaled [b, 4, T, h, w].
        noise: [b, 4, T, h, w].
        timesteps: int64 [b].
        noisy_latents: [b, 4, T, h, w].
        first_frame_latents: What the U-Net was shown as first frame [b, 4, 1, h, w]; None without one.
        image_dropped: Whose first frame is a noisy one.
        unet_sample: [b, 4, f', h, w].
        target: What was to be predicted [b, 4, T, h, w].
        model_pred: What was predicted [b, 4, f', h, w].
    """

    loss: Tensor
    posterior_mean: Tensor
    posterior_std: Tensor
    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    noisy_latents: Tensor
    first_frame_latents: Tensor | None
    image_dropped: tuple[bool, ...]
    unet_sample: Tensor
    target: Tensor
    model_pred: Tensor


def drop_texts(texts: Sequence[str], ratio: float, draws: Draws) -> list[str]:
    """The texts, each emptied with this probability, for classifier-free guidance; the first draws of a step.

    At ratio 0 nothing is drawn.
    """
    if ratio <= 0:
        return list(texts)
    return ["" if draws.uniform() <= ratio else text for text in texts]


def training_step(
    unet: Callable[..., Any],
    vae: AutoencoderKL,
    scheduler: DDIMScheduler,
    objective: Objective,
    draws: Draws,
    *,
    pixel_values: Tensor,
    text_embeddings: Tensor,
    frame_stride: Tensor | None,
) -> TrainingStep:
    """The loss of one device batch.

    Draws, in order: the posterior noise of all frames, the training noise, a timestep a video, and (where images
    are dropped) a number a video.

    Args:
        unet: The ConsistI2VUNet, or what accelerate made of it.
        vae: Frozen.
        scheduler: Gives the noise levels; what it says of prediction is not looked at.
        objective: What is taught.
        draws: Where the random numbers come from.
        pixel_values: In [-1, 1], [b, T, 3, H, W].
        text_embeddings: [b, L, D], of the texts that `drop_texts` left.
        frame_stride: int64 [b]; None for a U-Net that is not conditioned on it.
    """
    device = pixel_values.device
    with torch.no_grad():
        mean, std = _posterior(vae, pixel_values)
        latents = (mean + std * draws.normal(mean.shape).to(device)) * vae.config.scaling_factor
        latents = latents.unflatten(0, pixel_values.shape[:2]).transpose(1, 2)  # [b, 4, T, h, w]
        shapes = draw_shapes(tuple(latents.shape), objective.noise_method)
        noise = mix_noise([draws.normal(s).to(device) for s in shapes], objective.noise_method, objective.noise_alpha)
        timesteps = draws.timesteps(len(latents), scheduler.config.num_train_timesteps).to(device)
        noisy = scheduler.add_noise(latents, noise, timesteps)
        first_frame, dropped = _first_frame(latents, noisy, objective, draws)
        target = noise if objective.prediction_type == "epsilon" else scheduler.get_velocity(latents, noise, timesteps)
    generated = slice(1 if objective.has_first_frame else 0, None)
    sample = noisy[:, :, generated]  # [b, 4, f', h, w]
    predicted = unet(
        sample, timesteps, text_embeddings, first_frame_latents=first_frame, frame_stride=frame_stride
    ).sample  # [b, 4, f', h, w]
    loss = F.mse_loss(predicted.float(), target[:, :, generated])
    return TrainingStep(
        loss=loss,
        posterior_mean=mean,
        posterior_std=std,
        latents=latents,
        noise=noise,
        timesteps=timesteps,
        noisy_latents=noisy,
        first_frame_latents=first_frame,
        image_dropped=dropped,
        unet_sample=sample,
        target=target,
        model_pred=predicted,
    )


def _posterior(vae: AutoencoderKL, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the VAE's posterior, float32 [b*T, 4, h, w]; a clip at once, for the memory's sake."""
    posteriors = [vae.encode(video).latent_dist for video in pixel_values]
    mean, std = (torch.cat([getattr(posterior, name) for posterior in posteriors]) for name in ("mean", "std"))
    return mean.float(), std.float()


def _first_frame(
    latents: Tensor, noisy: Tensor, objective: Objective, draws: Draws
) -> tuple[Tensor | None, tuple[bool, ...]]:
    """What the U-Net is shown as first frames [b, 4, 1, h, w], and which of them are noisy."""
    if not objective.has_first_frame:
        return None, (False,) * len(latents)
    clean = latents[:, :, :1]  # [b, 4, 1, h, w]
    if objective.image_dropout <= 0:
        return clean, (False,) * len(latents)
    dropped = tuple(draws.uniform() <= objective.image_dropout for _ in range(len(latents)))
    mask = torch.tensor(dropped, device=latents.device).view(-1, 1, 1, 1, 1)
    return torch.where(mask, noisy[:, :, :1], clean), dropped
