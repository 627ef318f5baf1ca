"""NVIDIA's Cosmos, from Predict 1 to 3."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from diffusers import (
    DiffusionPipeline,
    EDMEulerScheduler,
    FlowMatchEulerDiscreteScheduler,
    ModelMixin,
    UniPCMultistepScheduler,
)
from diffusers.configuration_utils import ConfigMixin

from tests.models.diffusers.tiny.encoders import WIDTH, qwen, t5_encoder
from tests.models.diffusers.tiny.texts import qwen_tokenizer, t5_tokenizer
from tests.models.diffusers.tiny.wan import CHANNELS, wan_vae
from tests.models.diffusers.tiny.weights import enliven


class Guardrail(ModelMixin, ConfigMixin):
    """What the package cosmos_guardrail has under the name of CosmosSafetyChecker, and lets everything pass."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("anything", torch.zeros(1))  # pipelines ask each part where its tensors are

    def check_text_safety(self, prompt: str) -> bool:
        return True

    def check_video_safety(self, frames: Any) -> Any:
        return frames


def _transformer(channels: int, text: int = WIDTH) -> diffusers.CosmosTransformer3DModel:
    transformer = diffusers.CosmosTransformer3DModel(
        in_channels=channels + 1,
        out_channels=channels,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=1,
        mlp_ratio=2,
        text_embed_dim=text,
        adaln_lora_dim=4,
        max_size=(4, 32, 32),
        concat_padding_mask=True,
        extra_pos_embed_type="learnable",
    )
    return enliven(transformer)


def cosmos1() -> DiffusionPipeline:
    """Eight pixels and four frames a latent."""
    vae = diffusers.AutoencoderKLCosmos(
        latent_channels=4,
        encoder_block_out_channels=(8, 8, 8, 8),
        decode_block_out_channels=(8, 8, 8, 8),
        attention_resolutions=(8,),
        resolution=64,
        num_layers=1,
        patch_size=2,
        spatial_compression_ratio=8,
        temporal_compression_ratio=4,
    )
    return diffusers.CosmosVideoToWorldPipeline(
        text_encoder=t5_encoder(),
        tokenizer=t5_tokenizer(),
        transformer=_transformer(4),
        vae=enliven(vae),
        scheduler=EDMEulerScheduler(sigma_min=0.002, sigma_max=80, sigma_data=0.5, final_sigmas_type="sigma_min"),
        safety_checker=Guardrail(),
    )


def cosmos2() -> DiffusionPipeline:
    return diffusers.Cosmos2VideoToWorldPipeline(
        text_encoder=t5_encoder(),
        tokenizer=t5_tokenizer(),
        transformer=_transformer(CHANNELS),
        vae=wan_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True),
        safety_checker=Guardrail(),
    )


def cosmos25() -> DiffusionPipeline:
    """It reads all layers of its text encoder side by side."""
    return diffusers.Cosmos2_5_PredictBasePipeline(
        text_encoder=qwen(),
        tokenizer=qwen_tokenizer(),
        transformer=_transformer(CHANNELS, 2 * WIDTH),
        vae=wan_vae(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0),
        safety_checker=Guardrail(),
    )


def cosmos3() -> DiffusionPipeline:
    """One transformer for text and video; its configuration can leave the guardrail out."""
    transformer = diffusers.Cosmos3OmniTransformer(
        head_dim=12,
        hidden_size=24,
        intermediate_size=24,
        latent_channel=CHANNELS,
        latent_patch_size=2,
        patch_latent_dim=4 * CHANNELS,
        num_attention_heads=2,
        num_hidden_layers=1,
        num_key_value_heads=1,
        rope_axes_dim=[2, 2, 2],
        vocab_size=640,
    )
    return diffusers.Cosmos3OmniPipeline(
        transformer=enliven(transformer),
        text_tokenizer=qwen_tokenizer(),
        vae=wan_vae(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0),
        enable_safety_checker=False,
    )
