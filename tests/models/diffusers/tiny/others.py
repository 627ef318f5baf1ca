"""SANA-Video, EasyAnimate, Motif-Video and Helios: a transformer of their own, mostly over Wan's latents."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler
from diffusers.guiders import AdaptiveProjectedGuidance

from tests.models.diffusers.tiny.encoders import (
    IMAGE_SIZE,
    WIDTH,
    gemma2,
    qwen2_vl,
    siglip_images,
    t5gemma2,
    umt5_encoder,
)
from tests.models.diffusers.tiny.texts import gemma_tokenizer, qwen_tokenizer, t5_tokenizer
from tests.models.diffusers.tiny.wan import CHANNELS, wan_vae
from tests.models.diffusers.tiny.weights import enliven


def sana_video() -> DiffusionPipeline:
    transformer = diffusers.SanaVideoTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=1,
        num_cross_attention_heads=2,
        cross_attention_head_dim=12,
        cross_attention_dim=24,
        caption_channels=WIDTH,
        sample_size=8,
        patch_size=(1, 2, 2),
        rope_max_seq_len=32,
    )
    return diffusers.SanaImageToVideoPipeline(
        tokenizer=gemma_tokenizer(),
        text_encoder=gemma2(),
        vae=wan_vae(),
        transformer=enliven(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=8.0),
    )


def easyanimate() -> DiffusionPipeline:
    """As EasyAnimateV5.1's InP: the rest of the video is painted in. Eight pixels and four frames a latent."""
    channels = 4
    transformer = diffusers.EasyAnimateTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=2 * channels + 1,
        out_channels=channels,
        time_embed_dim=8,
        text_embed_dim=WIDTH,
        num_layers=1,
        sample_width=16,
        sample_height=16,
        patch_size=2,
        add_norm_text_encoder=True,
    )
    vae = diffusers.AutoencoderKLMagvit(
        latent_channels=channels,
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("SpatialDownBlock3D", *("SpatialTemporalDownBlock3D",) * 2, "SpatialTemporalDownBlock3D"),
        up_block_types=("SpatialUpBlock3D", *("SpatialTemporalUpBlock3D",) * 3),
        layers_per_block=1,
        norm_num_groups=2,
        spatial_group_norm=False,
    )
    vae.register_to_config(cache_mag_vae=True)  # published configurations have it; the pipeline fails without
    return diffusers.EasyAnimateInpaintPipeline(
        vae=enliven(vae),
        text_encoder=qwen2_vl(),
        tokenizer=qwen_tokenizer(),
        transformer=enliven(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
    )


def motif_video() -> DiffusionPipeline:
    transformer = diffusers.MotifVideoTransformer3DModel(
        in_channels=2 * CHANNELS + 1,
        out_channels=CHANNELS,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=1,
        num_single_layers=1,
        patch_size=2,
        patch_size_t=1,
        qk_norm="rms_norm",
        text_embed_dim=WIDTH,
        image_embed_dim=WIDTH,
        rope_axes_dim=(4, 4, 4),
    )
    return diffusers.MotifVideoImage2VideoPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        vae=wan_vae(),
        text_encoder=t5gemma2(),
        tokenizer=gemma_tokenizer(),
        transformer=enliven(transformer),
        guider=AdaptiveProjectedGuidance(guidance_scale=8.0),
        feature_extractor=siglip_images(IMAGE_SIZE),
    )


def _helios(stages: int) -> dict[str, Any]:
    transformer = diffusers.HeliosTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        text_dim=WIDTH,
        freq_dim=32,
        ffn_dim=32,
        num_layers=1,
        rope_dim=(4, 4, 4),
        has_multi_term_memory_patch=True,
        guidance_cross_attn=True,
        zero_history_timestep=True,
        is_amplify_history=False,
    )
    return {
        "tokenizer": t5_tokenizer(),
        "text_encoder": umt5_encoder(),
        "vae": wan_vae(),
        # The default of 1/3 makes the covariance of a block's noise singular but for 1e-8, which float32 does not have
        # beside 1: its factorisation fails on a CPU.
        "scheduler": diffusers.HeliosScheduler(
            stages=stages, stage_range=[i / stages for i in range(stages + 1)], gamma=0.3
        ),
        "transformer": enliven(transformer),
    }


def helios() -> DiffusionPipeline:
    return diffusers.HeliosPipeline(**_helios(1))


def helios_pyramid() -> DiffusionPipeline:
    return diffusers.HeliosPyramidPipeline(**_helios(3))
