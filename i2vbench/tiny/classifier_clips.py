"""Drawn clips, and the words that the classifiers behind FID, FVD and the Inception Score learn of them.

A classifier's outputs are groups of words (kinds, scenes, ...), each a softmax of its own. Where several things are
seen, a group's target is their shares of the pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from i2vbench.datasets.synthetic import (
    CAMERAS,
    COLOURS,
    KINDS,
    MOTIONS,
    SCENES,
    TEXTURES,
    Plan,
    SyntheticClip,
    draw_clip,
    held_out,
    plan_clip,
)

OF_THINGS: Mapping[str, tuple[str, ...]] = {
    "kind": KINDS,
    "colour": tuple(COLOURS),
    "texture": TEXTURES,
    "motion": tuple(MOTIONS),
}
OF_CLIPS: Mapping[str, tuple[str, ...]] = {"scene": tuple(SCENES), "camera": tuple(CAMERAS)}

SIZE_PX = 128
"""Of drawn clips: what the tiny profile's protocol brings every clip to."""

CELL_PX = 8
MOST_THINGS = 3

_ANGLES = range(0, 360, 45)
FLOW = ("still", *(f"{angle}°" for angle in _ANGLES))
"""Words of the group "flow", which is of places alone: where the pixels of a cell go, 0° to the right, 90° down."""

STILL_PX = 0.25
"""From frame to frame; what goes less far is still."""

_MIRRORED = {"left": "right", "right": "left"} | {f"{angle}°": f"{(180 - angle) % 360}°" for angle in _ANGLES}
_TURNED = {f"{angle}°": f"{(180 + angle) % 360}°" for angle in _ANGLES}
_BACKWARD = _TURNED | {
    one: other
    for pair in (("left", "right"), ("up", "down"), ("in", "out"), ("grows", "shrinks"))
    for one, other in (pair, pair[::-1])
}
_FROZEN = {"camera": "still", "motion": "stays"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """Drawn clips of one size and length, and what is seen in them.

    Attributes:
        frames: uint8 [N, T, H, W, 3].
        cells: Float32 [N, 3, T, H / 8, W / 8], the share of each thing in each cell of 8 x 8 pixels.
        things: Float32 [N, 3, classes], the words of each thing, 1 or 0.
        clips: Float32 [N, classes], the words of the whole clip.
        flows: Float32 [N, 9, T, H / 8, W / 8], by the exact flow the share of each of `FLOW` in each cell; no classes
            where the flow is not asked for.
    """

    frames: Tensor
    cells: Tensor
    things: Tensor
    clips: Tensor
    flows: Tensor

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: slice | Tensor) -> Drawn:
        return Drawn(*(getattr(self, field.name)[index] for field in fields(self)))


class Groups:
    """The outputs of a classifier.

    Args:
        names: Of the groups, keys of `OF_THINGS` and `OF_CLIPS`, or "flow".
    """

    def __init__(self, *names: str) -> None:
        self.names = names
        words = {**OF_THINGS, **OF_CLIPS, "flow": FLOW}
        self.sizes = [len(words[name]) for name in names]
        self.words = [(name, word) for name in names for word in words[name]]
        self._flow = [i for i, (name, _) in enumerate(self.words) if name == "flow"]

    def draw(self, count: int, num_frames: int) -> Drawn:
        """The clips of the first seeds, 128 x 128 at 8 fps, every camera as often as the others."""
        cameras = tuple(CAMERAS)
        return self._draw((replace(plan_clip(i), camera=cameras[i % len(cameras)]) for i in range(count)), num_frames)

    def draw_held_out(self, count: int, num_frames: int) -> Drawn:
        """The first held-out clips."""
        return self._draw((plan_clip(held_out(i)) for i in range(count)), num_frames)

    def _draw(self, plans: Iterable[Plan], num_frames: int) -> Drawn:
        found = [self._drawn(draw_clip(plan, num_frames, height=SIZE_PX, width=SIZE_PX)) for plan in plans]
        return Drawn(*(torch.stack(parts) for parts in zip(*found, strict=True)))

    def loss(self, logits: Tensor, drawn: Drawn) -> Tensor:
        """Sum over the groups of the cross-entropies at every place and of their mean, of as many clips.

        Args:
            logits: [N, more, t, h, w]; classes beyond those of the groups are left alone.
            drawn: What was seen. Where there is no thing, nothing is to be said of one.
        """
        logits = logits[:, : len(self.words)]
        t, h, w = logits.shape[2:]
        cells = F.adaptive_avg_pool3d(drawn.cells, (t, h, w))  # [N, 3, t, h, w]
        wanted = torch.einsum("nkthw,nkc->ncthw", cells, drawn.things) + drawn.clips[..., None, None, None]
        if self._flow:
            wanted[:, self._flow] += F.adaptive_avg_pool3d(drawn.flows, (t, h, w))
        shares = [float(name in OF_THINGS) / size for name, size in zip(self.names, self.sizes, strict=True)]
        nothing = torch.tensor(shares).repeat_interleave(torch.tensor(self.sizes))
        wanted = wanted + (1 - cells.sum(1, keepdim=True)) * nothing.view(-1, 1, 1, 1)
        everywhere = zip(logits.split(self.sizes, 1), wanted.split(self.sizes, 1), strict=True)
        whole = zip(logits.mean((2, 3, 4)).split(self.sizes, 1), self.targets(drawn).split(self.sizes, 1), strict=True)
        return torch.stack([F.cross_entropy(said, right) for said, right in (*everywhere, *whole)]).sum()

    def targets(self, drawn: Drawn) -> Tensor:
        """Float32 [N, classes], in each group a sum of 1; zeros in those of things where none is seen."""
        areas = drawn.cells.sum((2, 3, 4))  # [N, 3]
        shares = areas / areas.sum(1, keepdim=True).clamp_min(1e-6)
        wanted = torch.einsum("nk,nkc->nc", shares, drawn.things) + drawn.clips
        wanted[:, self._flow] += drawn.flows.mean((2, 3, 4))
        return wanted

    def accuracies(self, logits: Tensor, drawn: Drawn) -> dict[str, float]:
        """By group, the share of clips of which the first guess is right, or the thing's of which most is seen.

        Args:
            logits: [N, more], or at places [N, more, ...].
        """
        found = {}
        logits = logits.flatten(2).mean(2) if logits.ndim > 2 else logits
        parts = logits[:, : len(self.words)].split(self.sizes, 1), self.targets(drawn).split(self.sizes, 1)
        for name, said, wanted in zip(self.names, *parts, strict=True):
            seen = wanted.sum(dim=1) > 0
            found[name] = (said.argmax(1) == wanted.argmax(1))[seen].float().mean().item()
        return found

    def mirrored(self, clip: Drawn) -> Drawn:
        """As a mirror shows it."""
        words = self._swapped(_MIRRORED)
        return Drawn(
            clip.frames.flip(3),
            clip.cells.flip(4),
            clip.things[..., words],
            clip.clips[..., words],
            clip.flows[:, self._flows(words)].flip(4),
        )

    def backward(self, clip: Drawn) -> Drawn:
        """From its end."""
        words = self._swapped(_BACKWARD)
        return Drawn(
            clip.frames.flip(1),
            clip.cells.flip(2),
            clip.things[..., words],
            clip.clips[..., words],
            clip.flows[:, self._flows(words)].flip(2),
        )

    def frozen(self, clip: Drawn) -> Drawn:
        """Its first frame, repeated."""
        still = torch.tensor([float(_FROZEN.get(name) == word) for name, word in self.words])
        moving = torch.tensor([name in _FROZEN for name, _ in self.words])
        of_things = torch.tensor([name in OF_THINGS for name, _ in self.words])
        there = clip.things.sum(-1, keepdim=True).clamp_max(1)
        return Drawn(
            clip.frames[:, :1].expand_as(clip.frames),
            clip.cells[:, :, :1].expand_as(clip.cells),
            torch.where(moving, still * of_things * there, clip.things),
            torch.where(moving, still * ~of_things, clip.clips),
            F.one_hot(torch.zeros_like(clip.flows[:, 0], dtype=torch.int64), len(FLOW)).movedim(-1, 1).float()
            if self._flow
            else clip.flows,
        )

    def _drawn(self, clip: SyntheticClip) -> tuple[Tensor, ...]:
        masks = torch.from_numpy(clip.layers)[None] == torch.arange(1, MOST_THINGS + 1).view(-1, 1, 1, 1)
        things = torch.zeros(MOST_THINGS, len(self.words))
        for row, thing in zip(things, clip.things, strict=False):
            row[:] = torch.tensor([float(getattr(thing, name, None) == word) for name, word in self.words])
        whole = torch.tensor([float(getattr(clip, name, None) == word) for name, word in self.words])
        cells = F.avg_pool2d(masks.float(), CELL_PX)
        flows = flow_shares(clip) if self._flow else torch.zeros(0, *cells.shape[1:])
        return torch.from_numpy(clip.frames), cells, things, whole, flows

    def _flows(self, words: Sequence[int]) -> list[int]:
        """The order of the flow's classes when that of all words is this."""
        return [words[i] - self._flow[0] for i in self._flow]

    def _swapped(self, swaps: Mapping[str, str]) -> list[int]:
        return [self.words.index((name, swaps.get(word, word))) for name, word in self.words]


def flow_shares(clip: SyntheticClip) -> Tensor:
    """As `Drawn.flows` of one clip, [9, T, H / 8, W / 8]: to the next frame, in the last one as in that before."""
    last = len(clip.frames) - 1
    flows = torch.from_numpy(np.stack([clip.flow(t, t + 1)[0] for t in (*range(last), last - 1)]))  # [T, H, W, 2]
    angles = torch.atan2(flows[..., 1], flows[..., 0]).rad2deg() % 360
    words = 1 + (angles / 45).round().long() % 8
    words = torch.where(flows.norm(dim=-1) < STILL_PX, 0, words)
    return F.avg_pool2d(F.one_hot(words, len(FLOW)).permute(3, 0, 1, 2).float(), CELL_PX)


def pictures(drawn: Drawn) -> Drawn:
    """Every frame as a clip of one."""
    length = drawn.frames.shape[1]
    return Drawn(
        drawn.frames.flatten(0, 1)[:, None],
        drawn.cells.transpose(1, 2).flatten(0, 1)[:, :, None],
        drawn.things.repeat_interleave(length, 0),
        drawn.clips.repeat_interleave(length, 0),
        torch.zeros(len(drawn) * length, 0, 1, *drawn.cells.shape[3:]),
    )
