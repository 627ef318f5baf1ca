"""Wan 2.1 and 2.2, and pipelines that have grown out of them."""

from __future__ import annotations

import diffusers
from diffusers import AutoencoderKLWan, DiffusionPipeline, FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler

from tests.models.diffusers.tiny.encoders import WIDTH, clip_images, clip_vision, umt5_encoder
from tests.models.diffusers.tiny.texts import t5_tokenizer
from tests.models.diffusers.tiny.weights import enliven

CHANNELS = 16
"""Of Wan's latent, which its autoencoder has the statistics of."""

TRANSFORMER = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "out_channels": CHANNELS,
    "text_dim": WIDTH,
    "freq_dim": 32,
    "ffn_dim": 32,
    "num_layers": 2,
    "rope_max_seq_len": 32,
}


def wan_vae() -> AutoencoderKLWan:
    """Eight pixels and four frames a latent."""
    vae = AutoencoderKLWan(
        base_dim=4, z_dim=CHANNELS, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    return enliven(vae)


def wan21() -> DiffusionPipeline:
    """With an image encoder, as Wan2.1-I2V-14B."""
    transformer = diffusers.WanTransformer3DModel(**TRANSFORMER, in_channels=2 * CHANNELS + 4, image_dim=WIDTH)
    return diffusers.WanImageToVideoPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=umt5_encoder(),
        vae=wan_vae(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        image_processor=clip_images(),
        image_encoder=clip_vision(projected=False),
        transformer=enliven(transformer),
    )


def wan22_two_experts() -> DiffusionPipeline:
    """As Wan2.2-I2V-A14B: one transformer for the noisy steps, one for the others, no image encoder."""
    experts = [diffusers.WanTransformer3DModel(**TRANSFORMER, in_channels=2 * CHANNELS + 4) for _ in range(2)]
    return diffusers.WanImageToVideoPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=umt5_encoder(),
        vae=wan_vae(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
        transformer=enliven(experts[0], 1),
        transformer_2=enliven(experts[1], 2),
        boundary_ratio=0.9,
    )


def wan22_expand_timesteps() -> DiffusionPipeline:
    """As Wan2.2-TI2V-5B: the first frame is a latent without noise, and latents are 16 pixels wide."""
    vae = AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=4,
        z_dim=48,
        in_channels=12,
        out_channels=12,
        is_residual=True,
        patch_size=2,
        latents_mean=[0.0] * 48,
        latents_std=[1.0] * 48,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        scale_factor_spatial=16,
        temperal_downsample=[False, True, True],
    )
    transformer = diffusers.WanTransformer3DModel(**TRANSFORMER | {"in_channels": 48, "out_channels": 48})
    return diffusers.WanImageToVideoPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=umt5_encoder(),
        vae=enliven(vae),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0),
        transformer=enliven(transformer),
        expand_timesteps=True,
    )


def skyreels_v2() -> DiffusionPipeline:
    transformer = diffusers.SkyReelsV2Transformer3DModel(**TRANSFORMER, in_channels=2 * CHANNELS + 4, image_dim=WIDTH)
    return diffusers.SkyReelsV2ImageToVideoPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=umt5_encoder(),
        vae=wan_vae(),
        scheduler=UniPCMultistepScheduler(flow_shift=5.0, use_flow_sigmas=True),
        image_processor=clip_images(),
        image_encoder=clip_vision(),
        transformer=enliven(transformer),
    )


def skyreels_v2_diffusion_forcing() -> DiffusionPipeline:
    transformer = diffusers.SkyReelsV2Transformer3DModel(**TRANSFORMER, in_channels=CHANNELS)
    return diffusers.SkyReelsV2DiffusionForcingImageToVideoPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=umt5_encoder(),
        vae=wan_vae(),
        scheduler=UniPCMultistepScheduler(flow_shift=5.0, use_flow_sigmas=True),
        transformer=enliven(transformer),
    )


def chronoedit() -> DiffusionPipeline:
    transformer = diffusers.ChronoEditTransformer3DModel(**TRANSFORMER, in_channels=2 * CHANNELS + 4, image_dim=WIDTH)
    return diffusers.ChronoEditPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=umt5_encoder(),
        image_encoder=clip_vision(projected=False),
        image_processor=clip_images(),
        transformer=enliven(transformer),
        vae=wan_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
    )


def anyflow() -> DiffusionPipeline:
    """One length: 9 frames, as the partition of its transformer says."""
    transformer = diffusers.AnyFlowFARTransformer3DModel(
        **TRANSFORMER,
        in_channels=CHANNELS,
        compressed_patch_size=(1, 4, 4),
        full_chunk_limit=3,
        chunk_partition=(1, 1, 1),
    )
    return diffusers.AnyFlowFARPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=umt5_encoder(),
        transformer=enliven(transformer),
        vae=wan_vae(),
        scheduler=diffusers.FlowMapEulerDiscreteScheduler(shift=5.0),
    )
