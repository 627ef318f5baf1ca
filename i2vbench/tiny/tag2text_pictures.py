"""Pictures of the synthetic world, what Tag2Text is to say of them, and what may befall them on the way."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from i2vbench.datasets.synthetic import COLOURS, KINDS, SCENES, TEXTURES, SyntheticClip, draw_clip
from i2vbench.metrics.networks.frames import normalise
from i2vbench.metrics.networks.tag2text.image import MEAN, STD

TAGS = (*KINDS, *SCENES, *COLOURS, *(texture for texture in TEXTURES if texture != "plain"))
"""In the order of their indices."""

FRAMES, FPS = 4, 2.0
"""Of each clip, over as long a time as sixteen frames at 8 fps: things have turned, grown and gone by then."""

_SEEN = 0.004
"""Of all pixels: things of which less is seen are not told."""

_NOTHING = "nothing to be seen"

_ALIKE = 8
"""Pictures of a batch that are blurred alike."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is seen, and said of it.

    Attributes:
        frames: uint8 [N, S, S, 3].
        tags: float32 [N, tags], 1 for those that apply.
        captions: One of each.
        scenes: One of each.
    """

    frames: Tensor
    tags: Tensor
    captions: list[str]
    scenes: list[str]


def draw_pictures(seeds: Iterable[int], size_px: int, drawn_px: int = 128) -> Pictures:
    """`FRAMES` pictures of each clip.

    Args:
        seeds: Of the clips.
        size_px: S; resized as `image.preprocess` does it.
        drawn_px: How large they are drawn: the side of the tiny profile's frames.
    """
    frames, tags, captions, scenes = [], [], [], []
    for seed in seeds:
        clip = draw_clip(seed, FRAMES, FPS, drawn_px, drawn_px)
        for place, frame in enumerate(clip.frames):
            small = Image.fromarray(frame).resize((size_px, size_px), Image.Resampling.BILINEAR)
            frames.append(torch.from_numpy(np.array(small)))
            found = _seen(clip, place)
            words = {clip.scene, *(word for k in found for word in _words(clip, k))}
            tags.append([float(tag in words) for tag in TAGS])
            captions.append(_caption(clip, found))
            scenes.append(clip.scene)
    return Pictures(torch.stack(frames), torch.tensor(tags), captions, scenes)


def _seen(clip: SyntheticClip, frame: int) -> list[int]:
    """Which things are seen, the largest in the picture first."""
    pixels = np.bincount(clip.layers[frame].ravel(), minlength=len(clip.things) + 1)[1:]
    return [int(k) for k in np.argsort(-pixels, kind="stable") if pixels[k] >= _SEEN * clip.layers[frame].size]


def _words(clip: SyntheticClip, k: int) -> tuple[str, str, str]:
    thing = clip.things[k]
    return thing.kind, thing.colour, thing.texture


def _caption(clip: SyntheticClip, found: Sequence[int]) -> str:
    """ "a large red ball and a small blue car on a beach": at least six words, as the search closes no shorter ones."""
    things = [clip.things[k] for k in found]
    told = " and ".join(f"a {thing.size} {thing.colour} {thing.kind}" for thing in things)
    return f"{told or _NOTHING} {SCENES[clip.scene]}"


def disturbed(frames: Tensor, random: np.random.Generator) -> Tensor:
    """Mirrored, compressed, softened, lit and grained by chance, since generated videos and files are so.

    Args:
        frames: uint8 [N, S, S, 3]; S is a multiple of 8.

    Returns:
        As `image.preprocess` gives them, float32 [N, 3, S, S].
    """
    count = len(frames)
    kept = [_compressed(frame, random) if random.random() < 0.2 else frame for frame in frames.numpy()]
    x = torch.from_numpy(np.stack(kept)).permute(0, 3, 1, 2).float()  # [N, 3, S, S]
    mirrored = torch.from_numpy(random.random(count) < 0.5)
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    x = torch.cat([_softened(part, random) if random.random() < 0.4 else part for part in x.split(_ALIKE)])
    gain = random.uniform(0.75, 1.25, (count, 1)) * random.uniform(0.92, 1.08, (count, 3))
    shift = random.uniform(-16, 16, (count, 1))
    grain = random.uniform(0, 20, (count, 1)) * (random.random((count, 1)) < 0.5)
    gain_, shift_, grain_ = (torch.from_numpy(values).float()[..., None, None] for values in (gain, shift, grain))
    noise = torch.from_numpy(random.standard_normal(x.shape, np.float32))
    return normalise((x * gain_ + shift_ + grain_ * noise).clamp(0, 255), MEAN, STD)


def _compressed(frame: np.ndarray, random: np.random.Generator) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=int(random.integers(8, 60)))
    return np.asarray(Image.open(file))


def _softened(x: Tensor, random: np.random.Generator) -> Tensor:
    """Shrunk and enlarged again."""
    side = x.shape[3]
    small = F.interpolate(x, (side * int(random.integers(2, 7)) // 8,) * 2, mode="bilinear", antialias=True)
    return F.interpolate(small, (side, side), mode="bilinear")
