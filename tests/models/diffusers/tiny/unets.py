"""Stable Video Diffusion, I2VGen-XL and PIA: convolutional networks over a picture autoencoder's latents."""

from __future__ import annotations

import diffusers
from diffusers import AutoencoderKL, DDIMScheduler, DiffusionPipeline, EulerDiscreteScheduler

from tests.models.diffusers.tiny.encoders import WIDTH, clip_images, clip_text, clip_vision
from tests.models.diffusers.tiny.texts import clip_tokenizer
from tests.models.diffusers.tiny.weights import enliven

BLOCKS = (32, 64)
"""Groups of 32 channels are built into some of the layers."""


def picture_vae() -> AutoencoderKL:
    """Two pixels a latent."""
    vae = AutoencoderKL(
        block_out_channels=[8, 16],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=32,
    )
    return enliven(vae)


def stable_video_diffusion() -> DiffusionPipeline:
    unet = diffusers.UNetSpatioTemporalConditionModel(
        block_out_channels=BLOCKS,
        layers_per_block=1,
        sample_size=16,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=WIDTH,
        num_attention_heads=(2, 4),
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24,
    )
    vae = diffusers.AutoencoderKLTemporalDecoder(
        block_out_channels=[32, 32], down_block_types=["DownEncoderBlock2D"] * 2, latent_channels=4
    )
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        sigma_max=700.0,
        sigma_min=0.002,
        steps_offset=1,
        timestep_spacing="leading",
        timestep_type="continuous",
        use_karras_sigmas=True,
    )
    return diffusers.StableVideoDiffusionPipeline(
        vae=enliven(vae),
        image_encoder=clip_vision(size_px=224, patch_px=32),  # the pipeline's own size, whatever the processor says
        unet=enliven(unet),
        scheduler=scheduler,
        feature_extractor=clip_images(224),
    )


def i2vgen_xl() -> DiffusionPipeline:
    unet = diffusers.I2VGenXLUNet(
        block_out_channels=BLOCKS,
        layers_per_block=1,
        sample_size=16,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
        num_attention_heads=2,
        norm_num_groups=8,
    )
    return diffusers.I2VGenXLPipeline(
        vae=picture_vae(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        image_encoder=clip_vision(),
        feature_extractor=clip_images(),
        unet=enliven(unet),
        scheduler=DDIMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", clip_sample=False),
    )


def pia() -> DiffusionPipeline:
    unet = diffusers.UNetMotionModel(
        in_channels=9,
        block_out_channels=BLOCKS,
        layers_per_block=1,
        sample_size=16,
        down_block_types=("CrossAttnDownBlockMotion", "DownBlockMotion"),
        up_block_types=("UpBlockMotion", "CrossAttnUpBlockMotion"),
        cross_attention_dim=WIDTH,
        num_attention_heads=2,
        motion_num_attention_heads=2,
        norm_num_groups=8,
    )
    return diffusers.PIAPipeline(
        vae=picture_vae(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        unet=enliven(unet),
        scheduler=DDIMScheduler(beta_schedule="linear", beta_start=0.00085, beta_end=0.012, clip_sample=False),
    )
