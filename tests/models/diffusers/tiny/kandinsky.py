"""Kandinsky 5 and Kandinsky 6, which makes sound beside the picture."""

from __future__ import annotations

import diffusers
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler

from tests.models.diffusers.tiny.encoders import WIDTH, clip_text, qwen
from tests.models.diffusers.tiny.hunyuan import hunyuan_vae
from tests.models.diffusers.tiny.texts import clip_tokenizer, qwen_processor
from tests.models.diffusers.tiny.weights import enliven

CHANNELS = 4

TRANSFORMER = {
    "in_visual_dim": CHANNELS,
    "out_visual_dim": CHANNELS,
    "in_text_dim": WIDTH,
    "in_text_dim2": WIDTH,
    "time_dim": 16,
    "model_dim": 16,
    "ff_dim": 32,
    "num_text_blocks": 1,
    "num_visual_blocks": 1,
    "axes_dims": (4, 6, 6),
}


def kandinsky5() -> DiffusionPipeline:
    return diffusers.Kandinsky5I2VPipeline(
        transformer=enliven(diffusers.Kandinsky5Transformer3DModel(**TRANSFORMER, visual_cond=True)),
        vae=hunyuan_vae(CHANNELS),
        text_encoder=qwen(),
        tokenizer=qwen_processor(),
        text_encoder_2=clip_text(),
        tokenizer_2=clip_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
    )


def kandinsky6() -> DiffusionPipeline:
    transformer = diffusers.Kandinsky6Transformer3DModel(
        **TRANSFORMER,
        visual_cond=True,
        visual_token_type_num_embeddings=2,
        in_audio_dim=4,
        out_audio_dim=4,
        text_token_padding=True,
        ca_rope=True,
        cross_gates=True,
        fix_modulation=True,
    )
    audio_vae = diffusers.MMAudioVAE(
        mel_bins=8, latent_channels=4, hidden_channels=8, layers_per_block=1, sample_rate=800, n_fft=64, hop_length=4
    )
    vocoder = diffusers.MMAudioVocoder(
        num_mels=8,
        upsample_initial_channel=8,
        upsample_rates=(2, 2),
        upsample_kernel_sizes=(4, 4),
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3, 5),),
    )
    return diffusers.Kandinsky6TI2VAPipeline(
        transformer=enliven(transformer),
        vae=hunyuan_vae(CHANNELS),
        text_encoder=qwen(),
        tokenizer=qwen_processor(),
        text_encoder_2=clip_text(),
        tokenizer_2=clip_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
        audio_vae=enliven(audio_vae),
        vocoder=enliven(vocoder),
    )
