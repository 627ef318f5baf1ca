"""HunyuanVideo, its descendants FramePack and SkyReels V1, and HunyuanVideo 1.5."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import AutoencoderKLHunyuanVideo, DiffusionPipeline, FlowMatchEulerDiscreteScheduler
from diffusers.guiders import ClassifierFreeGuidance
from transformers import ByT5Tokenizer

from tests.models.diffusers.tiny.encoders import (
    WIDTH,
    clip_images,
    clip_text,
    llama,
    llava,
    qwen_text,
    siglip_images,
    siglip_vision,
    t5_encoder,
)
from tests.models.diffusers.tiny.texts import clip_tokenizer, llama_tokenizer, qwen_tokenizer
from tests.models.diffusers.tiny.weights import enliven

CHANNELS = 4

TRANSFORMER = {
    "out_channels": CHANNELS,
    "num_attention_heads": 2,
    "attention_head_dim": 10,
    "num_layers": 1,
    "num_single_layers": 1,
    "num_refiner_layers": 1,
    "text_embed_dim": WIDTH,
    "pooled_projection_dim": WIDTH,
    "rope_axes_dim": (2, 4, 4),
}


def hunyuan_vae(channels: int = CHANNELS) -> AutoencoderKLHunyuanVideo:
    """Eight pixels and four frames a latent."""
    vae = AutoencoderKLHunyuanVideo(
        latent_channels=channels,
        down_block_types=("HunyuanVideoDownBlock3D",) * 4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        spatial_compression_ratio=8,
        temporal_compression_ratio=4,
        mid_block_add_attention=False,
    )
    return enliven(vae)


def _hunyuan() -> dict[str, Any]:
    """What all of the first generation share; text goes through Llama and CLIP."""
    return {
        "tokenizer": llama_tokenizer(),
        "vae": hunyuan_vae(),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=7.0),
        "text_encoder_2": clip_text(),
        "tokenizer_2": clip_tokenizer(),
    }


def hunyuan_latent_concat() -> DiffusionPipeline:
    """As HunyuanVideo-I2V-33ch: the first frame's latent lies beside the noise."""
    transformer = diffusers.HunyuanVideoTransformer3DModel(
        **TRANSFORMER, in_channels=2 * CHANNELS + 1, guidance_embeds=False, image_condition_type="latent_concat"
    )
    return diffusers.HunyuanVideoImageToVideoPipeline(
        **_hunyuan(), text_encoder=llava(), image_processor=clip_images(48), transformer=enliven(transformer)
    )


def hunyuan_token_replace() -> DiffusionPipeline:
    """As HunyuanVideo-I2V: the first frame's latent is the first of the video's."""
    transformer = diffusers.HunyuanVideoTransformer3DModel(
        **TRANSFORMER, in_channels=CHANNELS, guidance_embeds=True, image_condition_type="token_replace"
    )
    return diffusers.HunyuanVideoImageToVideoPipeline(
        **_hunyuan(), text_encoder=llava(), image_processor=clip_images(48), transformer=enliven(transformer)
    )


def skyreels_v1() -> DiffusionPipeline:
    transformer = diffusers.HunyuanVideoTransformer3DModel(
        **TRANSFORMER, in_channels=2 * CHANNELS, guidance_embeds=True
    )
    return diffusers.HunyuanSkyreelsImageToVideoPipeline(
        **_hunyuan(), text_encoder=llama(), transformer=enliven(transformer)
    )


def framepack() -> DiffusionPipeline:
    transformer = diffusers.HunyuanVideoFramepackTransformer3DModel(
        **TRANSFORMER,
        in_channels=CHANNELS,
        guidance_embeds=True,
        has_image_proj=True,
        image_proj_dim=WIDTH,
        has_clean_x_embedder=True,
    )
    return diffusers.HunyuanVideoFramepackPipeline(
        **_hunyuan(),
        text_encoder=llama(),
        image_encoder=siglip_vision(),
        feature_extractor=siglip_images(),
        transformer=enliven(transformer),
    )


def hunyuan15() -> DiffusionPipeline:
    """Its size follows from the picture's shape, 64 pixels a side on average. 16 pixels and 4 frames a latent."""
    transformer = diffusers.HunyuanVideo15Transformer3DModel(
        in_channels=2 * CHANNELS + 1,
        out_channels=CHANNELS,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        text_embed_dim=WIDTH,
        text_embed_2_dim=WIDTH,
        image_embed_dim=WIDTH,
        rope_axes_dim=(2, 2, 4),
        target_size=64,
        task_type="i2v",
    )
    vae = diffusers.AutoencoderKLHunyuanVideo15(
        latent_channels=CHANNELS,
        block_out_channels=(8, 8, 8, 8, 8),
        layers_per_block=1,
        spatial_compression_ratio=16,
        temporal_compression_ratio=4,
        downsample_match_channel=False,
        upsample_match_channel=False,
    )
    return diffusers.HunyuanVideo15ImageToVideoPipeline(
        text_encoder=qwen_text(),
        tokenizer=qwen_tokenizer(),
        transformer=enliven(transformer),
        vae=enliven(vae),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=t5_encoder(),
        tokenizer_2=ByT5Tokenizer(),
        guider=ClassifierFreeGuidance(guidance_scale=6.0),
        image_encoder=siglip_vision(27, 1),
        feature_extractor=siglip_images(27),
    )
