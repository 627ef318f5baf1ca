"""Tokenizers of every kind that image-to-video pipelines have, made of a few hundred pieces of the words below."""

from __future__ import annotations

import json
import string
from functools import cache
from typing import Any, Literal

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    CLIPTokenizer,
    GemmaTokenizer,
    LlamaTokenizer,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    T5Tokenizer,
)

WORDS = """
You are a helpful assistant. Describe the video by detailing the following aspects according to the reference image: the
main content and theme of the video, the color, shape, size, texture, quantity, text, and spatial relationships of the
objects, actions, events, behaviors, temporal relationships, physical movement changes of the objects, background
environment, light, style and atmosphere, camera angles, movements, and transitions used in the video. system user
assistant prompt engineer
"""
"""Of the instructions that some pipelines put around a prompt and count the tokens of: whole words keep those short."""

VOCABULARY = 640
"""Rows of every text encoder's table; no tokenizer has more pieces."""

IM_START, IM_END = "<|im_start|>", "<|im_end|>"
QWEN = ("<|endoftext|>", IM_START, IM_END)
QWEN += ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")

CHAT = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Qwen's, without pictures."""


@cache
def _pieces(kind: Literal["bytes", "marked"]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Pieces and merges of a byte-pair encoding, of bytes or of characters with a mark where a word begins."""
    tokenizer = Tokenizer(models.BPE())
    if kind == "bytes":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        alphabet = [*string.printable, "▁"]
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([WORDS], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return tuple(pieces), tuple((first, second) for first, second in model["merges"])


def _encoding(specials: tuple[str, ...], kind: Literal["bytes", "marked"]) -> dict[str, Any]:
    """Vocabulary and merges, special tokens first, as constructors take them."""
    pieces, merges = _pieces(kind)
    vocabulary = {piece: number for number, piece in enumerate([*specials, *pieces])}
    return {"vocab": vocabulary, "merges": list(merges)}


def t5_tokenizer() -> T5Tokenizer:
    """A unigram model; T5's own and UMT5's."""
    pieces = sorted({*WORDS.split()} - {*string.printable})
    scores = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    scores += [(character, -6.0) for character in string.printable.strip()] + [(piece, -9.0) for piece in pieces]
    return T5Tokenizer(vocab=scores, extra_ids=0, model_max_length=512)


def clip_tokenizer() -> CLIPTokenizer:
    """Of single characters."""
    characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*characters, *(character + "</w>" for character in characters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[], model_max_length=77)


def llama_tokenizer() -> LlamaTokenizer:
    """Llama's own pieces with Llama 3's marks of a conversation, as HunyuanVideo has it."""
    specials = ("<pad>", "</s>", "<unk>", "<s>")
    marks = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>", "\n\n", "system"]
    return LlamaTokenizer(
        **_encoding(specials, "marked"),
        pad_token="<pad>",
        extra_special_tokens=marks,
        padding_side="right",
        add_prefix_space=False,
        add_bos_token=True,
        model_max_length=512,
    )


def gemma_tokenizer() -> GemmaTokenizer:
    specials = ("<pad>", "<eos>", "<unk>", "<bos>", "<mask>")
    return GemmaTokenizer(**_encoding(specials, "marked"), model_max_length=512)


def qwen_tokenizer() -> Qwen2Tokenizer:
    return Qwen2Tokenizer(
        **_encoding(QWEN, "bytes"), extra_special_tokens=list(QWEN[1:]), chat_template=CHAT, model_max_length=2048
    )


def qwen_processor() -> Qwen2_5_VLProcessor:
    """Qwen's tokenizer with what prepares pictures and videos beside it."""
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(),
        tokenizer=qwen_tokenizer(),
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=CHAT,
    )
