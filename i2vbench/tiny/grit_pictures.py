"""Pictures that the tiny GRiT learns from: drawn once, then put together, moved and spoilt anew for every step."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Generator, Tensor

from i2vbench.datasets.synthetic import KINDS, draw_clip

SIZE_PX = 128
"""Of pictures, as the tiny profile's protocol has them."""

FRAMES = 3
"""Drawn of a clip of two seconds: at its beginning, middle and end, so that things are also turned and cut off."""
FPS = 1.0
MOST_THINGS = 3
LEAST_PIXELS, LEAST_SHARE = 40, 0.2
"""Of a thing that is to be found: how much of it is seen, and of what was before something was put in front."""
PASTED, BLURRED, NOISY, COMPRESSED = 0.5, 0.35, 0.35, 0.25
"""Shares of pictures: with the things of another one on top, seen at a lower size, with noise, as JPEG."""
CLOSER, WIDER = 0.75, 1.35
"""From and to, by how much pictures and pasted things are scaled."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Drawn frames.

    Attributes:
        frames: uint8 [P, 3, H, W].
        layers: uint8 [P, H, W]: 0 the scene, k the pixels of its k-th thing.
        kinds: int64 [P, 3], the things' numbers in `KINDS`; -1 where there are fewer.
    """

    frames: Tensor
    layers: Tensor
    kinds: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step is shown.

    Attributes:
        frames: float32 [N, 3, H, W] in 0..255.
        boxes: Of each frame float32 [n, 4]: x1, y1, x2, y2 in pixels.
        kinds: Of each frame int64 [n].
        labels: int64 [N, H, W], the kind of each pixel; `len(KINDS)` in the scene.
    """

    frames: Tensor
    boxes: list[Tensor]
    kinds: list[Tensor]
    labels: Tensor


def draw_pool(clips: int, seed: int, size_px: int) -> Pool:
    """Frames of so many clips, whose seeds begin with `seed`."""
    frames = torch.empty(clips * FRAMES, 3, size_px, size_px, dtype=torch.uint8)
    layers = torch.empty(clips * FRAMES, size_px, size_px, dtype=torch.uint8)
    kinds = torch.full((clips * FRAMES, MOST_THINGS), -1)
    for index in range(clips):
        clip, place = (
            draw_clip(seed + index, FRAMES, FPS, size_px, size_px),
            slice(index * FRAMES, (index + 1) * FRAMES),
        )
        frames[place] = torch.from_numpy(clip.frames).permute(0, 3, 1, 2)
        layers[place] = torch.from_numpy(clip.layers)
        kinds[place, : len(clip.things)] = torch.tensor([KINDS.index(thing.kind) for thing in clip.things])
    return Pool(frames, layers, kinds)


def draw_batch(pool: Pool, count: int, random: Generator) -> Batch:
    """Frames of the pool as no other step sees them."""
    below = torch.randint(len(pool.frames), (count,), generator=random)
    above = torch.randint(len(pool.frames), (count,), generator=random)
    frames, layers = _moved(pool, below, random, within=True)
    pasted, on_top = _moved(pool, above, random, within=False)
    on_top[torch.rand(count, generator=random) >= PASTED] = 0
    kinds = torch.cat((pool.kinds[below], pool.kinds[above]), dim=1)  # [N, 6]
    numbers = torch.arange(1, 2 * MOST_THINGS + 1).view(-1, 1, 1)
    before = torch.cat((layers[:, None] == numbers[:MOST_THINGS], on_top[:, None] == numbers[:MOST_THINGS]), dim=1)
    frames = torch.where(on_top[:, None] > 0, pasted, frames)
    layers = torch.where(on_top > 0, on_top + MOST_THINGS, layers)
    masks = layers[:, None] == numbers  # [N, 6, H, W]
    seen = masks.sum(dim=(2, 3))
    found = (seen >= LEAST_PIXELS) & (seen >= LEAST_SHARE * before.sum(dim=(2, 3)))
    boxes = mask_boxes(masks)
    of_layers = F.pad(kinds, (1, 0), value=len(KINDS))  # [N, 7]
    return Batch(
        _spoilt(frames, random),
        [some[here] for some, here in zip(boxes, found, strict=True)],
        [some[here] for some, here in zip(kinds, found, strict=True)],
        of_layers.gather(1, layers.flatten(1).long()).view(layers.shape),
    )


def mask_boxes(masks: Tensor) -> Tensor:
    """Around what is set: bool [..., H, W] -> float32 [..., 4]; meaningless where nothing is."""
    sides = []
    for axis in (-2, -1):  # columns, then rows
        some = masks.any(dim=axis).to(torch.uint8)
        sides.append((some.argmax(dim=-1), some.shape[-1] - some.flip(-1).argmax(dim=-1)))
    (x1, x2), (y1, y2) = sides
    return torch.stack((x1, y1, x2, y2), dim=-1).float()


def _moved(pool: Pool, chosen: Tensor, random: Generator, *, within: bool) -> tuple[Tensor, Tensor]:
    """Frames and layers, mirrored or not, scaled and shifted; outside of a picture is no thing.

    Args:
        within: Nothing from outside comes into view, so that pictures are only seen closer.
    """
    count, size = len(chosen), pool.frames.shape[-1]
    low, high = (1 / WIDER, 1.0) if within else (CLOSER, WIDER)
    shown = low + (high - low) * torch.rand(count, generator=random)  # sides of what is seen, in those of the picture
    free = (1 - shown) if within else torch.full((count,), 0.5)
    shift = (2 * torch.rand(count, 2, generator=random) - 1) * free[:, None]
    mirror = torch.where(torch.rand(count, generator=random) < 0.5, -1.0, 1.0)
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0], maps[:, 1, 1], maps[:, :, 2] = shown * mirror, shown, shift
    grid = F.affine_grid(maps, [count, 3, size, size], align_corners=False)
    frames = F.grid_sample(pool.frames[chosen].float(), grid, padding_mode="border", align_corners=False)
    layers = F.grid_sample(pool.layers[chosen, None].float(), grid, mode="nearest", align_corners=False)
    return frames, layers[:, 0].to(torch.uint8)


def _spoilt(frames: Tensor, random: Generator) -> Tensor:
    """Other light, and what a generator or a codec does to a picture."""
    count, size = len(frames), frames.shape[-1]
    gain = (
        1
        + 0.2
        * torch.randn(count, 3, 1, 1, generator=random).clamp(-2, 2)
        * torch.tensor([1.0, 0.4, 0.4])[:, None, None]
    )
    lift = 15 * torch.randn(count, 1, 1, 1, generator=random)
    frames = (frames * gain + lift).clamp_(0, 255)
    for index in (torch.rand(count, generator=random) < BLURRED).nonzero()[:, 0].tolist():
        small = int(size / (1.2 + 1.8 * float(torch.rand((), generator=random))))
        down = F.interpolate(frames[index : index + 1], small, mode="bilinear", antialias=True)
        frames[index] = F.interpolate(down, size, mode="bilinear")[0]
    for index in (torch.rand(count, generator=random) < COMPRESSED).nonzero()[:, 0].tolist():
        quality = int(torch.randint(12, 70, (), generator=random))
        frames[index] = _compressed(frames[index], quality)
    strength = 18 * torch.rand(count, 1, 1, 1, generator=random)
    strength *= torch.rand(count, 1, 1, 1, generator=random) < NOISY
    return (frames + strength * torch.randn(frames.shape, generator=random)).clamp_(0, 255)


def _compressed(frame: Tensor, quality: int) -> Tensor:
    """[3, H, W] as it comes back out of a JPEG file."""
    file = io.BytesIO()
    Pillow.fromarray(frame.permute(1, 2, 0).byte().numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Pillow.open(file))).permute(2, 0, 1).float()
