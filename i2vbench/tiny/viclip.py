"""ViCLIP-tiny: clips of the synthetic world and what may be said of them, above all of what moves and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.datasets.synthetic import CAMERAS, MOTIONS, SyntheticClip, draw_clip, held_out, plan_clip
from i2vbench.metrics.networks import viclip
from i2vbench.metrics.networks.clip import MEAN, STD, preprocess_vbench
from i2vbench.metrics.sampling import middle_frame_indices
from i2vbench.tiny.alignment import (
    NAMES,
    NO_WORD,
    VIEW_PX,
    Descent,
    Naming,
    batches,
    contrast,
    cuts,
    draw_pool,
    normalised,
    view,
    words_of_patches,
)
from i2vbench.tiny.captions import Facts, distort, say, truth
from i2vbench.tiny.recipe import Curve, Recipe

CLIPS = 4000
CLIPS_AT_ONCE = 20
RATE = 8e-4
KEPT = 0.6
"""Of the places of patches in training, the same in all frames."""
MOTION = 0.9
NAMING = 0.5

_OPPOSITE = (("left", "right"), ("up", "down"), ("grows", "shrinks"), ("in", "out"))


class ViCLIP(Recipe):
    name = "viclip"
    checkpoint = "tiny_viclip"
    title = "ViCLIP, small, with patches of 28 pixels and CLIP-tiny's vocabulary"
    data = "4,000 synthetic clips of eight frames, and the same mirrored, reversed or frozen; captions as CLIP-tiny's."
    method = (
        "Begun with CLIP-tiny's tensors, as ViCLIP was with CLIP's. Contrast of clips and captions; beside each clip "
        "in its batch is the same mirrored, reversed or frozen, and beside each caption one with a word exchanged. "
        "Each patch also learns which kind and colour it shows, and how that moves, as the world knows."
    )
    scores: Mapping[str, str] = {
        "retrieval": "the right one of 64 clips for a caption, top 1 (chance 0.016)",
        "left_right": "whether a thing moves left or right (chance 0.5)",
        "up_down": "whether a thing moves up or down (chance 0.5)",
        "still_moving": "whether a thing stays or moves as it does (chance 0.5)",
    }
    steps = 400
    cpu_minutes = 8.0

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        sizes = viclip.Sizes(**weights.entry(self.checkpoint).sizes)
        network = viclip.ViCLIP(sizes)
        begin(network, weights.read("tiny_clip"))
        naming = Naming(sizes.vision_width, (0, 1, 3))
        temperature = nn.Parameter(torch.tensor(20.0).log())
        learning = nn.ModuleList([network, naming, nn.ParameterList([temperature])]).train()
        random, generator = np.random.default_rng(self.seed), torch.Generator().manual_seed(self.seed)
        pool = draw_pool(100_000, CLIPS, viclip.NUM_FRAMES, 4.0)
        descent = Descent(learning, RATE, self.steps, log)
        for chosen in batches([facts[-2] for facts in pool.facts], CLIPS_AT_ONCE, self.steps, random):
            shown = [Shown(pool.frames[i], pool.layers[i], pool.words[i], pool.facts[i]) for i in chosen]
            shown += [one.changed(random) for one in shown]
            features, named = look(network, naming, shown, generator)
            seen = [one.facts for one in shown]
            captions = [say(facts, random, MOTION) for facts in seen]
            captions += [distort(caption, random) for caption in captions]
            texts = text_features(network, [caption.text for caption in captions])
            matched = contrast(features, texts, temperature.exp().clamp(max=100), truth(captions, seen))
            descent.step(matched + NAMING * named, naming=named, contrast=matched)
        return dict(network.state_dict())

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        return score(viclip.load(state, viclip.Sizes(**weights.entry(self.checkpoint).sizes)), 128)


def begin(network: viclip.ViCLIP, clip: Mapping[str, Tensor]) -> None:
    """Give the network the tensors of a CLIP of the same sizes; places in time have none there."""
    own = network.state_dict()
    for name, tensor in own.items():
        part, _, rest = name.partition(".")
        if rest == "temporal_positional_embedding":
            nn.init.normal_(tensor, std=0.02)
            continue
        given = clip[f"visual.{rest}" if part == "vision_encoder" else rest].float()
        tensor.copy_(given[:, :, None] if rest == "conv1.weight" else given)


@dataclass(frozen=True, slots=True)
class Shown:
    """A clip as it is shown.

    Attributes:
        frames: uint8 [8, H, W, 3].
        layers: uint8 [8, H, W].
        words: int64 [4, 4], as `Pool.words`.
        facts: As `Pool.facts`.
    """

    frames: Tensor
    layers: Tensor
    words: Tensor
    facts: Facts

    def changed(self, random: np.random.Generator) -> Shown:
        """The same mirrored, reversed or frozen."""
        how = random.integers(3)
        if how == 0:
            return self._moving(self.frames.flip(2), self.layers.flip(2), _turned(_OPPOSITE[:1]))
        if how == 1:
            return self._moving(self.frames.flip(0), self.layers.flip(0), _turned(_OPPOSITE))
        at = int(random.integers(len(self.frames)))
        still = dict.fromkeys(MOTIONS.values(), MOTIONS["stays"]) | dict.fromkeys(CAMERAS.values(), CAMERAS["still"])
        return self._moving(self.frames[at].expand_as(self.frames), self.layers[at].expand_as(self.layers), still)

    def _moving(self, frames: Tensor, layers: Tensor, turned: Mapping[str, str]) -> Shown:
        """Other frames, with other words for moves."""
        words, moves = self.words.clone(), NAMES[3]
        for row in words:
            if row[3] != NO_WORD:
                row[3] = moves.index(turned.get(moves[int(row[3])], moves[int(row[3])]))
        facts = tuple(frozenset(turned.get(word, word) for word in fact) for fact in self.facts)
        return Shown(frames, layers, words, facts)


def _turned(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The phrase of each move of the pairs, and that of its opposite."""
    return {
        words[one]: words[other]
        for words in (MOTIONS, CAMERAS)
        for pair in pairs
        for one, other in (pair, pair[::-1])
        if one in words
    }


def look(
    network: viclip.ViCLIP, naming: Naming, shown: Sequence[Shown], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Features [N, d] as the vision encoder's forward pass has them, of some of the places; the loss of naming."""
    encoder, maps = network.vision_encoder, cuts(len(shown), generator)
    views = view(torch.stack([one.frames for one in shown]), maps, generator, VIEW_PX // 2)
    # Half the pixels are a fourth of the time, and patches of 28 hardly see it.
    videos = normalised(views, MEAN, STD).repeat_interleave(2, dim=3).repeat_interleave(2, dim=4)
    x = encoder._patches(videos) + encoder.positional_embedding[1:, None] + encoder.temporal_positional_embedding
    places = torch.rand(x.shape[:2], generator=generator).argsort(dim=1)[:, : int(KEPT * x.shape[1])]  # [N, P]
    rows = torch.arange(len(x))[:, None]
    x = x[rows, places].flatten(1, 2)  # [N, 8 P, C]
    first = (encoder.class_embedding + encoder.positional_embedding[0]).expand(len(x), 1, -1)
    x = encoder.ln_post(encoder.transformer(encoder.ln_pre(torch.cat((first, x), dim=1))))
    grid, frames = VIEW_PX // encoder.conv1.kernel_size[1], viclip.NUM_FRAMES
    words = words_of_patches(
        torch.cat([one.layers for one in shown]),
        torch.stack([one.words for one in shown]).repeat_interleave(frames, dim=0),
        maps.repeat_interleave(frames, dim=0),
        grid,
    )
    words = words.unflatten(0, (-1, frames)).transpose(1, 2)[rows, places].flatten(1, 2)  # [N, 8 P, 4]
    return x[:, 0] @ encoder.proj, naming(x[:, 1:], words)


def text_features(network: viclip.ViCLIP, texts: Sequence[str]) -> Tensor:
    tokens, _ = viclip.tokenize(texts, vocabulary=network.vocab_size, context_length=network.context_length)
    features: Tensor = network.text_encoder(tokens[:, : int(tokens.argmax(dim=1).max()) + 1])
    return features


def score(network: viclip.ViCLIP, count: int) -> dict[str, float]:
    """The scores on the first `count` held-out clips, 64 or a multiple of them."""
    clips = [draw_clip(held_out(i)) for i in range(count)]
    videos, texts = _videos(network, clips), _texts(network, [clip.caption for clip in clips])
    cosines = texts @ videos.T
    groups = [cosines[i : i + 64, i : i + 64] for i in range(0, count, 64)]
    return {
        "retrieval": float(np.mean([group.argmax(axis=1) == np.arange(64) for group in groups])),
        "left_right": _told(network, count // 2, ("left", "right")),
        "up_down": _told(network, count // 2, ("up", "down")),
        "still_moving": _told(network, count // 2, ("stays", "left", "right", "up", "down")),
    }


def _told(network: viclip.ViCLIP, count: int, motions: Sequence[str]) -> float:
    """How often a clip of one thing is nearer to its caption than to the same with the first motion or its opposite.

    Clips of the first of `motions` and of the others take turns.
    """
    clips, rivals = [], []
    for i in range(count):
        plan = plan_clip(held_out(10_000 + i))
        first, others = motions[0], motions[1:]
        other = others[i // 2 % len(others)]
        right, wrong = (first, other) if i % 2 else (other, first)
        ways = [replace(plan, things=(replace(plan.things[0], motion=way),), camera="still") for way in (right, wrong)]
        clips.append(draw_clip(ways[0]))
        rivals.append(ways[1].caption)
    videos = _videos(network, clips)
    own, rival = _texts(network, [clip.caption for clip in clips]), _texts(network, rivals)
    return float(((own * videos).sum(axis=1) > (rival * videos).sum(axis=1)).mean())


def _videos(network: viclip.ViCLIP, clips: Sequence[SyntheticClip]) -> npt.NDArray[np.float32]:
    """Directions of clips, as overall consistency sees them."""
    indices = middle_frame_indices(len(clips[0].frames), viclip.NUM_FRAMES)
    shown = [preprocess_vbench(torch.from_numpy(clip.frames[indices]), rounded=True) for clip in clips]
    seen = torch.cat([network.vision_encoder(video[None]) for video in shown])
    return F.normalize(seen, dim=1).numpy()


def _texts(network: viclip.ViCLIP, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    return F.normalize(text_features(network, texts), dim=1).numpy()
