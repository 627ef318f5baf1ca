"""LTX-Video and LTX-2, which makes sound beside the picture."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler

from tests.models.diffusers.tiny.encoders import WIDTH, gemma3, t5_encoder
from tests.models.diffusers.tiny.texts import gemma_tokenizer, t5_tokenizer
from tests.models.diffusers.tiny.weights import enliven

CHANNELS = 8


def _ltx() -> dict[str, Any]:
    """Parts of the first generation. Eight pixels and four frames a latent."""
    transformer = diffusers.LTXVideoTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        num_layers=1,
        caption_channels=WIDTH,
    )
    vae = diffusers.AutoencoderKLLTXVideo(
        latent_channels=CHANNELS,
        block_out_channels=(8, 8, 8),
        down_block_types=("LTXVideoDownBlock3D",) * 3,
        decoder_block_out_channels=(8, 8, 8),
        layers_per_block=(1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False),
        decoder_spatio_temporal_scaling=(True, True, False),
        decoder_inject_noise=(False, False, False, False),
        upsample_residual=(False, False, False),
        upsample_factor=(1, 1, 1),
        patch_size=2,
    )
    return {
        "scheduler": FlowMatchEulerDiscreteScheduler(),
        "vae": enliven(vae),
        "text_encoder": t5_encoder(),
        "tokenizer": t5_tokenizer(),
        "transformer": enliven(transformer),
    }


def ltx() -> DiffusionPipeline:
    return diffusers.LTXImageToVideoPipeline(**_ltx())


def ltx_condition() -> DiffusionPipeline:
    return diffusers.LTXConditionPipeline(**_ltx())


def ltx_long() -> DiffusionPipeline:
    parts = _ltx() | {"scheduler": diffusers.LTXEulerAncestralRFScheduler()}
    return diffusers.LTXI2VLongMultiPromptPipeline(**parts)


def _ltx2() -> dict[str, Any]:
    """Parts of the second generation. Eight pixels and four frames a latent."""
    text_encoder = gemma3()
    channels = text_encoder.config.text_config.hidden_size
    transformer = diffusers.LTX2VideoTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        vae_scale_factors=(4, 8, 8),
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        caption_channels=channels,
        rope_double_precision=False,
        rope_type="split",
    )
    connector = {"num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 1, "num_learnable_registers": None}
    connectors = diffusers.pipelines.ltx2.LTX2TextConnectors(
        caption_channels=channels,
        text_proj_in_factor=text_encoder.config.text_config.num_hidden_layers + 1,
        **{f"{kind}_connector_{name}": value for kind in ("video", "audio") for name, value in connector.items()},
        connector_rope_base_seq_len=32,
        rope_double_precision=False,
        rope_type="split",
    )
    vae = diffusers.AutoencoderKLLTX2Video(
        latent_channels=CHANNELS,
        block_out_channels=(8, 8),
        down_block_types=("LTX2VideoDownBlock3D",) * 2,
        decoder_block_out_channels=(8, 8),
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True),
        decoder_inject_noise=(False, False, False),
        downsample_type=("spatiotemporal", "spatiotemporal"),
        upsample_residual=(False, False),
        upsample_factor=(1, 1),
        patch_size=2,
    )
    audio_vae = diffusers.AutoencoderKLLTX2Audio(
        base_channels=4,
        output_channels=2,
        ch_mult=(1,),
        num_res_blocks=1,
        in_channels=2,
        resolution=32,
        latent_channels=2,
        causality_axis="height",
        mid_block_add_attention=False,
        mel_bins=8,
    )
    vocoder = diffusers.pipelines.ltx2.LTX2Vocoder(
        in_channels=16,
        hidden_channels=8,
        out_channels=2,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        output_sampling_rate=16000,
    )
    return {
        "scheduler": FlowMatchEulerDiscreteScheduler(),
        "vae": enliven(vae),
        "audio_vae": enliven(audio_vae),
        "text_encoder": text_encoder,
        "tokenizer": gemma_tokenizer(),
        "connectors": enliven(connectors),
        "transformer": enliven(transformer),
        "vocoder": enliven(vocoder),
    }


def ltx2() -> DiffusionPipeline:
    return diffusers.LTX2ImageToVideoPipeline(**_ltx2())


def ltx2_condition() -> DiffusionPipeline:
    return diffusers.LTX2ConditionPipeline(**_ltx2())
