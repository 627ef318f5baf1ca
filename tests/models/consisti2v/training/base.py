"""A tiny Stable Diffusion 2.1-base: an image model's folder with random weights, and clips to train on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from i2vbench.types import Video
from i2vbench.video import write_video

SETTINGS = """
num_frames = 4
height = 32
width = 32
strides = [1, 3]
n_temp_heads = 4
batch_size = 2
per_device_batch = 1
mixed_precision = "no"
num_workers = 0
log_every = 1
validate_every = 0
"""
"""A configuration for a CPU; `base`, steps and the rest come on top."""


def save_tiny_base(folder: Path, seed: int = 0) -> Path:
    """Write unet/, vae/, text_encoder/ and tokenizer/ as Stable Diffusion 2.1-base has them; latents are 8 x 8."""
    torch.manual_seed(seed)
    tiny_unet().save_pretrained(folder / "unet")
    tiny_vae().save_pretrained(folder / "vae")
    text = CLIPTextConfig(
        vocab_size=514,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=16,
        hidden_act="gelu",
        projection_dim=32,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=1,
    )
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    _save_tokenizer(folder / "tokenizer")
    return folder


def tiny_unet() -> UNet2DConditionModel:
    """An image U-Net of the settings of Stable Diffusion 2.1-base, but narrow."""
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64, 96, 96),
        cross_attention_dim=32,
        attention_head_dim=(2, 4, 6, 6),
        use_linear_projection=True,
    )


def tiny_vae() -> AutoencoderKL:
    """Latents of a quarter of the picture's size."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 16, 32),
        latent_channels=4,
        norm_num_groups=8,
        sample_size=32,
    )


def _save_tokenizer(folder: Path) -> None:
    """Bytes, bytes at the end of a word, and two marks; no merges."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(c) for c in visible] + [chr(256 + i) for i in range(256 - len(visible))]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    marks = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "!",
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 16, **marks})
    )


def save_clip(path: Path, num_frames: int = 12, height: int = 40, width: int = 56) -> Path:
    """A bright square that moves over a gradient; frame i has the grey value 10 i in its corner."""
    rows, columns = np.mgrid[:height, :width]
    frames = np.zeros((num_frames, height, width, 3), np.uint8)
    for i, frame in enumerate(frames):
        frame[..., 0], frame[..., 1], frame[..., 2] = 4 * columns, 4 * rows, 128
        frame[10:20, 2 * i : 2 * i + 10] = 255
        frame[:4, :4] = 10 * i
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, Video(frames, 8.0))
    return path


def write_config(path: Path, base: Path | str, **settings: object) -> Path:
    """A train.toml: the tiny settings, and these."""
    lines = [line for line in SETTINGS.strip().splitlines() if line.partition(" =")[0] not in settings]
    lines += [f"{name} = {json.dumps(value)}" for name, value in {"base": str(base), **settings}.items()]
    path.write_text("\n".join(lines) + "\n")
    return path
