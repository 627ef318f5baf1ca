"""Frames of moving things and where their points go: what RAFT-tiny and AMT-tiny learn from.

Clips are drawn once; every look takes other frames of them, through a window that is itself turned, scaled and shifted
from frame to frame, which makes camera motion that the clips have not, and in other colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from i2vbench.datasets.synthetic import draw_clip

SIDE_PX = 128
"""Of what the networks are shown, the least that both take."""

POSITION_PX = 8
"""A side of what a position of the correlated features stands for, of both."""

_DRAWN_PX, _DRAWN_FRAMES = 160, 7


class Look(NamedTuple):
    """A batch of frames.

    Attributes:
        frames: float32 [N, 1 + K, 3, S, S] in 0..1: the one that flows lead from, then those they lead to.
        flows: float32 [N, K, 2, S, S], x before y, in pixels.
        known: bool [N, 1, S, S], where these are true.
    """

    frames: Tensor
    flows: Tensor
    known: Tensor


class Pool:
    """Clips kept in memory, 0.7 MB each.

    Args:
        count: How many; of the seeds from 0 on.
    """

    def __init__(self, count: int) -> None:
        self._clips = [
            draw_clip(seed, num_frames=_DRAWN_FRAMES, height=_DRAWN_PX, width=_DRAWN_PX) for seed in range(count)
        ]

    def look(self, random: np.random.Generator, count: int, steps: Sequence[int], gaps: Sequence[int]) -> Look:
        """Frames through moving windows.

        Args:
            random: What chooses.
            count: N.
            steps: For each of K frames, how many gaps it is after the first one.
            gaps: In frames of the clips; one of them is drawn, forwards or backwards.
        """
        pictures, flows = [], []
        for _ in range(count):
            clip = self._clips[random.integers(len(self._clips))]
            gap = int(random.choice(gaps)) * int(random.choice((-1, 1)))
            offsets = [step * gap for step in steps]
            base = int(random.integers(-min(0, *offsets), _DRAWN_FRAMES - max(0, *offsets)))
            pictures.append(clip.frames[[base, *(base + offset for offset in offsets)]])
            flows.append(np.stack([clip.flow(base, base + offset)[0] for offset in offsets]))
        frames = torch.from_numpy(np.stack(pictures)).permute(0, 1, 4, 2, 3).float() / 255
        moved = torch.from_numpy(np.stack(flows)).permute(0, 1, 4, 2, 3)
        return _through_windows(frames, moved, [(_window(random), _drift(random)) for _ in range(count)], steps)


def _through_windows(
    frames: Tensor, flows: Tensor, windows: Sequence[tuple[Tensor, Tensor]], steps: Sequence[int]
) -> Look:
    """Frames [N, 1 + K, 3, H, W] and flows [N, K, 2, H, W] of a clip, seen through a window that drifts with the steps.

    Args:
        windows: Of each clip, the map from the window's pixels to the clip's, and from those of a window to those of
            the one a step before, [3, 3] each.
    """
    at_rest = torch.stack([window for window, _ in windows])  # [N, 3, 3]
    drifts = [torch.stack([torch.linalg.matrix_power(drift, step) for _, drift in windows]) for step in (0, *steps)]
    points = _pixels() @ at_rest.mT  # [N, S S, 3], in the first frame
    seen = [_sample(frames[:, k], _pixels() @ (at_rest @ drift).mT) for k, drift in enumerate(drifts)]
    moved = []
    for k, drift in enumerate(drifts[1:]):
        flow = _sample(flows[:, k], points, mode="nearest").flatten(2).mT  # [N, S S, 2]; its edges stay sharp
        there = (points + F.pad(flow, (0, 1))) @ torch.linalg.inv(at_rest @ drift).mT
        moved.append((there - _pixels())[..., :2].mT.unflatten(2, (SIDE_PX, SIDE_PX)))
    inside = ((points[..., :2] >= 0) & (points[..., :2] <= _DRAWN_PX - 1)).all(-1)
    return Look(torch.stack(seen, 1), torch.stack(moved, 1), inside.view(-1, 1, SIDE_PX, SIDE_PX))


def recoloured(frames: Tensor, random: np.random.Generator) -> Tensor:
    """Frames [N, K, 3, H, W] in 0..1, those of a clip in the same other light."""
    count = len(frames)

    def draw(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(random.uniform(low, high, (count, 1, channels, 1, 1))).float()

    channels = torch.from_numpy(np.stack([random.permutation(3) for _ in range(count)]))
    frames = torch.stack([clip[:, order] for clip, order in zip(frames, channels, strict=True)])
    grey = draw(0, 1) < 0.15
    frames = torch.where(grey, frames.mean(2, keepdim=True), frames)
    middle = frames.mean((1, 3, 4), keepdim=True)
    frames = middle + draw(0.5, 1.3, 3) * (frames - middle) + draw(-0.15, 0.15, 3)
    return frames.clamp(0, 1) ** draw(0.7, 1.4)


def disturbed(frames: Tensor, random: np.random.Generator) -> Tensor:
    """Frames [N, K, 3, H, W] as cameras give them: each with its own brightness and noise, some out of focus."""
    shape = (*frames.shape[:2], 1, 1, 1)
    brightness = torch.from_numpy(random.normal(0, 0.02, shape)).float()
    strength = random.uniform(0, 0.03, (len(frames), 1, 1, 1, 1)) * (random.random((len(frames), 1, 1, 1, 1)) < 0.5)
    noise = torch.from_numpy(random.standard_normal(frames.shape, np.float32)) * torch.from_numpy(strength).float()
    soft = F.avg_pool2d(frames.flatten(0, 1), 3, 1, padding=1, count_include_pad=False).view_as(frames)
    blurred = torch.from_numpy(random.random((len(frames), 1, 1, 1, 1)) < 0.25)
    return (torch.where(blurred, soft, frames) + brightness + noise).clamp(0, 1)


def matching_loss(first: Tensor, second: Tensor, flow: Tensor, known: Tensor, *, between: bool) -> Tensor:
    """How unlikely the features [N, C, h, w] make the true one of all positions of the second frame.

    Args:
        flow: [N, 2, 8h, 8w].
        known: bool [N, 1, 8h, 8w].
        between: A point between four positions is each of them to its share; else it is the nearest one.
    """
    height, width = first.shape[2:]
    likeness = torch.einsum("nchw,ncyx->nhwyx", first, second) / first.shape[1] ** 0.5
    # Of the pixel in the middle of each position.
    here = slice(POSITION_PX // 2, None, POSITION_PX)
    moved = (flow[:, :, here, here] / POSITION_PX).permute(0, 2, 3, 1)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    there = moved + torch.stack((x, y), -1)  # [N, h, w, 2]
    there = there if between else there.round()
    inside = ((there >= 0) & (there <= torch.tensor([width - 1, height - 1]))).all(-1) & known[:, 0, here, here]
    (x, y), logarithms = there[inside].unbind(-1), likeness[inside].flatten(1).log_softmax(1)  # [M] and [M, h w]
    loss = torch.zeros(())
    for row in (y.floor(), y.floor() + 1):
        for column in (x.floor(), x.floor() + 1):
            share = (1 - (y - row).abs()) * (1 - (x - column).abs())  # 0 beyond the last row and column
            index = row.clamp_max(height - 1) * width + column.clamp_max(width - 1)
            loss = loss - (share * logarithms.gather(1, index.long()[:, None])[:, 0]).mean()
    return loss


def _pixels() -> Tensor:
    """x, y and 1 of every pixel of a window, [S S, 3]."""
    y, x = torch.meshgrid(torch.arange(SIDE_PX), torch.arange(SIDE_PX), indexing="ij")
    return torch.stack((x, y, torch.ones_like(x)), -1).flatten(0, 1).float()


def _sample(x: Tensor, points: Tensor, mode: str = "bilinear") -> Tensor:
    """x [N, C, H, W] at points [N, S S, 3] in its pixels: [N, C, S, S]."""
    grid = (2 * points[..., :2] + 1) / x.shape[-1] - 1
    return F.grid_sample(
        x, grid.unflatten(1, (SIDE_PX, SIDE_PX)), mode=mode, padding_mode="border", align_corners=False
    )


def _window(random: np.random.Generator) -> Tensor:
    """Somewhere in the clip, turned, larger or smaller, perhaps mirrored."""
    scale = np.exp(random.uniform(np.log(0.6), np.log(1.15)))
    mirrored, angle = random.choice((-1, 1)), random.normal(0, 0.2)
    play = abs(_DRAWN_PX - scale * SIDE_PX) / 2
    return _similarity(scale, angle, random.uniform(-play, play, 2), _DRAWN_PX / 2, mirrored)


def _drift(random: np.random.Generator) -> Tensor:
    """Of one window in three, from frame to frame; the others stay."""
    if random.random() < 2 / 3:
        return torch.eye(3)
    return _similarity(np.exp(random.normal(0, 0.04)), random.normal(0, 0.06), random.normal(0, 4, 2), SIDE_PX / 2)


def _similarity(scale: float, angle: float, shift: npt.NDArray[np.float64], middle: float, mirrored: int = 1) -> Tensor:
    """The map of pixels around a window's middle to those around another middle, shifted; [3, 3]."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[mirrored * cos, -sin], [mirrored * sin, cos]])
    to = middle - 0.5 + shift - turn @ np.full(2, (SIDE_PX - 1) / 2)
    return torch.tensor(np.vstack((np.column_stack((turn, to)), (0, 0, 1))), dtype=torch.float32)
