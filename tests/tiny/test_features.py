"""CLIP-tiny, DINO-tiny and ViCLIP-tiny: what comes with i2vbench has learned something."""

from __future__ import annotations

from typing import Any

import torch

from i2vbench.metrics.base import read_network
from i2vbench.metrics.networks import clip
from i2vbench.tiny import clip as clip_recipe
from i2vbench.tiny import dino as dino_recipe
from i2vbench.tiny import viclip as viclip_recipe


def test_clip_tells_what_is_said_of_which_picture() -> None:
    scores = clip_recipe.score(read_network("clip", "tiny_clip"), 64)
    # On 256 pictures: 0.94 and more, 0.97, 0.42 and 0.94.
    assert scores["retrieval"] > 0.7
    assert scores["colour"] > 0.7
    assert scores["kind"] > 0.2
    assert scores["scene"] > 0.7


def test_dino_knows_a_clip_again_and_not_another_thing() -> None:
    scores = dino_recipe.score(read_network("dino", "tiny_dino"), 64)
    # On 192 clips: 0.86, 0.96, 0.35 and 0.77.
    assert scores["retrieval"] > 0.7
    assert scores["within"] - scores["between"] > 0.4
    assert scores["drift"] > 0.6


def test_clip_reads_any_text_with_its_cut_vocabulary() -> None:
    network: Any = read_network("clip", "tiny_clip")
    texts = ["a red ball", "Größe, 中文, naïve & <b>zebra crossings</b>", ""]
    tokens = clip.tokenize(texts, vocabulary=network.vocab_size, context_length=network.context_length)
    assert int(tokens.max()) == network.vocab_size - 1
    assert torch.isfinite(clip.text_features(network, tokens)).all()


def test_viclip_tells_which_clip_is_meant() -> None:
    network: Any = read_network("viclip", "tiny_viclip")
    # On 128 clips: 0.98. What moves how it tells no better than chance, as its card says.
    assert viclip_recipe.score(network, 64)["retrieval"] > 0.8
