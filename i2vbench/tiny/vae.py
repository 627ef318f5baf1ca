"""ConsistI2V-tiny's autoencoder: Stable Diffusion's, a hundredth of its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from i2vbench.datasets.synthetic import draw_clip, held_out
from i2vbench.models.consisti2v.tiny import VAE as NAME
from i2vbench.models.consisti2v.tiny.networks import load_vae, vae_config
from i2vbench.tiny.recipe import Curve, Recipe

PICTURES, BATCH = 3000, 16
CROPS_PX = (32, 64)
"""Sides of crops in the first and the second half: they cost a sixteenth and a quarter of a picture, and teach a
network of convolutions nearly as much."""

LEARNING_RATE, KL_WEIGHT, EDGE_WEIGHT = 2e-3, 1e-4, 0.5
NOISE = 0.12
"""Deviation of what is added to latents, as a share of their own: a denoiser's latents are never exact."""

SHIFTED, FACTOR = 0.5, 8
"""The share of steps in which latents are shifted between their cells, and pixels in a cell."""

FIRST_LOG_VARIANCE = -6.0
HELD_OUT = 64


class VAE(Recipe):
    name = "vae"
    checkpoint = NAME
    title = "ConsistI2V's autoencoder (Stable Diffusion 2.1's VAE), of 0.6 million parameters instead of 84"
    data = f"{PICTURES} pictures of the synthetic world, in crops of 32 x 32, later 64 x 64, half in other colours."
    method = (
        "Absolute error of pixels and of the differences of neighbours, and a little KL divergence; the published one "
        "has LPIPS and an adversary. Latents have a little noise, and half of the time are shifted with the pixels by "
        "a part of a cell, so that things that move move in them too. They are normalised after 3,200 steps, in the "
        "layers around them; then the decoder learns alone."
    )
    scores = MappingProxyType(
        {
            "psnr": f"dB, of {HELD_OUT} held-out pictures of 128 x 128, encoded and decoded; more is better",
            "psnr_enlarged": "the same of the picture shrunk by 8 and enlarged: 3 numbers instead of 4",
        }
    )
    steps = 5600
    cpu_minutes = 29.0

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.set_num_threads(1)  # for crops this small a second one costs more than it brings
        torch.manual_seed(self.seed)
        random = torch.Generator().manual_seed(self.seed)
        pictures = _pictures(range(PICTURES))
        vae = AutoencoderKL.from_config(vae_config()).train()
        _initialise(vae)
        together = self.steps * 4 // 7
        every = max(1, self.steps // 50)
        curve = _Rows(log, every)
        _learn(vae, vae, pictures, random, [side for side in CROPS_PX for _ in range(together // 2)], curve)
        _normalise(vae.eval(), pictures)
        vae.half().float()  # as it is stored, so that the decoder gets to know the stored encoder's latents
        decoder = torch.nn.ModuleList([vae.post_quant_conv, vae.decoder])
        random.manual_seed(self.seed)
        _learn(vae, decoder, pictures, random, [CROPS_PX[1]] * (self.steps - together // 2 * 2), curve)
        state: dict[str, Tensor] = vae.eval().state_dict()
        return state

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        vae = load_vae(state)
        pixels = _to_unit(_pictures(range(held_out(0), held_out(HELD_OUT))))  # [N, 3, 128, 128]
        with torch.no_grad():
            made = torch.cat([vae.decode(vae.encode(part).latent_dist.mean).sample for part in pixels.split(8)])
        small = F.interpolate(pixels, scale_factor=1 / 8, mode="area")
        enlarged = F.interpolate(small, scale_factor=8, mode="bicubic")
        return {"psnr": _psnr(made, pixels), "psnr_enlarged": _psnr(enlarged, pixels)}


class _Rows:
    """The rows of the recipe's curve, one every so many steps."""

    def __init__(self, log: Curve, every: int) -> None:
        self._log, self._every, self._step = log, every, 0

    def add(self, **values: Tensor) -> None:
        self._step += 1
        if self._step % self._every == 0:
            self._log.row(self._step, **{name: value.item() for name, value in values.items()})


def _learn(
    vae: AutoencoderKL,
    trained: torch.nn.Module,
    pictures: Tensor,
    random: torch.Generator,
    sides_px: Sequence[int],
    curve: _Rows,
) -> None:
    """A step on crops of each of these sides, for the whole autoencoder or for its decoder alone."""
    parameters = list(trained.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=len(sides_px) + 1, pct_start=0.1
    )
    for side in sides_px:
        pixels = _crops(pictures, side, random)  # [B, 3, C, C]
        with torch.set_grad_enabled(trained is vae):
            posterior = vae.encode(pixels).latent_dist
            latents = posterior.mean  # [B, z, C / 8, C / 8]
            divergence = posterior.kl().mean() / latents[0].numel()
            spread = NOISE * latents.detach().std() + posterior.std
        latents = latents + spread * torch.randn(latents.shape, generator=random)
        if torch.rand((), generator=random) < SHIFTED:
            latents, pixels = _shifted(latents, pixels, random)
        made = vae.decode(latents).sample
        pixel_error, edge_error = (made - pixels).abs().mean(), _edge_error(made, pixels)
        loss = pixel_error + EDGE_WEIGHT * edge_error + KL_WEIGHT * divergence
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        curve.add(loss=loss, pixel_error=pixel_error, std=posterior.std.mean())


def _pictures(seeds: range) -> Tensor:
    """uint8 [N, 3, 128, 128]."""
    frames = np.concatenate([draw_clip(seed, num_frames=1).frames for seed in seeds])
    return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()


def _to_unit(pictures: Tensor) -> Tensor:
    """uint8 to float32 in -1..1."""
    return pictures.float() / 127.5 - 1


def _crops(pictures: Tensor, side: int, random: torch.Generator) -> Tensor:
    """A batch [B, 3, side, side] in -1..1: a quarter of it from pictures of half the size, where detail is finer.

    Half of them are in other colours, so that the latents serve other worlds too.
    """
    crops = []
    for index, picture in enumerate(pictures[torch.randint(len(pictures), (BATCH,), generator=random)].float()):
        whole = F.avg_pool2d(picture, 2) if index % 4 == 3 else picture
        top, left = torch.randint(whole.shape[-1] - side + 1, (2,), generator=random).tolist()
        crop = whole[:, top : top + side, left : left + side] / 127.5 - 1
        if torch.rand((), generator=random) < 0.5:
            crop = crop.flip(-1)
        if index % 2:
            gain, shift = 0.6 + 0.6 * torch.rand(2, 3, 1, 1, generator=random)
            crop = (gain * crop[torch.randperm(3, generator=random)] + shift - 0.9).clamp(-1, 1)
        crops.append(crop)
    return torch.stack(crops)


def _shifted(latents: Tensor, pixels: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Both by the same part of a cell: what moves a little then moves the latents as it moves the pixels.

    Latents between cells are those of the four around them, mixed; so there is a cell less on each axis.
    """
    down, right = torch.randint(FACTOR, (2,), generator=random).tolist()
    for axis, shift in ((-2, down), (-1, right)):
        share, length = shift / FACTOR, latents.shape[axis] - 1
        latents = (1 - share) * latents.narrow(axis, 0, length) + share * latents.narrow(axis, 1, length)
        pixels = pixels.narrow(axis, shift, FACTOR * length)
    return latents, pixels


def _edge_error(made: Tensor, pixels: Tensor) -> Tensor:
    """Absolute error of the differences of neighbours: what keeps edges sharp where a pixel's error alone blurs."""
    error = made - pixels
    across: Tensor = error.diff(dim=-1).abs().mean()
    down: Tensor = error.diff(dim=-2).abs().mean()
    return across + down


@torch.no_grad()
def _initialise(vae: AutoencoderKL) -> None:
    """Begin with what comes through four levels: else some hundred steps go by before the latents say anything.

    Orthogonal convolutions, residual blocks that add nothing yet, and a posterior of little noise.
    """
    for module in vae.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.orthogonal_(module.weight)
    for name, parameter in vae.named_parameters():
        if ".resnets." in name and ".conv2." in name:
            parameter.zero_()
    vae.quant_conv.bias.chunk(2)[1].fill_(FIRST_LOG_VARIANCE)


@torch.no_grad()
def _normalise(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Give every latent channel mean 0 and deviation 1, in the 1 x 1 convolutions before and after the latents."""
    parts = _to_unit(pictures[:: max(1, len(pictures) // 256)]).split(16)
    means = torch.cat([vae.encode(part).latent_dist.mean for part in parts])  # [N, z, 16, 16]
    mean, std = means.mean(dim=(0, 2, 3)), means.std(dim=(0, 2, 3))
    channels = len(mean)
    before, after = vae.quant_conv, vae.post_quant_conv
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight *= std[:, None, None]
    before.weight[:channels] /= std[:, None, None, None]
    before.bias[:channels] = (before.bias[:channels] - mean) / std
    before.bias[channels:] -= 2 * std.log()  # of the log-variances


def _psnr(made: Tensor, pixels: Tensor) -> float:
    """Mean over pictures, dB, of values in -1..1."""
    error = ((made.clamp(-1, 1) - pixels) / 2).square().mean(dim=(1, 2, 3))
    return float((-10 * error.log10()).mean())
