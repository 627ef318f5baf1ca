"""Where points move and what is found there: AMT's correlation volumes, and frames seen along flows."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

TIME = 0.5
"""Where the frame in between lies, from the first frame at 0 to the second at 1."""

LEVELS = 4
"""Resolutions of a correlation volume."""

RADIUS = 3
"""Of the windows that are looked up in it, 7 x 7."""


class Correlations:
    """How alike each point of a frame is to each of the other, both ways, at four resolutions of the other.

    Args:
        features: [2N, C, h, w], of the first frames, then of the second ones.
    """

    def __init__(self, features: Tensor) -> None:
        first, second = features.chunk(2)
        own = torch.cat((first, second)).flatten(2).transpose(1, 2) / math.sqrt(features.shape[1])  # [2N, h w, C]
        other = torch.cat((second, first))
        self._volumes = []
        for _ in range(LEVELS):
            volume = own @ other.flatten(2)  # [2N, h w, h' w']
            self._volumes.append(volume.view(-1, 1, *other.shape[2:]))  # [2N h w, 1, h', w']
            other = F.avg_pool2d(other, 2)  # as pooling the volume, whose size it spares

    def around(self, flows: Tensor) -> Tensor:
        """The correlations in windows of 7 x 7 around the points to which each point moves.

        Flows are those of the frame in between; the volumes want those from one frame to the other. Motion is taken to
        be uniform, and the flow of a point of the first frame to be that of the point at the same place in between.

        Args:
            flows: [N, 4, h, w].

        Returns:
            [N, 2 * 4 * 49, h, w]. Of the 49 offsets those of x vary slowest: windows are transposed, as RAFT's are, and
            trained weights need them so.
        """
        height, width = flows.shape[2:]
        to_first, to_second = flows.chunk(2, 1)
        moved = torch.cat((to_second / TIME, to_first / (1 - TIME)))  # [2N, 2, h, w]
        across, down = ((moved[:, i] + here).view(-1, 1, 1) for i, here in enumerate(_pixels(flows)))  # [2N h w, 1, 1]
        steps = torch.arange(-RADIUS, RADIUS + 1, dtype=flows.dtype, device=flows.device)
        levels = [
            _sample(volume, across / 2**level + steps[:, None], down / 2**level + steps, padding="zeros").flatten(1)
            for level, volume in enumerate(self._volumes)
        ]  # [2N h w, 49] each
        return paired(torch.cat(levels, 1).view(-1, height, width, len(levels) * len(steps) ** 2).permute(0, 3, 1, 2))


def paired(x: Tensor) -> Tensor:
    """[2N, C, h, w], first frames, then second ones -> [N, 2C, h, w]."""
    return torch.cat(x.chunk(2), 1)


def beside_warped(features: Tensor, flows: Tensor, frames: Tensor) -> Tensor:
    """What a decoder is given: features in between, those of both frames [2N, C, h, w] brought there, and the flows."""
    warped = warp(frames, torch.cat(flows.chunk(2, 1))).squeeze(1)
    return torch.cat((features, paired(warped), flows), 1)


def resize(x: Tensor, factor: float) -> Tensor:
    """Bilinearly, not antialiased: sides times the factor, cut to whole pixels."""
    # By the factor, not to a size: where the size is rounded, PyTorch's sampling points go by the factor.
    return x if factor == 1 else F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def resize_flows(flows: Tensor, factor: float) -> Tensor:
    """Flows at another size, in its pixels."""
    return flows if factor == 1 else factor * resize(flows, factor)


def warp(x: Tensor, flows: Tensor) -> Tensor:
    """x seen along flows, its border going on beyond it.

    Args:
        x: [N, C, h, w].
        flows: [N, 2K, h, w], K for each of x.

    Returns:
        [N, K, C, h, w].
    """
    across, down = (flows[:, i::2] + here for i, here in enumerate(_pixels(flows)))  # [N, K, h, w]
    # The K below each other, so that x need not be repeated.
    seen = _sample(x, across.flatten(1, 2), down.flatten(1, 2), padding="border")  # [N, C, K h, w]
    return seen.unflatten(2, across.shape[1:3]).transpose(1, 2)


def _pixels(like: Tensor) -> tuple[Tensor, Tensor]:
    """x and y of every pixel of [..., h, w]: [w] and [h, 1]."""
    y, x = (torch.arange(side, dtype=like.dtype, device=like.device) for side in like.shape[2:])
    return x, y[:, None]


def _sample(x: Tensor, across: Tensor, down: Tensor, padding: str) -> Tensor:
    """x [N, C, h, w] between its pixels, bilinearly: [N, C, a, b]; points in pixels, together [N, a, b]."""
    height, width = x.shape[2:]
    grid = torch.stack(torch.broadcast_tensors(across * (2 / (width - 1)) - 1, down * (2 / (height - 1)) - 1), -1)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=padding, align_corners=True)
