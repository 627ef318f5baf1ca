"""Text-to-image pipelines with random weights, a few megabytes each, saved as diffusers lays them out."""

from __future__ import annotations

import math
import string
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, T5Config, T5EncoderModel, T5Tokenizer

from i2vbench.models.consisti2v.tiny.text import read_text_encoder

SD_SIDE_PX, SDXL_SIDE_PX, PIXART_SIDE_PX = 32, 32, 256
"""Of their native pictures: latents of the network times the autoencoder's factor."""


def save_sd(folder: Path, seed: int = 0) -> Path:
    """Stable Diffusion, without a safety checker, as 2.1-base has none."""
    text_encoder, tokenizer = read_text_encoder()
    StableDiffusionPipeline(
        vae=_vae(levels=2),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=_unet(text_encoder.config.hidden_size, seed),
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def save_sdxl(folder: Path) -> Path:
    """SDXL: two text encoders, and the picture's size among the conditions."""
    first, tokenizer = read_text_encoder()
    width, tokens = first.config.hidden_size, first.config.vocab_size
    second = CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=tokens, hidden_size=width, intermediate_size=width, projection_dim=width, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=first.config.max_position_embeddings,
            bos_token_id=tokens - 2, eos_token_id=tokens - 1, pad_token_id=tokens - 1,
        )
    )  # fmt: skip
    StableDiffusionXLPipeline(
        vae=_vae(levels=2),
        text_encoder=first,
        text_encoder_2=second,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=_unet(
            2 * width,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + width,
        ),
        scheduler=_scheduler(),
    ).save_pretrained(folder)
    return folder


def save_pixart(folder: Path) -> Path:
    """PixArt-alpha for 256 x 256: a transformer told by T5."""
    scores = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    scores += [(character, -6.0) for character in string.printable.strip()]
    text = T5Config(d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=len(scores))
    PixArtAlphaPipeline(
        tokenizer=T5Tokenizer(vocab=scores, extra_ids=0, model_max_length=120),
        text_encoder=_drawn(T5EncoderModel(text)),
        vae=_vae(levels=4),
        transformer=_drawn(
            PixArtTransformer2DModel(
                num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16, caption_channels=16, num_layers=1,
                sample_size=32, norm_type="ada_norm_single", norm_elementwise_affine=False,
            )
        ),
        scheduler=DPMSolverMultistepScheduler(),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def _vae(levels: int) -> AutoencoderKL:
    return _drawn(
        AutoencoderKL(
            block_out_channels=(8,) * levels, norm_num_groups=4, layers_per_block=1, latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
        )
    )  # fmt: skip


def _unet(text_width: int, seed: int = 0, **more: object) -> UNet2DConditionModel:
    return _drawn(
        UNet2DConditionModel(
            sample_size=16, block_out_channels=(8,), layers_per_block=1, norm_num_groups=4, attention_head_dim=4,
            down_block_types=("CrossAttnDownBlock2D",), mid_block_type=None, up_block_types=("CrossAttnUpBlock2D",),
            cross_attention_dim=text_width, **more,
        ),
        seed,
    )  # fmt: skip


def _scheduler() -> DDIMScheduler:
    return DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False
    )


def _drawn(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with every matrix and kernel drawn again: as libraries start them, some pictures would be grey."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 1 / math.sqrt(parameter[0].numel()), generator=generator)
    return module.eval()
