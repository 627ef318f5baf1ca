"""CLIP's text transformer is the same network in Hugging Face's classes, and reads the same tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from i2vbench.metrics.networks import clip
from i2vbench.models.consisti2v.components import complete_layout, load_frozen
from i2vbench.models.consisti2v.encoders import encode_prompts
from i2vbench.models.consisti2v.tiny.text import text_model, text_tokenizer

SIZES = clip.Sizes(16, 28, 32, 1, 32, 32, 2, 2, 1000)
PROMPTS = ["a red ball on a beach", "An espresso, 4K!", "it's 2 zebras' café", "", "wörter die es nicht gibt " * 20]


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    return clip.build(SIZES).eval().requires_grad_(False)


@pytest.mark.parametrize("vocabulary", [1000, 49408])
def test_tokens_are_those_of_clip(vocabulary: int) -> None:
    sizes = clip.Sizes(vocabulary=vocabulary)
    expected = clip.tokenize(PROMPTS, lambda said: None, vocabulary=vocabulary)
    ours = text_tokenizer(sizes)(PROMPTS, padding="max_length", truncation=True, return_tensors="pt").input_ids
    assert torch.equal(ours, padded(expected))


def padded(tokens: torch.Tensor) -> torch.Tensor:
    """With the end in place of the zeros after it."""
    return torch.where(tokens.eq(tokens.amax(1, keepdim=True)).cumsum(1) > 0, tokens.amax(1, keepdim=True), tokens)


@pytest.mark.filterwarnings("ignore:the prompt")
def test_last_hidden_states_and_features_are_those_of_open_clip(network: Any) -> None:
    model = text_model(network.state_dict(), SIZES)
    given = clip.tokenize(PROMPTS, lambda said: None, vocabulary=1000)
    tokens = padded(given)
    x = network.token_embedding(tokens) + network.positional_embedding
    expected = network.ln_final(network.transformer(x, attn_mask=network.attn_mask))  # [N, 77, 32]
    seen = encode_prompts(model, text_tokenizer(SIZES), PROMPTS)
    torch.testing.assert_close(seen, expected, rtol=0, atol=1e-5)
    pooled = model(tokens).pooler_output @ network.text_projection
    torch.testing.assert_close(pooled, clip.text_features(network, given), rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:the prompt")
def test_the_published_layout_holds_them(network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, words = text_model(network.state_dict(), SIZES), text_tokenizer(SIZES)
    model.save_pretrained(tmp_path / "text_encoder")
    words.save_pretrained(tmp_path / "tokenizer")
    complete_layout(tmp_path, model, words)
    assert (tmp_path / "tokenizer" / "vocab.json").is_file()
    monkeypatch.setattr("i2vbench.models.consisti2v.components.load_vae", lambda folder, dtype: None)
    parts = load_frozen(tmp_path)
    expected = encode_prompts(model, words, PROMPTS)
    assert torch.equal(encode_prompts(parts["text_encoder"], parts["tokenizer"], PROMPTS), expected)
