"""CogVideoX 1.0 and 1.5, and ConsisID, which puts a face's features into it."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import AutoencoderKLCogVideoX, CogVideoXDDIMScheduler, CogVideoXDPMScheduler, DiffusionPipeline

from tests.models.diffusers.tiny.encoders import WIDTH, t5_encoder
from tests.models.diffusers.tiny.texts import t5_tokenizer
from tests.models.diffusers.tiny.weights import enliven

CHANNELS = 4

TRANSFORMER = {
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "in_channels": 2 * CHANNELS,
    "out_channels": CHANNELS,
    "time_embed_dim": 8,
    "text_embed_dim": WIDTH,
    "num_layers": 1,
    "patch_size": 2,
    "temporal_compression_ratio": 4,
    "use_rotary_positional_embeddings": True,
}


FACE = {
    "cross_attn_interval": 1,
    "cross_attn_dim_head": 1,
    "cross_attn_num_heads": 1,
    "LFE_id_dim": 2,
    "LFE_vit_dim": 2,
    "LFE_depth": 5,
    "LFE_dim_head": 8,
    "LFE_num_heads": 2,
    "LFE_num_id_token": 1,
    "LFE_num_querie": 1,
    "LFE_output_dim": 21,
    "LFE_ff_mult": 1,
    "LFE_num_scale": 1,
}
"""Of the layers for a face."""


def cogvideox_vae() -> AutoencoderKLCogVideoX:
    """Eight pixels and four frames a latent."""
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=CHANNELS,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
    )
    return enliven(vae)


def cogvideox(**sizes: Any) -> DiffusionPipeline:
    """Learned positions are those of one size: 32 x 48 pixels, 9 frames."""
    given = {"sample_height": 4, "sample_width": 6, "sample_frames": 9, "use_learned_positional_embeddings": True}
    transformer = diffusers.CogVideoXTransformer3DModel(**TRANSFORMER | given | sizes)
    return diffusers.CogVideoXImageToVideoPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5_encoder(),
        vae=cogvideox_vae(),
        transformer=enliven(transformer),
        scheduler=CogVideoXDDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True),
    )


def cogvideox15() -> DiffusionPipeline:
    """Patches of two frames as well: an odd number of latent frames is padded in front, and cut again."""
    return cogvideox(patch_size_t=2, patch_bias=False, ofs_embed_dim=8, use_learned_positional_embeddings=False)


def consisid(face: bool = False) -> DiffusionPipeline:
    """Published with layers for a face, whose features come from packages and checkpoints outside diffusers."""
    transformer = diffusers.ConsisIDTransformer3DModel(
        **TRANSFORMER,
        sample_height=4,
        sample_width=6,
        sample_frames=9,
        use_learned_positional_embeddings=True,
        is_train_face=face,
        **FACE,
    )
    return diffusers.ConsisIDPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5_encoder(),
        vae=cogvideox_vae(),
        transformer=enliven(transformer),
        scheduler=CogVideoXDPMScheduler(prediction_type="v_prediction"),
    )
