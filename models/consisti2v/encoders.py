"""The frozen parts of Stable Diffusion 2.1-base: pictures to latents and back, text to embeddings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from diffusers import AutoencoderKL
from torch import Generator, Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from i2vbench.models.consisti2v.noise import standard_normal

PIXELS_AT_ONCE = 4 * 256 * 256
"""Pixels that the VAE takes at once. Bounds its memory, which the published code does by single frames."""


def encode_frames(
    vae: AutoencoderKL,
    pixels: Tensor,
    generator: Generator | Sequence[Generator] | None,
    device: torch.device | None = None,
) -> Tensor:
    """Latents [n, 4, h, w], drawn from the posterior and scaled.

    Args:
        vae: The autoencoder.
        pixels: [n, 3, H, W] in -1..1.
        generator: Draws the posterior's noise; several draw equal shares of the pictures.
        device: Where the autoencoder works, if that is not where its weights lie (offloading).
    """
    pixels = pixels.to(device or vae.device, vae.dtype)
    posteriors = [vae.encode(part).latent_dist for part in pixels.split(_batch(pixels.shape[-2:]))]
    mean, std = torch.cat([p.mean for p in posteriors]), torch.cat([p.std for p in posteriors])  # [n, 4, h, w]
    noise = standard_normal(mean.shape, generator).to(mean.device, mean.dtype)
    return (mean + std * noise) * vae.config.scaling_factor


def decode_latents(vae: AutoencoderKL, latents: Tensor, device: torch.device | None = None) -> Tensor:
    """Videos, float32 [b, 3, T, H, W] in 0..1 on the CPU, from latents [b, 4, T, h, w].

    Frames go through the VAE video by video, a few at once, so that neither the batch nor the memory at hand decides
    what is computed together.
    """
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    size = (latents.shape[-2] * scale, latents.shape[-1] * scale)
    latents = latents.to(device or vae.device, vae.dtype) / vae.config.scaling_factor
    videos = []
    for video in latents.transpose(1, 2):  # [T, 4, h, w]
        parts = [vae.decode(part).sample.float() for part in video.split(_batch(size))]
        videos.append((torch.cat(parts).cpu() / 2 + 0.5).clamp(0, 1).transpose(0, 1))  # [3, T, H, W]
    return torch.stack(videos)


def encode_prompts(
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    prompts: Sequence[str],
    device: torch.device | None = None,
    what: str = "prompt",
) -> Tensor:
    """[n, L, D]: the last hidden states, after the final norm, of prompts padded to the tokenizer's length.

    Warns of what is cut off a prompt that is too long, calling it `what`.
    """
    for prompt in prompts:
        rest = cut_off(tokenizer, prompt)
        if rest:
            warnings.warn(
                f"the {what} {_shortened(prompt, 40)} has more than {tokenizer.model_max_length - 2} tokens; not seen "
                f"is its end, {_shortened(rest, 200)}",
                stacklevel=2,
            )
    tokens = tokenizer(
        list(prompts), padding="max_length", truncation=True, max_length=tokenizer.model_max_length, return_tensors="pt"
    )
    mask = tokens.attention_mask if getattr(text_encoder.config, "use_attention_mask", False) else None
    device = device or text_encoder.device
    return text_encoder(tokens.input_ids.to(device), attention_mask=None if mask is None else mask.to(device))[0]


def cut_off(tokenizer: CLIPTokenizer, prompt: str) -> str:
    """The end of a prompt that the tokenizer's length leaves no room for; "" if all of it is seen."""
    ids = tokenizer(prompt, truncation=False, verbose=False).input_ids[1:-1]
    return str(tokenizer.decode(ids[tokenizer.model_max_length - 2 :], skip_special_tokens=True)).strip()


def _shortened(text: str, most: int) -> str:
    """In quotation marks, on one line, control characters spelt out."""
    return repr(text if len(text) <= most else f"{text[:most].rstrip()} ...")


def _batch(size: Sequence[int]) -> int:
    return max(1, PIXELS_AT_ONCE // (size[0] * size[1]))
