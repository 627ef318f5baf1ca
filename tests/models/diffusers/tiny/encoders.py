"""Small text and image encoders, with random weights."""

from __future__ import annotations

from typing import Any

from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    Gemma2Config,
    Gemma2Model,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    LlamaConfig,
    LlamaModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLTextModel,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
    T5Gemma2EncoderConfig,
    UMT5Config,
    UMT5EncoderModel,
)
from transformers.models.t5gemma2.modeling_t5gemma2 import T5Gemma2Encoder

from tests.models.diffusers.tiny.texts import VOCABULARY, llama_tokenizer, qwen_tokenizer
from tests.models.diffusers.tiny.weights import enliven

WIDTH = 16
"""Of every encoder's output."""

T5_SIZES = {"d_model": WIDTH, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": VOCABULARY}
IMAGE_SIZE = 32


def t5_encoder() -> T5EncoderModel:
    return enliven(T5EncoderModel(T5Config(**T5_SIZES)))


def umt5_encoder() -> UMT5EncoderModel:
    return enliven(UMT5EncoderModel(UMT5Config(**T5_SIZES)))


GEMMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 3,
}
TOWER = {"hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
"""Of what sees pictures beside a text encoder."""


def gemma2() -> Gemma2Model:
    return enliven(Gemma2Model(Gemma2Config(**GEMMA)))


def gemma3() -> Gemma3ForConditionalGeneration:
    """Gemma 3 with its tower for pictures, as LTX-2 has it."""
    vision = TOWER | {"image_size": 16, "patch_size": 8}
    config = Gemma3Config(text_config=GEMMA, vision_config=vision, mm_tokens_per_image=4, image_token_index=600)
    return enliven(Gemma3ForConditionalGeneration(config))


def t5gemma2() -> T5Gemma2Encoder:
    """Its tower sees the first frame of Motif-Video."""
    vision = TOWER | {"image_size": IMAGE_SIZE, "patch_size": 8}
    config = T5Gemma2EncoderConfig(
        text_config=GEMMA | {"dropout_rate": 0.0},
        vision_config=vision,
        mm_tokens_per_image=4,
        image_token_index=600,
    )
    return enliven(T5Gemma2Encoder(config))


LLAMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 3,
}
"""Pipelines read the third layer from the end."""


def llama() -> LlamaModel:
    return enliven(LlamaModel(LlamaConfig(**LLAMA)))


def llava() -> LlavaForConditionalGeneration:
    """Llama with a tower for pictures of 48 pixels: the 576 tokens that HunyuanVideo counts on."""
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=48,
        patch_size=2,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=LlamaConfig(**LLAMA),
        image_token_index=llama_tokenizer().convert_tokens_to_ids("<image>"),
        image_seq_length=576,
    )
    config.pad_token_id = 0
    return enliven(LlavaForConditionalGeneration(config))


def _qwen(layers: int) -> dict[str, Any]:
    """Sizes and special tokens of Qwen 2 VL and 2.5 VL."""
    ids = qwen_tokenizer().convert_tokens_to_ids
    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": 16,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }
    return {
        "text_config": text,
        "image_token_id": ids("<|image_pad|>"),
        "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_end_token_id": ids("<|vision_end|>"),
    }


def qwen(layers: int = 2) -> Qwen2_5_VLForConditionalGeneration:
    """Qwen 2.5 VL."""
    vision = {"depth": 1, "hidden_size": WIDTH, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH}
    return enliven(Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**_qwen(layers), vision_config=vision)))


def qwen2_vl() -> Qwen2VLForConditionalGeneration:
    vision = {"depth": 1, "embed_dim": WIDTH, "num_heads": 2, "hidden_size": WIDTH}
    return enliven(Qwen2VLForConditionalGeneration(Qwen2VLConfig(**_qwen(2), vision_config=vision)))


def qwen_text() -> Qwen2_5_VLTextModel:
    """Its language model alone."""
    return qwen(layers=3).model.language_model


def siglip_vision(size_px: int = IMAGE_SIZE, patch_px: int = 8) -> SiglipVisionModel:
    config = SiglipVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=size_px,
        patch_size=patch_px,
    )
    return enliven(SiglipVisionModel(config))


def siglip_images(size_px: int = IMAGE_SIZE) -> SiglipImageProcessor:
    return SiglipImageProcessor(size={"height": size_px, "width": size_px})


def clip_text(width: int = WIDTH) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=16,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
    )
    return enliven(CLIPTextModel(config))


def clip_vision(
    projected: bool = True, size_px: int = IMAGE_SIZE, patch_px: int = 8
) -> CLIPVisionModelWithProjection | CLIPVisionModel:
    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=16,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=size_px,
        patch_size=patch_px,
    )
    return enliven(CLIPVisionModelWithProjection(config) if projected else CLIPVisionModel(config))


def clip_images(size_px: int = IMAGE_SIZE) -> CLIPImageProcessor:
    return CLIPImageProcessor(size={"shortest_edge": size_px}, crop_size={"height": size_px, "width": size_px})
