"""GRiT's proposals: CenterNet's head without classes (Zhou et al., 2021), and the boxes that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from i2vbench.metrics.networks.grit.sizes import LEVELS, PUBLISHED, Sizes

LEAST_HEAT = 1e-4
"""Of a location that is considered."""
MOST_OF_A_LEVEL = 1000
"""Locations, the best ones."""
OVERLAP = 0.9
"""Intersection over union, from which on the worse of two boxes is left out."""
MOST = 256
"""Proposals of a frame, and as many more as score like the last of them."""
LEAST_SIDE_PX = 0.01


class Proposals(NamedTuple):
    """Of one frame, in descending order of score.

    Attributes:
        boxes: float32 [P, 4]: x1, y1, x2, y2 in pixels. They may reach beyond the frame.
        scores: float32 [P], the square roots of the heatmap.
    """

    boxes: Tensor
    scores: Tensor

    def none(self) -> Proposals:
        """No proposals."""
        return Proposals(self.boxes[:0], self.scores[:0])


class CenterNetHead(nn.Module):
    """The modules bear the names of the published checkpoint, below `proposal_generator.centernet_head`."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        channels, groups = sizes.channels, sizes.groups
        layers: list[nn.Module] = []
        for _ in range(sizes.convolutions):
            layers += nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(groups, channels), nn.ReLU(inplace=True)
        self.bbox_tower = nn.Sequential(*layers)
        self.agn_hm = nn.Conv2d(channels, 1, 3, padding=1)
        self.bbox_pred = nn.Conv2d(channels, 4, 3, padding=1)
        self.scales: Any = nn.ModuleList(nn.ParameterDict({"scale": torch.empty(1)}) for _ in range(LEVELS))

    def forward(self, levels: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Logits of objects' centres, and how far the sides of their boxes are from there.

        Args:
            levels: p3 to p7, each [N, channels, h, w].

        Returns:
            Of each level the heatmap's logits [N, 1, h, w], and distances to the left, the top, the right and the
            bottom [N, 4, h, w] in units of the level's stride.
        """
        towers = [self.bbox_tower(level) for level in levels]
        scaled = [
            (self.bbox_pred(tower) * scale["scale"]).relu() for tower, scale in zip(towers, self.scales, strict=True)
        ]
        return [self.agn_hm(tower) for tower in towers], scaled


def propose(
    logits: Sequence[Tensor],
    distances: Sequence[Tensor],
    floor: float = 0.0,
    strides: Sequence[int] = PUBLISHED.strides,
) -> list[Proposals]:
    """The boxes of each frame. Locations in the padding take part as any others.

    Args:
        logits: As `CenterNetHead` gives them.
        distances: As `CenterNetHead` gives them.
        floor: Only proposals that score more. What is left out has no influence on the others, since a box is left
            out for a better one alone.
        strides: As `Sizes` has them.
    """
    every_box, every_score = [], []
    for heat, sides, stride in zip(logits, distances, strides, strict=True):
        scores = heat.flatten(1).sigmoid()  # [N, h w]
        boxes = _boxes(sides, stride)  # [N, h w, 4]
        if scores.shape[1] > MOST_OF_A_LEVEL:
            scores, best = scores.topk(MOST_OF_A_LEVEL, dim=1)
            boxes = boxes.gather(1, best[..., None].expand(-1, -1, 4))
        every_box.append(boxes)
        every_score.append(scores)
    boxes, scores = torch.cat(every_box, dim=1), torch.cat(every_score, dim=1)
    wanted = (scores > LEAST_HEAT) & (scores.sqrt() > floor)
    return [_best(*some) for some in ((b[w], s[w].sqrt()) for b, s, w in zip(boxes, scores, wanted, strict=True))]


def _boxes(distances: Tensor, stride: int) -> Tensor:
    """[N, 4, h, w] -> [N, h w, 4] in pixels."""
    height, width = distances.shape[2:]
    y, x = (torch.arange(size, device=distances.device) * stride + stride // 2 for size in (height, width))
    x, y = x.repeat(height), y.repeat_interleave(width)  # [h w]
    left, top, right, bottom = (distances * stride).flatten(2).unbind(1)  # [N, h w]
    x1, y1 = x - left, y - top
    x2, y2 = (x + right).maximum(x1 + LEAST_SIDE_PX), (y + bottom).maximum(y1 + LEAST_SIDE_PX)
    return torch.stack((x1, y1, x2, y2), dim=-1)


def _best(boxes: Tensor, scores: Tensor) -> Proposals:
    # In descending order; where scores are equal, in that of the published code, which calls this for its one class.
    kept = batched_nms(boxes, scores, torch.zeros_like(scores), OVERLAP)
    boxes, scores = boxes[kept], scores[kept]
    if len(scores) > MOST:
        count = int((scores >= scores[MOST - 1]).sum())
        boxes, scores = boxes[:count], scores[:count]
    return Proposals(boxes, scores)
