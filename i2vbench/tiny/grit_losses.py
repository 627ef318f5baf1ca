"""What GRiT is trained to do: centres and sides of boxes, three stages of better boxes, and their names.

After CenterNet (Zhou et al., 2021), Cascade R-CNN (Cai and Vasconcelos, CVPR 2018) and GRiT (arXiv:2212.00280); the
numbers are theirs where nothing else is said, and those in pixels belong to a token of 16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torchvision.ops import box_iou, generalized_box_iou_loss

from i2vbench.metrics.networks.grit import GRiT, Task
from i2vbench.metrics.networks.grit.boxes import BOX_CELLS, DELTA_WEIGHTS, OBJECT_CELLS, clipped, pool
from i2vbench.metrics.networks.grit.proposals import propose
from i2vbench.metrics.networks.grit.words import TextDecoder

PUBLISHED_PATCH_PX = 16
SIZES_PX = ((0, 80), (64, 160), (128, 320), (256, 640), (512, math.inf))
"""Half diagonals of the boxes that a level finds."""
LEAST_RADIUS_PX = 4
PEAK = ((1 - 0.8) / (1 + 0.8)) ** 2 * 2
"""Of a box's area: the square of the radius at which a centre's heat has fallen to 1/e."""
ALPHA, BETA, GAMMA = 0.25, 4, 2
SURE = 0.85
"""A centre that is seen where none is costs nothing from here on: it may be a thing without a label."""
OVERLAPS = (0.6, 0.7, 0.8)
"""With a true box, from which on each stage takes a box for an object."""
PROPOSALS, JITTERED = 6, 1
"""Boxes of a frame that the stages learn from: its best proposals, and so many around each true one."""
SCENE_WEIGHT = 0.2
"""Of a position without a thing, where kinds are learned."""
LEAST_PROPOSAL = 0.15
"""Score of these proposals. At the beginning thousands score less, and their overlaps would take a third of a step."""


class Found(NamedTuple):
    """The truth at M locations of all levels of one frame.

    Attributes:
        heat: float32 [M].
        peaks: bool [M], where a centre is to be seen.
        distances: float32 [M, 4], to the sides of a box in pixels.
        inside: bool [M], where these are to be told.
    """

    heat: Tensor
    peaks: Tensor
    distances: Tensor
    inside: Tensor


def targets(boxes: Tensor, shapes: Sequence[Sequence[int]], strides: Sequence[int]) -> Found:
    """What the proposals' maps should be, for one frame with the boxes [n, 4].

    Args:
        shapes: Height and width of each level's map.
        strides: Of the levels.
    """
    unit = 2 * strides[0] / PUBLISHED_PATCH_PX
    places, steps, ranges = [], [], []
    for (height, width), stride, of_level in zip(shapes, strides, SIZES_PX, strict=True):
        y, x = (torch.arange(size) * stride + stride // 2 for size in (height, width))
        places.append(torch.stack((x.repeat(height), y.repeat_interleave(width)), dim=1))
        steps.append(torch.full((height * width, 1), stride))
        ranges.append(torch.tensor(of_level).mul(unit).expand(height * width, 2))
    at, step, limits = torch.cat(places).float(), torch.cat(steps), torch.cat(ranges)  # [M, 2], [M, 1], [M, 2]
    if not len(boxes):
        nowhere = torch.zeros(len(at), dtype=torch.bool)
        return Found(torch.zeros(len(at)), nowhere, torch.zeros(len(at), 4), nowhere)
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]  # [n, 2]
    away = at[:, None] - centres  # [M, n, 2]
    cell = (centres / step[:, None]).floor() * step[:, None] + step[:, None] // 2  # [M, n, 2]
    distances = torch.cat((at[:, None] - boxes[:, :2], boxes[:, 2:] - at[:, None]), dim=2)  # [M, n, 4]
    diagonal = sides.norm(dim=1) / 2
    here = (diagonal >= limits[:, :1]) & (diagonal <= limits[:, 1:])  # [M, n]
    peak = (at[:, None] == cell).all(dim=2)
    near = ((at[:, None] - cell).abs() <= step[:, None]).all(dim=2) & (distances > 0).all(dim=2) & here
    radius = (PEAK * sides.prod(dim=1)).clamp(min=(LEAST_RADIUS_PX * unit) ** 2)
    far = away.square().sum(dim=2).masked_fill(peak, 0) / radius  # [M, n]
    heat = (-far.amin(dim=1)).exp()
    whose = far.masked_fill(~near, math.inf).argmin(dim=1)
    return Found(heat, (peak & here).any(dim=1), distances[torch.arange(len(at)), whose], near.any(dim=1))


def proposal_losses(
    logits: Sequence[Tensor], distances: Sequence[Tensor], boxes: Sequence[Tensor], strides: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Of the heatmap, a focal loss (twice the published weight), and of the distances, one less the generalised IoU."""
    shapes = [(*level.shape[2:],) for level in logits]
    heat, peaks, sides, inside = (
        torch.stack(x) for x in zip(*(targets(b, shapes, strides) for b in boxes), strict=True)
    )
    x = torch.cat([level.flatten(1) for level in logits], dim=1)  # [N, M]
    seen = x.sigmoid().clamp(1e-4, 1 - 1e-4)
    missed = ALPHA * (seen[peaks].log() * (1 - seen[peaks]) ** GAMMA).sum()
    false = (1 - ALPHA) * ((1 - seen).log() * seen**GAMMA * (1 - heat) ** BETA)[seen < SURE].sum()
    far = torch.cat([(d * s).flatten(2).mT for d, s in zip(distances, strides, strict=True)], dim=1)[inside]  # [m, 4]
    at_origin = torch.tensor([-1.0, -1.0, 1.0, 1.0])
    around = generalized_box_iou_loss(far * at_origin, sides[inside] * at_origin, reduction="sum")
    return -(missed + false) / max(1, int(peaks.sum())), around / max(1, int(inside.sum()))


def cascade_losses(
    network: GRiT, levels: Sequence[Tensor], given: Sequence[Tensor], boxes: Sequence[Tensor], size_px: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Of whether boxes are objects, and of how they are to be moved; means over the three stages.

    Args:
        levels: p3, p4 and p5.
        given: Of each frame, the boxes that the first stage looks at.
        boxes: Of each frame, the true ones.
        size_px: Of the frames.
    """
    heads, frames = network.roi_heads, torch.arange(len(given)).repeat_interleave(torch.tensor([len(x) for x in given]))
    here, objects, moves = torch.cat(list(given)), [], []
    for number, (least, weights) in enumerate(zip(OVERLAPS, DELTA_WEIGHTS, strict=True)):
        seen = heads.stage(number, pool(levels, here, frames, BOX_CELLS, heads.strides), here)
        matched, overlap = _matched(here, frames, boxes)
        is_object = overlap >= least
        objects.append(F.cross_entropy(seen.logits, (~is_object).long()))
        wanted = deltas(here[is_object], matched[is_object], weights)
        moves.append((seen.deltas[is_object] - wanted).abs().sum() / max(1, len(here)))
        here = clipped(seen.boxes.detach(), size_px)
        kept = (here[:, 2:] > here[:, :2]).all(dim=1)
        here, frames = here[kept], frames[kept]
    return torch.stack(objects).mean(), torch.stack(moves).mean()


def deltas(boxes: Tensor, to: Tensor, weights: Sequence[float]) -> Tensor:
    """What `boxes.moved` would have to be given, so that boxes [B, 4] come to lie on others."""
    sides, wanted = boxes[:, 2:] - boxes[:, :2], to[:, 2:] - to[:, :2]
    shift = (to[:, :2] + to[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2 / sides
    return torch.cat((shift, (wanted / sides).log()), dim=1) * torch.tensor(weights)


def _matched(boxes: Tensor, frames: Tensor, true: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Of each box the true one of its frame that it overlaps most, and by how much."""
    matched, overlap = torch.zeros_like(boxes), torch.zeros(len(boxes))
    for frame, some in enumerate(true):
        here = (frames == frame).nonzero()[:, 0]
        if len(some) and len(here):
            overlap[here], whose = box_iou(boxes[here], some).max(dim=1)
            matched[here] = some[whose]
    return matched, overlap


def jittered(boxes: Tensor, share: float, random: Generator) -> Tensor:
    """Boxes [B, 4] whose corners are moved by up to a share of their sides."""
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + share * sides * (2 * torch.rand(boxes.shape, generator=random) - 1)


def words_loss(network: GRiT, levels: Sequence[Tensor], boxes: Sequence[Tensor], words: Tensor, task: Task) -> Tensor:
    """Cross entropy of the tokens [B, L] that should follow the task's, of the boxes of all frames."""
    frames = torch.arange(len(boxes)).repeat_interleave(torch.tensor([len(x) for x in boxes]))
    pooled = pool(levels, torch.cat(list(boxes)), frames, OBJECT_CELLS, network.roi_heads.strides)
    begin = torch.full((len(words), 1), int(task))
    logits = teacher_forced(network.text, pooled.flatten(2).mT, torch.cat((begin, words[:, :-1]), dim=1))
    return F.cross_entropy(logits.flatten(0, 1), words.flatten())


def labels_loss(head: nn.Module, level: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of the kind that each position of p3 shows, which no published training has.

    Names alone teach a backbone of nothing slowly: they reach it through a box's mean over 196 positions.

    Args:
        head: Makes the kinds' logits of p3 [N, channels, h, w].
        level: p3.
        labels: int64 [N, H, W].
    """
    stride = labels.shape[-1] // level.shape[-1]
    wanted = labels[:, stride // 2 :: stride, stride // 2 :: stride]
    seen: Tensor = head(level)
    weights = torch.ones(seen.shape[1])
    weights[-1] = SCENE_WEIGHT
    return F.cross_entropy(seen, wanted, weights)


def teacher_forced(decoder: TextDecoder, features: Tensor, tokens: Tensor) -> Tensor:
    """As `TextDecoder.remember` and `step`, which write into what they keep and so have no gradients.

    Args:
        features: [B, 196, channels].
        tokens: int64 [B, L], the first one the task's.

    Returns:
        [B, L, vocabulary], of what follows each.
    """
    layers: Any = decoder.transformer["encoder"]["layer"]  # type: ignore[index]
    known: list[tuple[Tensor, Tensor]] = []
    x = decoder.object_feature_projection(features)
    for layer in layers:
        known.append(layer.keys_and_values(x))
        x = layer(x, *known[-1]) if layer is not layers[-1] else x
    embedding, logits = decoder.embedding, []
    for place, column in enumerate(tokens.unbind(1)):
        x = embedding["layer_norm"](embedding["words"](column) + embedding["positions"].weight[place])[:, None]
        for number, layer in enumerate(layers):
            keys, values = layer.keys_and_values(x)
            known[number] = torch.cat((known[number][0], keys), dim=2), torch.cat((known[number][1], values), dim=2)
            x = layer(x, *known[number])
        logits.append(decoder.output(x[:, 0]))
    return torch.stack(logits, dim=1)


def best_proposals(logits: Sequence[Tensor], distances: Sequence[Tensor], strides: Sequence[int]) -> list[Tensor]:
    """Of each frame the boxes that the stages are given, at most `PROPOSALS`."""
    with torch.no_grad():
        found = propose(logits, distances, LEAST_PROPOSAL, strides)
    return [some.boxes[:PROPOSALS] for some in found]
