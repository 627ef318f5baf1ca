"""CLIP-tiny: pictures of the synthetic world and what may be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.datasets.synthetic import COLOURS, KINDS, SCENES, draw_clip, held_out
from i2vbench.metrics.networks import clip
from i2vbench.tiny.alignment import (
    NO_WORD,
    Descent,
    Naming,
    Pool,
    batches,
    contrast,
    cuts,
    draw_pool,
    normalised,
    view,
    windows,
    words_of_patches,
)
from i2vbench.tiny.captions import distort, say, truth
from i2vbench.tiny.recipe import Curve, Recipe

BATCH = 64
WINDOW_RATE, RATE = 2e-3, 1e-3
WINDOWS = 96
FIRST = 0.65
"""Of the steps; a step on windows takes a fourth of the time of one on pictures."""
CLIPS = 5000
FRAMES = 3
NAMING = 0.5
"""The weight of what patches show beside what captions say."""
MOTION = 0.25
"""How often a caption says what moves: prompts of clips do, and a picture shows which way a thing faces."""


class CLIP(Recipe):
    name = "clip"
    checkpoint = "tiny_clip"
    title = "CLIP with a small vision transformer, and a vocabulary cut to the first merges"
    data = "three frames each of 5,000 synthetic clips, and captions that name some of what is seen."
    method = (
        "First each patch of windows about a thing, and the class token, learn which kind, colour and texture they "
        "show, as the world knows. Then contrast of pictures and captions as CLIP's, in batches of 64; a caption that "
        "is true of several pictures is a match of each, and each caption has a rival with one word exchanged."
    )
    scores: Mapping[str, str] = {
        "retrieval": "the right one of 64 pictures for a caption, top 1 (chance 0.016)",
        "colour": "the right one of nine colours of a picture's only thing (chance 0.11)",
        "kind": "the right one of 21 kinds of a picture's only thing (chance 0.048)",
        "scene": "the right one of 12 scenes (chance 0.083)",
    }
    steps = 4000
    cpu_minutes = 24.0

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        sizes = clip.Sizes(**weights.entry(self.checkpoint).sizes)
        network: Any = clip.build(sizes)
        naming = Naming(sizes.vision_width, (0, 1, 2))
        learning = nn.ModuleList([network, naming]).train()
        random, generator = np.random.default_rng(self.seed), torch.Generator().manual_seed(self.seed)
        pool = draw_pool(0, CLIPS, FRAMES, 1.0)
        first = int(FIRST * self.steps)
        descent = Descent(learning, WINDOW_RATE, first, log)
        scenes = [facts[-2] for facts in pool.facts]
        for chosen in batches(scenes, WINDOWS, first, random):
            loss = name_windows(network, naming, pool, chosen, random, generator)
            descent.step(loss, naming=loss, contrast=torch.tensor(torch.nan))
        descent = Descent(learning, RATE, self.steps - first, log, first)
        for chosen in batches(scenes, BATCH, self.steps - first, random):
            which = torch.from_numpy(random.integers(FRAMES, size=len(chosen)))
            maps = cuts(len(chosen), generator)
            images = normalised(view(pool.frames[chosen, which, None], maps, generator)[:, 0], clip.MEAN, clip.STD)
            features, tokens = image_features(network, images)
            words = words_of_patches(
                pool.layers[chosen, which], pool.words[chosen], maps, clip.SIZE_PX // sizes.patch_px
            )
            seen = [pool.facts[i] for i in chosen]
            captions = [say(facts, random, MOTION) for facts in seen]
            captions += [distort(caption, random) for caption in captions]
            texts = text_features(network, [caption.text for caption in captions])
            scale = network.logit_scale.exp().clamp(max=100)
            named, matched = naming(tokens, words), contrast(features, texts, scale, truth(captions, seen))
            descent.step(matched + NAMING * named, naming=named, contrast=matched)
        return dict(network.state_dict())

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        network = clip.load(state, clip.Sizes(**weights.entry(self.checkpoint).sizes))
        return score(network, 256)


def name_windows(
    network: Any, naming: Naming, pool: Pool, chosen: Tensor, random: np.random.Generator, generator: torch.Generator
) -> Tensor:
    """The loss of telling what lies in a window of a quarter of a picture; a quarter of the patches cost as little."""
    which = torch.from_numpy(random.integers(FRAMES, size=len(chosen)))
    layers, words = pool.layers[chosen, which], pool.words[chosen]
    layer = torch.from_numpy(random.integers(1, 1 + (words[:, 1:, 0] != NO_WORD).sum(dim=1).numpy()))
    maps = windows(layers, layer, generator)
    side = clip.SIZE_PX // 2
    images = normalised(view(pool.frames[chosen, which, None], maps, generator, side)[:, 0], clip.MEAN, clip.STD)
    visual, grid = network.visual, network.visual.grid_size[0]
    corner = torch.randint(grid // 2 + 1, (len(chosen), 2, 1), generator=generator)
    rows, columns = (corner + torch.arange(grid // 2)).unbind(dim=1)  # [N, grid / 2]
    places = (rows[:, :, None] * grid + columns[:, None]).flatten(1)  # [N, P]
    x = visual.conv1(images).flatten(2).mT + visual.positional_embedding[1:][places]
    token = (visual.class_embedding + visual.positional_embedding[0]).expand(len(x), 1, -1)
    tokens = visual.ln_post(visual.transformer(visual.ln_pre(torch.cat((token, x), dim=1))))
    own = words[torch.arange(len(chosen)), layer]
    own = own.where((layers == layer[:, None, None]).any(dim=2).any(dim=1)[:, None], torch.tensor(NO_WORD))
    seen = words_of_patches(layers, words, maps, grid // 2)
    loss: Tensor = naming(tokens[:, 1:], seen) + naming(tokens[:, :1], own[:, None])
    return loss


def image_features(network: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """As open_clip's `encode_image`, and the tokens [N, P, C] of the patches."""
    network.visual.output_tokens = True
    features, tokens = network.visual(images)
    network.visual.output_tokens = False
    return features, tokens


def text_features(network: Any, texts: Sequence[str]) -> Tensor:
    """As open_clip's `encode_text`, without the places after the longest text, which no other looks at."""
    tokens = clip.tokenize(texts, vocabulary=network.vocab_size, context_length=network.context_length)
    ends = tokens.argmax(dim=1)
    length = int(ends.max()) + 1
    x = network.token_embedding(tokens[:, :length]) + network.positional_embedding[:length]
    x = network.transformer(x, attn_mask=network.attn_mask[:length, :length])
    features: Tensor = network.ln_final(x)[torch.arange(len(x)), ends] @ network.text_projection
    return features


def score(network: nn.Module, count: int) -> dict[str, float]:
    """The scores on the first `count` held-out clips, 64 or a multiple of them."""
    clips = [draw_clip(held_out(i), 1) for i in range(count)]
    frames = torch.from_numpy(np.concatenate([one.frames for one in clips]))
    images = torch.cat([clip.image_features(network, clip.preprocess(some)) for some in frames.split(64)])

    def cosines(texts: Sequence[str]) -> Any:
        sizes: Any = network
        tokens = clip.tokenize(texts, vocabulary=sizes.vocab_size, context_length=sizes.context_length)
        features = clip.text_features(network, tokens)
        return (features / features.norm(dim=1, keepdim=True) @ (images / images.norm(dim=1, keepdim=True)).T).numpy()

    retrieved = cosines([one.picture_caption for one in clips])
    alone = [i for i, one in enumerate(clips) if len(one.things) == 1]
    of = [clips[i].things[0] for i in alone]

    def named(
        options: Sequence[str], right: Sequence[str], texts: Sequence[Sequence[str]], where: Sequence[int]
    ) -> float:
        """Share of pictures whose own word has the largest cosine; a text per option and picture."""
        found = [int(np.argmax(cosines(text)[:, i])) for text, i in zip(texts, where, strict=True)]
        return float(np.mean([options[k] == word for k, word in zip(found, right, strict=True)]))

    kinds, colours, scenes = list(KINDS), list(COLOURS), list(SCENES)
    return {
        "retrieval": float(
            np.mean(
                [
                    (retrieved[i : i + 64, i : i + 64].argmax(axis=1) == np.arange(64)).mean()
                    for i in range(0, count, 64)
                ]
            )
        ),
        "colour": named(colours, [t.colour for t in of], [[f"a {c} {t.kind}" for c in colours] for t in of], alone),
        "kind": named(kinds, [t.kind for t in of], [[f"a {t.colour} {k}" for k in kinds] for t in of], alone),
        "scene": named(scenes, [one.scene for one in clips], [[SCENES[s] for s in scenes]] * count, range(count)),
    }
