"""Clips of the synthetic world as latents and texts, encoded once and kept while ConsistI2V-tiny trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from i2vbench.datasets.synthetic import draw_clip
from i2vbench.models.consisti2v.encoders import encode_prompts
from i2vbench.models.consisti2v.tiny.networks import NUM_FRAMES

SOURCE_FPS = 24.0
STRIDES = (3, 1, 3, 2, 3, 4, 3, 5)
"""The paper's 1 to 5; half of the clips at the 8 frames a second that the benchmark asks for."""

TEXTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class LatentClips:
    """N clips of T frames.

    Attributes:
        moments: Mean and deviation of the VAE's posterior side by side, float16 [N, T, 2 z, h, w].
        captions: What happens in each.
        strides: int64 [N].
        texts: Embeddings of all of these and of the empty one, float32 [L, D], by text.
    """

    moments: Tensor
    captions: Sequence[str]
    strides: Tensor
    texts: dict[str, Tensor]

    def embed(self, texts: Sequence[str]) -> Tensor:
        """[n, L, D]."""
        return torch.stack([self.texts[text] for text in texts])


class Kept:
    """Stands for the VAE in `training_step`: gives the posteriors that were kept."""

    config = SimpleNamespace(scaling_factor=1.0)

    def encode(self, moments: Tensor) -> SimpleNamespace:
        """[n, 2 z, h, w]."""
        mean, std = moments.float().chunk(2, dim=1)
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean, std=std))


@torch.no_grad()
def encode_clips(
    seeds: Sequence[int],
    vae: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    side_px: int = 128,
) -> LatentClips:
    """The clips of these seeds, square; the i-th has the i-th of `STRIDES`, over and over."""
    moments, captions = [], []
    used = [STRIDES[index % len(STRIDES)] for index in range(len(seeds))]
    for seed, stride in zip(seeds, used, strict=True):
        clip = draw_clip(seed, NUM_FRAMES, SOURCE_FPS / stride, side_px, side_px)
        posterior = vae.encode(torch.from_numpy(clip.frames).permute(0, 3, 1, 2) / 127.5 - 1).latent_dist
        moments.append(torch.cat((posterior.mean, posterior.std), dim=1).half())  # [T, 2 z, h, w]
        captions.append(clip.caption)
    texts = list(dict.fromkeys(["", *captions]))
    embedded = [
        encode_prompts(text_encoder, tokenizer, texts[start : start + TEXTS_AT_ONCE])
        for start in range(0, len(texts), TEXTS_AT_ONCE)
    ]
    return LatentClips(
        torch.stack(moments), captions, torch.tensor(used), dict(zip(texts, torch.cat(embedded), strict=True))
    )
