"""The correlations of RAFT: between all positions of two frames, read in a window around where the flow leads.

Matches princeton-vl/RAFT's `CorrBlock`, four bilinear samplings of 81 points each, in another way: the points of a
window share one fraction of a position, so 10 x 10 whole positions, mixed once along either axis, give all of them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.transfer import put

LEVELS, RADIUS = 4, 4
WINDOW = 2 * RADIUS + 1
PATCH = WINDOW + 1
"""Whole positions a side that a window between positions is made of."""


class Correlations:
    """How alike each position of one frame is to each of another, at four resolutions of the other.

    Of the 9 x 9 offsets of a window, the one that varies slowest is added to x (princeton-vl/RAFT, issue 192). So the
    other frame's positions are stored column by column, in margins of zeros: a window is then ten runs of memory.

    Args:
        first: [P, C, h, w].
        second: [P, C, h, w].
    """

    def __init__(self, first: Tensor, second: Tensor) -> None:
        count, channels, height, width = first.shape
        positions, device = count * height * width, first.device
        sizes = [(width >> level, height >> level) for level in range(LEVELS)]
        areas = _areas(height, width)
        level = first.flatten(2).mT.div(channels**0.5) @ second.mT.flatten(2)  # [P, h w, w h]
        level = level.view(positions, 1, width, height)
        cells = level.new_zeros(positions, sum(areas))
        for part, (wide, high) in zip(cells.split(areas, dim=1), sizes, strict=True):
            level = level if level.shape[2:] == (wide, high) else F.avg_pool2d(level, 2)
            inside = part.unflatten(1, (wide + 2 * PATCH, high + 2 * PATCH))[:, PATCH:-PATCH, PATCH:-PATCH]
            inside.copy_(level[:, 0])
        self.runs = cells.view(-1).unfold(0, PATCH, 1)  # run i begins at cell i
        starts = put(torch.tensor([sum(areas[:i]) for i in range(LEVELS)]), device)
        self.starts = torch.arange(positions, device=device)[:, None] * sum(areas) + starts  # [P h w, 4]
        self.last = put(torch.tensor(sizes), device) + PATCH  # [4, 2], the corner that sees margin alone
        self.column = put(torch.tensor([high + 2 * PATCH for _, high in sizes]), device)  # cells of one
        self.columns = self.column[:, None] * torch.arange(PATCH, device=device)  # [4, 10]
        self.scales = 2.0 ** torch.arange(LEVELS, device=device)[:, None]
        y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
        self.grid = torch.stack((x, y), dim=2).float()  # [h, w, 2]

    def around(self, flow: Tensor) -> Tensor:
        """The windows where the flow leads to: [P, 2, h, w] -> [P, 4 * 89, h, w], as `reading_patches` takes them."""
        points = (self.grid + flow.permute(0, 2, 3, 1)).reshape(-1, 1, 2) / self.scales  # [P h w, 4, 2]
        whole = points.floor()
        # Limited as integers: what NaN becomes is somewhere inside too, and the fraction stays NaN.
        x, y = (whole.long() + (PATCH - RADIUS)).clamp_min(0).minimum(self.last).unbind(2)
        index = (self.starts + x * self.column + y)[..., None] + self.columns  # [P h w, 4, 10]
        patches = self.runs.index_select(0, index.flatten()).view(-1, LEVELS, PATCH * PATCH)
        # One fraction for the whole window. Neighbours in a run that begins a new column mix to what nobody reads.
        across, down = (points - whole).split(1, dim=2)
        mixed = torch.lerp(patches[..., :-PATCH], patches[..., PATCH:], across)
        windows = torch.lerp(mixed[..., :-1], mixed[..., 1:], down)  # [P h w, 4, 89]
        return windows.view(*flow.shape[:1], *flow.shape[2:], -1).permute(0, 3, 1, 2)


def reading_patches(conv: nn.Conv2d) -> nn.Conv2d:
    """The same convolution of windows whose columns are 10 long, with nothing of the tenth; the last one is cut off."""
    weight = F.pad(conv.weight.detach().view(-1, LEVELS, WINDOW, WINDOW), (0, 1)).flatten(2)[..., :-1].flatten(1)
    with torch.device("meta"):  # no numbers are drawn
        wider = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
    wider.weight, wider.bias = nn.Parameter(weight[..., None, None]), conv.bias
    return wider


def cells_per_position(height: int, width: int) -> int:
    """How many numbers `Correlations` keeps for each of the h w positions of the first frame."""
    return sum(_areas(height, width))


def _areas(height: int, width: int) -> list[int]:
    """Cells of each level, its margins included."""
    return [((width >> level) + 2 * PATCH) * ((height >> level) + 2 * PATCH) for level in range(LEVELS)]
