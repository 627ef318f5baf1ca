"""GRiT's cascade of box heads (Cai and Vasconcelos, CVPR 2018), and what is left of the proposals after it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import nms, roi_align

from i2vbench.metrics.networks.grit.proposals import Proposals
from i2vbench.metrics.networks.grit.sizes import PUBLISHED, Sizes
from i2vbench.transfer import put

LEVELS = 3
"""Of the pyramid, the first ones, which boxes are read from."""
CANONICAL_PX, CANONICAL_LEVEL = 224, 4
"""A box of 224 x 224 is read from p4, one of twice the side from p5."""
BOX_CELLS, OBJECT_CELLS = 7, 14
"""Along a side, of what the box heads and the text decoder read."""
DELTA_WEIGHTS = ((10.0, 10.0, 5.0, 5.0), (20.0, 20.0, 10.0, 10.0), (30.0, 30.0, 15.0, 15.0))
"""By which a stage's four numbers are divided; one for each stage."""
MOST_GROWTH = math.log(1000 / 16)
"""Of the logarithm of a side, in one stage."""
LEAST_SCORE = 0.5
OVERLAP = 0.5
MOST = 256
"""Boxes of a frame."""


class Stage(NamedTuple):
    """What one stage makes of B boxes.

    Attributes:
        logits: [B, 2]: object, background.
        deltas: [B, 4]: of centre and size, x before y.
        boxes: [B, 4], not clipped.
    """

    logits: Tensor
    deltas: Tensor
    boxes: Tensor


class RoIHeads(nn.Module):
    """The modules bear the names of the published checkpoint, below `roi_heads`; that of masks is not built."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        inputs, width = sizes.channels * BOX_CELLS**2, sizes.box_width
        self.strides = sizes.strides[:LEVELS]
        self.box_head = nn.ModuleList(
            nn.ModuleDict({"fc1": nn.Linear(inputs, width), "fc2": nn.Linear(width, width)}) for _ in DELTA_WEIGHTS
        )
        self.box_predictor = nn.ModuleList(
            nn.ModuleDict(
                {
                    "cls_score": nn.Linear(width, 2),
                    "bbox_pred": nn.Sequential(nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, 4)),
                }
            )
            for _ in DELTA_WEIGHTS
        )

    def stage(self, number: int, pooled: Tensor, boxes: Tensor) -> Stage:
        """One stage alone.

        Args:
            pooled: [B, channels, 7, 7], what `pool` reads.
            boxes: [B, 4], where it was read.
        """
        head: nn.ModuleDict = self.box_head[number]  # type: ignore[assignment]
        predictor: nn.ModuleDict = self.box_predictor[number]  # type: ignore[assignment]
        x = head["fc2"](head["fc1"](pooled.flatten(1)).relu_()).relu_()  # [B, width]
        deltas = predictor["bbox_pred"](x)
        return Stage(predictor["cls_score"](x), deltas, moved(boxes, deltas, DELTA_WEIGHTS[number]))

    def forward(
        self,
        levels: Sequence[Tensor],
        proposals: Sequence[Proposals],
        size_px: tuple[int, int],
        least: float = LEAST_SCORE,
    ) -> list[Boxes]:
        """The boxes of each frame: three stages, each looking at what the one before made of the proposals.

        A proposal is dropped as soon as no later stage could lift its score above the least one. That changes no
        result: every later probability is taken as 1 in the same sum.

        Args:
            levels: p3, p4 and p5, each [N, channels, h, w].
            proposals: Of each of the N frames.
            size_px: Height and width of the frames without padding, to which boxes are clipped after every stage.
            least: Boxes that score more are kept.
        """
        frames = frame_of([len(some.scores) for some in proposals], levels[0].device)  # [B]
        boxes, given = (torch.cat(parts) for parts in zip(*proposals, strict=True))
        rows = torch.cat([torch.arange(len(some.scores), device=boxes.device) for some in proposals])
        total = torch.zeros_like(given)
        finite = torch.ones(len(proposals), dtype=torch.bool, device=boxes.device)
        for number in range(len(DELTA_WEIGHTS)):
            seen = self.stage(number, pool(levels, boxes, frames, BOX_CELLS, self.strides), boxes)
            fine = seen.boxes.isfinite().all(dim=1) & seen.logits.isfinite().all(dim=1)
            finite[frames[~fine]] = False
            total = total + seen.logits.softmax(dim=1)[:, 0]
            open_ = fine & (best_score(total, given, len(DELTA_WEIGHTS) - 1 - number) > least)
            boxes = clipped(seen.boxes[open_], size_px)
            frames, given, rows, total = frames[open_], given[open_], rows[open_], total[open_]
        scores = best_score(total, given, 0)
        found = []
        for frame, is_finite in enumerate(finite.tolist()):
            of_frame = (frames == frame).nonzero()[:, 0]
            kept = of_frame[nms(boxes[of_frame], scores[of_frame], OVERLAP)[:MOST]]
            found.append(Boxes(boxes[kept], scores[kept], rows[kept], is_finite))
        return found


class Boxes(NamedTuple):
    """Of one frame, in descending order of score.

    Attributes:
        boxes: float32 [n, 4]: x1, y1, x2, y2 in pixels, inside the frame; some may have no area.
        scores: float32 [n].
        rows: int64 [n], the proposals that they were made of.
        finite: Whether all that was computed for the frame was; if not, boxes may be missing.
    """

    boxes: Tensor
    scores: Tensor
    rows: Tensor
    finite: bool


def frame_of(counts: Sequence[int], device: torch.device) -> Tensor:
    """Of which frame each box is, given how many each of them has: int64 [B]."""
    return put(torch.arange(len(counts)).repeat_interleave(torch.tensor(counts, dtype=torch.int64)), device)


def best_score(total: Tensor, proposals: Tensor, remaining: int) -> Tensor:
    """A box's score, if it is an object with certainty for all stages that remain.

    Args:
        total: [B], sums of the probabilities of the stages so far.
        proposals: [B], scores of the proposals.
        remaining: Stages.
    """
    for _ in range(remaining):
        total = total + 1
    return (total * (1 / len(DELTA_WEIGHTS)) * proposals).sqrt()


def moved(boxes: Tensor, deltas: Tensor, weights: Sequence[float]) -> Tensor:
    """Boxes [B, 4] whose centres are shifted by parts of their sides, and whose sides are stretched."""
    dx, dy, dw, dh = (delta / weight for delta, weight in zip(deltas.unbind(1), weights, strict=True))
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x, y = boxes[:, 0] + width / 2 + dx * width, boxes[:, 1] + height / 2 + dy * height
    half_width, half_height = width * dw.clamp(max=MOST_GROWTH).exp() / 2, height * dh.clamp(max=MOST_GROWTH).exp() / 2
    return torch.stack((x - half_width, y - half_height, x + half_width, y + half_height), dim=1)


def clipped(boxes: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Boxes [B, 4] cut off at the sides of a frame of this height and width."""
    height, width = size_px
    most = torch.tensor([width, height, width, height], dtype=boxes.dtype)
    return boxes.clamp(min=0).minimum(put(most, boxes.device))


def level_of(boxes: Tensor, strides: Sequence[int] = PUBLISHED.strides[:LEVELS]) -> Tensor:
    """Which of p3, p4 and p5 boxes [B, 4] are read from, int64 [B]: 0, 1 or 2."""
    side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    level = (CANONICAL_LEVEL + (side / CANONICAL_PX + 1e-8).log2()).floor()
    first = strides[0].bit_length() - 1
    return level.clamp(first, first + len(strides) - 1).long() - first


def pool(
    levels: Sequence[Tensor],
    boxes: Tensor,
    frames: Tensor,
    cells: int,
    strides: Sequence[int] = PUBLISHED.strides[:LEVELS],
) -> Tensor:
    """What the pyramid has in boxes.

    Args:
        levels: p3, p4 and p5, each [N, channels, h, w].
        boxes: [B, 4] in pixels.
        frames: int64 [B], of which of the N frames they are.
        cells: S, along each side.
        strides: Of the levels.

    Returns:
        [B, channels, S, S].
    """
    level = level_of(boxes, strides)
    regions = torch.cat((frames[:, None].to(boxes.dtype), boxes), dim=1)
    pooled = boxes.new_empty(len(boxes), levels[0].shape[1], cells, cells)
    for number, (features, stride) in enumerate(zip(levels, strides, strict=True)):
        here = (level == number).nonzero()[:, 0]
        pooled.index_copy_(0, here, roi_align(features, regions[here], cells, 1 / stride, aligned=True))
    return pooled
