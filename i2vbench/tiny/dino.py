"""DINO-tiny: what stays alike while a thing moves, and does not when it becomes another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from i2vbench import weights
from i2vbench.datasets.synthetic import COLOURS, KINDS, SCENES, TEXTURES, Plan, draw_clip, held_out, plan_clip
from i2vbench.metrics.networks import dino
from i2vbench.tiny.alignment import SIDE_PX, Descent, batches, cuts, normalised, view
from i2vbench.tiny.recipe import Curve, Recipe

GROUPS = 2000
GROUPS_AT_ONCE = 20
VARIANTS = 3
"""Of a group: a clip; the same with another thing; the same with another scene."""
FRAMES = 3
RATE = 1e-3
TEMPERATURE = 0.1
KEPT = 0.6
"""Of a picture's patches in training: the others cost time and teach little."""
WEAK = 0.25
"""How much of a match the same things before another scene are."""


class DINO(Recipe):
    name = "dino"
    checkpoint = "tiny_dino"
    title = "DINO's vision transformer, small"
    data = (
        "three frames each of 6,000 synthetic clips, a third of them with another thing, a third with another scene "
        "than a clip that is else the same."
    )
    method = (
        "Contrast, not DINO's self-distillation: two frames of a clip, cut, lit and blurred apart, are to be more "
        "alike than those of two clips; the same things before another scene are a weak match."
    )
    scores: Mapping[str, str] = {
        "retrieval": "the later frame of the same clip among 64 (chance 0.016)",
        "within": "mean cosine of two frames of a clip",
        "between": "mean cosine of frames of two clips",
        "drift": "a clip's later frame is more alike than one whose thing has become another (chance 0.5)",
    }
    steps = 320
    cpu_minutes = 8.0

    def train(self, log: Curve) -> dict[str, Tensor]:
        torch.manual_seed(self.seed)
        network = new_network(dino.Sizes(**weights.entry(self.checkpoint).sizes)).train()
        random, generator = np.random.default_rng(self.seed), torch.Generator().manual_seed(self.seed)
        scenes = [plan_clip(seed).scene for seed in range(GROUPS)]
        pool = draw_groups(GROUPS, random)  # [G, V, T, H, W, 3]
        descent = Descent(network, RATE, self.steps, log)
        for chosen in batches(scenes, GROUPS_AT_ONCE, self.steps, random):
            frames = pool[chosen].flatten(0, 1)  # [N, T, H, W, 3]
            pairs = torch.from_numpy(random.permuted(np.tile(np.arange(FRAMES), (len(frames), 1)), axis=1)[:, :2])
            shown = torch.cat([frames[torch.arange(len(frames)), pairs[:, i], None] for i in range(2)])
            views = view(shown, cuts(len(shown), generator, 0.65), generator)[:, 0]
            features = F.normalize(_features(network, normalised(views, dino.MEAN, dino.STD), generator), dim=1)
            # Nothing is compared with itself.
            logits = (features @ features.T / TEMPERATURE).fill_diagonal_(-1e4)
            descent.step(-(matches(len(chosen)) * logits.log_softmax(dim=1)).sum(dim=1).mean())
        return dict(network.state_dict())

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        return score(dino.load(state, dino.Sizes(**weights.entry(self.checkpoint).sizes)), 192)


def new_network(sizes: dino.Sizes) -> dino.DINO:
    network = dino.DINO(sizes)
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            torch.nn.init.trunc_normal_(parameter, std=0.02)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
    return network


def other_thing(plan: Plan, random: np.random.Generator) -> Plan:
    """The same with one word of the nearest thing exchanged, its kind, colour or texture."""
    field, words = [("kind", KINDS), ("colour", list(COLOURS)), ("texture", TEXTURES)][random.integers(3)]
    first, *rest = plan.things
    word = str(random.choice([word for word in words if word != getattr(first, field)]))
    changed: dict[str, Any] = {field: word}
    return replace(plan, things=(replace(first, **changed), *rest))


def other_scene(plan: Plan, random: np.random.Generator) -> Plan:
    return replace(plan, scene=str(random.choice([scene for scene in SCENES if scene != plan.scene])))


def draw_groups(count: int, random: np.random.Generator) -> Tensor:
    """uint8 [count, 3, 3, 128, 128, 3]: frames a second apart of the variants of each clip."""
    frames = np.empty((count, VARIANTS, FRAMES, SIDE_PX, SIDE_PX, 3), np.uint8)
    for seed in range(count):
        plan = plan_clip(seed)
        for k, variant in enumerate((plan, other_thing(plan, random), other_scene(plan, random))):
            frames[seed, k] = draw_clip(variant, FRAMES, 1.0, SIDE_PX, SIDE_PX).frames
    return torch.from_numpy(frames)


def matches(groups: int) -> Tensor:
    """How much of a match views are, [2 N, 2 N] with rows of sum 1, of the first and then the second frames."""
    within = torch.eye(VARIANTS)
    within[0, 2] = within[2, 0] = WEAK
    clips = torch.block_diag(*[within] * groups)  # [N, N]
    target = clips.repeat(2, 2).fill_diagonal_(0)
    shares: Tensor = target / target.sum(dim=1, keepdim=True)
    return shares


def _features(network: dino.DINO, images: Tensor, generator: torch.Generator) -> Tensor:
    """As the network's forward pass, of some of the patches: [N, 3, 224, 224] -> [N, C]."""
    x = network.patch_embed.proj(images).flatten(2).mT + network.pos_embed[:, 1:]  # [N, P, C]
    kept = torch.rand(x.shape[:2], generator=generator).argsort(dim=1)[:, : int(KEPT * x.shape[1])]
    x = x.gather(1, kept[..., None].expand(-1, -1, x.shape[2]))
    first = (network.cls_token + network.pos_embed[:, :1]).expand(len(x), -1, -1)
    features: Tensor = network.norm(network.blocks(torch.cat((first, x), dim=1))[:, 0])
    return features


def score(network: dino.DINO, count: int) -> dict[str, float]:
    """The scores on the first `count` held-out clips, 64 or a multiple of them."""
    random = np.random.default_rng(0)
    plans = [plan_clip(held_out(i)) for i in range(count)]
    clips = [draw_clip(plan) for plan in plans]
    changed = [draw_clip(other_thing(plan, random)) for plan in plans]
    early, late, other = (
        _unit(network, np.stack([clip.frames[at] for clip in some]))
        for some, at in ((clips, 3), (clips, 12), (changed, 12))
    )
    cosines = early @ late.T
    groups = [cosines[i : i + 64, i : i + 64] for i in range(0, count, 64)]
    diagonal = np.eye(count, dtype=bool)
    return {
        "retrieval": float(np.mean([group.argmax(axis=1) == np.arange(64) for group in groups])),
        "within": float(cosines[diagonal].mean()),
        "between": float(cosines[~diagonal].mean()),
        "drift": float((cosines[diagonal] > (early * other).sum(axis=1)).mean()),
    }


def _unit(network: dino.DINO, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Directions of features of frames uint8 [N, H, W, 3]."""
    parts = torch.from_numpy(frames).split(32)
    features = torch.cat([network(dino.preprocess(part)) for part in parts])
    return F.normalize(features, dim=1).numpy()
