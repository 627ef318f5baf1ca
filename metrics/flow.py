"""How far the fastest pixels of a clip move between its frames, by RAFT: for dynamic degree and the static filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from i2vbench.types import Frames, Video

if TYPE_CHECKING:
    from torch import Tensor, nn

PIXELS_AT_ONCE = 2**25
"""Of the frames of clips that are looked at together: 512 of 256 x 256."""

NOT_FINITE = (
    "the flow is not finite: expected pixels, got NaN or infinity from RAFT; check its checkpoint with "
    "`i2vbench weights verify`"
)


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be looked at.

    Attributes:
        frames: uint8 [T, H, W, 3].
        pairs: Positions of the frames from the first to the second of which the flow leads.
    """

    frames: Frames
    pairs: Sequence[tuple[int, int]]


def too_small(video: Video) -> str | None:
    """Why a clip of this size has no flow; None if it has.

    Below the limit the published code's flow is NaN, of which it makes a static clip.
    """
    from i2vbench.metrics.networks.raft import LEAST_PX, MULTIPLE_PX, padded_size

    height, width = padded_size(video.height, video.width)
    if min(height, width) >= LEAST_PX:
        return None
    return (
        f"too small: expected sides of at least {LEAST_PX} pixels once padded to multiples of {MULTIPLE_PX}, got "
        f"{video.height} x {video.width}; below, RAFT gives NaN. Give the profile's protocol a larger height and width"
    )


def strongest_count(height: int, width: int, share: float) -> int:
    """How many of the vectors of a padded frame are that share, cut to a whole number."""
    return int(height * width * share)


def strongest_mean(flow: Tensor, share: float) -> Tensor:
    """Mean length of the longest vectors of a flow: [..., 2, H, W] -> [...], float64.

    Args:
        flow: x and y in pixels, of the padded frame.
        share: Of all vectors, `strongest_count` of which count; NaN where that is none.
    """
    import torch

    lengths = flow.square().sum(dim=-3).sqrt().flatten(-2)  # [..., H W]
    count = strongest_count(flow.shape[-2], flow.shape[-1], share)
    if count == 0:
        return torch.full(lengths.shape[:-1], torch.nan, dtype=torch.float64)
    return lengths.topk(count, dim=-1, sorted=False).values.double().mean(dim=-1)


def strongest_means(network: nn.Module, device: str, looks: Sequence[Look], share: float) -> list[list[float]]:
    """`strongest_mean` of every pair of every clip, in order; NaN or infinite where the flow is.

    Args:
        network: RAFT, on `device`.
        looks: Of clips that are not `too_small`, of any sizes and lengths.
        share: As `strongest_mean` takes it.
    """
    import torch

    from i2vbench.metrics.networks import raft

    means: list[list[float]] = []
    for some in _of_one_size(looks):
        starts = np.cumsum([0] + [len(look.frames) for look in some])
        pairs = [(int(s) + a, int(s) + b) for s, look in zip(starts, some, strict=False) for a, b in look.pairs]
        frames = torch.from_numpy(np.concatenate([look.frames for look in some])).to(device)
        found = iter(strongest_mean(network(raft.preprocess(frames), pairs).up, share).tolist())
        means += [[next(found) for _ in look.pairs] for look in some]
    return means


def _of_one_size(looks: Sequence[Look]) -> Iterator[list[Look]]:
    """Neighbouring clips of one size, as many as are looked at together."""
    for (_, height, width, _), same in groupby(looks, lambda look: (0, *look.frames.shape[1:])):
        group: list[Look] = []
        for look in same:
            if group and sum(len(one.frames) for one in [*group, look]) * height * width > PIXELS_AT_ONCE:
                yield group
                group = []
            group.append(look)
        yield group
