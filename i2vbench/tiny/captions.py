"""Captions of clips of the synthetic world that are true, or nearly so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from i2vbench.datasets.synthetic import CAMERAS, COLOURS, KINDS, MOTIONS, SCENES, SIZES, TEXTURES, SyntheticClip

LEAST_SEEN = 0.004
"""Of the frame's area: a thing of which less is seen is not spoken of."""

CHOICES = [
    tuple(words) for words in (KINDS, COLOURS, TEXTURES, SIZES, SCENES.values(), MOTIONS.values(), CAMERAS.values())
]
"""Words and phrases that stand for each other, no two alike."""

Facts = tuple[frozenset[str], ...]
"""What is to be seen: the words of each thing, of the scene, of the camera."""

Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Caption:
    """A text and what it claims: each of its facts must be part of one that is seen."""

    text: str
    facts: Facts

    def is_true_of(self, seen: Facts) -> bool:
        return all(any(fact <= known for known in seen) for fact in self.facts)


def facts_of(clip: SyntheticClip) -> Facts:
    """What is seen in a clip, of things that can be seen in half of its frames."""
    seen = [
        frozenset((thing.kind, thing.colour, thing.texture, thing.size, MOTIONS[thing.motion]))
        for k, thing in enumerate(clip.things, 1)
        if np.median((clip.layers == k).mean(axis=(1, 2))) > LEAST_SEEN
    ]
    return (*seen, frozenset({SCENES[clip.scene]}), frozenset({CAMERAS[clip.camera]}))


def say(seen: Facts, random: Random, motion: float) -> Caption:
    """A caption that is true: of some of the things, with some of their words.

    Args:
        seen: As `facts_of`.
        motion: How often it is said what moves.
    """
    *things, scene, camera = seen
    chosen = (
        [things[i] for i in random.permutation(len(things))[: random.integers(1, len(things) + 1)]] if things else []
    )
    moving, full = random.random() < motion, random.random() < 0.4
    claims = []
    for thing in chosen:
        dropped = set() if moving else set(MOTIONS.values())
        if not full:
            for words, rate in ((COLOURS, 0.3), (TEXTURES, 0.6), (SIZES, 0.6)):
                dropped |= set(words) if random.random() < rate else set()
        claims.append(thing - dropped)
    if not claims or full or random.random() < 0.5:
        claims.append(scene)
    if moving and random.random() < 0.6:
        claims.append(camera)
    return Caption(spell(claims, random), tuple(claims))


def spell(claims: Sequence[frozenset[str]], random: Random) -> str:
    """Claims as a sentence."""
    things, scenes, cameras = [], [], []
    for claim in claims:
        kind, colour, texture, size, scene, motion, camera = (
            next((word for word in words if word in claim), "") for words in CHOICES
        )
        if kind:
            name = " ".join(word for word in (size, texture, colour, kind) if word)
            things.append(" ".join(word for word in ("an" if name[0] in "aeiou" else "a", name, motion) if word))
        elif scene:
            scenes.append(scene)
        else:
            cameras.append(f"the camera {camera}")
    said = " and ".join(things)
    place = scenes[0] if scenes else ""
    text = f"{place}, {said}" if said and place and random.random() < 0.3 else f"{said} {place}".strip()
    if not cameras and random.random() < 0.3:
        text = f"{random.choice(['a photo of', 'a picture of', 'a video of'])} {text}"
    return ", ".join(part for part in (text, *cameras) if part)


def distort(caption: Caption, random: Random) -> Caption:
    """The same with one word exchanged for another of its sort."""
    claims = list(caption.facts)
    i = int(random.integers(len(claims)))
    word = str(random.choice(sorted(claims[i])))
    others = next(words for words in CHOICES if word in words)
    other = str(random.choice([candidate for candidate in others if candidate != word]))
    claims[i] = claims[i] - {word} | {other}
    return Caption(spell(claims, random), tuple(claims))


def truth(captions: Sequence[Caption], seen: Sequence[Facts]) -> Tensor:
    """bool [M, N]: which caption is true of which clip."""
    return torch.tensor([[caption.is_true_of(facts) for facts in seen] for caption in captions])
