"""How the classifiers behind FID, FVD and the Inception Score are trained: batches, first weights, the steps.

The mean over places hardly tells a small network where the thing is that is meant, so it is taught at every place of
its last layer too, by the exact masks, and on squares around things (`classifier_clips`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from i2vbench.metrics.networks.layers import FrozenBatchNorm
from i2vbench.tiny.classifier_clips import CELL_PX, SIZE_PX, Drawn, Groups
from i2vbench.tiny.recipe import Curve


class Lesson(Protocol):
    """What `fit` teaches."""

    def loss(self, logits: Tensor, drawn: Drawn) -> Tensor:
        """Of what a network says of as many clips."""

    def accuracies(self, logits: Tensor, drawn: Drawn) -> dict[str, float]:
        """Shares of clips of which it is right, by what it says."""


def batches(
    drawn: Drawn,
    groups: Groups,
    size: int,
    steps: int,
    random: torch.Generator,
    *,
    crop: int = SIZE_PX,
    frozen: float = 0.125,
) -> Iterator[Drawn]:
    """Batches of clips in random order, changed so that they stay what their words say.

    Mirrored, from the end, frozen (that share of them); lighter and darker, of other contrast, with some noise; a
    square of `crop` pixels of them, a multiple of 8.
    """
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < size:
            order = torch.randperm(len(drawn), generator=random)
        chosen, order = order[:size], order[size:]
        clips = [_changed(_cropped(drawn[i : i + 1], crop, random), groups, frozen, random) for i in chosen.tolist()]
        yield Drawn(*(torch.cat([getattr(clip, field.name) for clip in clips]) for field in fields(Drawn)))


def _cropped(clip: Drawn, size_px: int, random: torch.Generator) -> Drawn:
    """A square around a cell with a thing in it, as far as the frame goes."""
    if size_px == SIZE_PX:
        return clip
    size, of_things = size_px // CELL_PX, clip.cells.sum((0, 1, 2)).flatten()  # [H / 8 * W / 8]
    cell = int(torch.multinomial(of_things + 1e-3, 1, generator=random))
    y, x = (min(max(0, at - size // 2), SIZE_PX // CELL_PX - size) for at in divmod(cell, SIZE_PX // CELL_PX))
    rows, columns = slice(CELL_PX * y, CELL_PX * y + size_px), slice(CELL_PX * x, CELL_PX * x + size_px)
    places = (..., slice(y, y + size), slice(x, x + size))
    return replace(clip, frames=clip.frames[:, :, rows, columns], cells=clip.cells[places], flows=clip.flows[places])


def _changed(clip: Drawn, groups: Groups, frozen: float, random: torch.Generator) -> Drawn:
    mirror, reverse, freeze, gain, offset, gamma, noise = torch.rand(7, generator=random).tolist()
    if mirror < 0.5:
        clip = groups.mirrored(clip)
    if clip.frames.shape[1] > 1 and reverse < 0.5:
        clip = groups.backward(clip)
    if clip.frames.shape[1] > 1 and freeze < frozen:
        clip = groups.frozen(clip)
    levels = (np.arange(256) / 255) ** (0.75 + 0.6 * gamma) * (0.8 + 0.4 * gain) + 0.2 * (offset - 0.5)
    x = torch.from_numpy((levels * 255).astype(np.float32)[clip.frames.numpy()])
    if noise < 0.3:
        x.add_(torch.randn(x.shape, generator=random), alpha=25 * noise)
    return replace(clip, frames=x.round_().clamp_(0, 255).byte())


def with_batch_norms(network: nn.Module) -> nn.Module:
    """The network with batch norms that learn in place of those that only apply; names stay the same."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, FrozenBatchNorm):
                setattr(module, name, _BatchNorm(len(child.weight), eps=child.eps))
    return network


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Of any number of dimensions."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass


def flow_taps(network: nn.Module) -> None:
    """Kernels by He et al. (2015), their taps in time antisymmetric around the middle one.

    What stands still passes through the middle taps alone, so what was learned of pictures holds for clips; what moves
    is heard from the first step on.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            middle = module.kernel_size[0] // 2
            weight = module.weight.data
            weight[:, :, middle] *= math.sqrt(module.kernel_size[0])  # all that a picture has
            weight[:, :, :middle] = -weight[:, :, middle + 1 :].flip(2)


def fit(
    network: nn.Module,
    logits: Callable[[Tensor], Tensor],
    groups: Lesson,
    data: Iterator[Drawn],
    steps: int,
    tell: Callable[[int, Mapping[str, float]], None],
    *,
    rate: float,
    at_once: int,
) -> None:
    """Train a classifier by AdamW, the rate up for a tenth of the steps and down to zero as a cosine.

    Args:
        network: In training mode.
        logits: uint8 [N, T, H, W, 3] -> what the lesson takes, [N, classes, ...].
        groups: What is taught.
        data: A batch for each step.
        steps: How many.
        tell: Is told the step, and the mean loss and accuracies on the batches since, some 20 times.
        rate: The highest.
        at_once: Clips that go through the network together; allocations above 32 MiB cost a third of the time more.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    every, seen = max(1, steps // 20), []
    for step, batch in zip(range(1, steps + 1), data, strict=True):
        share = step / steps
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate * min(10 * share, (1 + math.cos(math.pi * share)) / 2)
        optimizer.zero_grad()
        for begin in range(0, len(batch), at_once):
            part = batch[begin : begin + at_once]
            said = logits(part.frames)
            loss = groups.loss(said, part)
            (loss * len(part) / len(batch)).backward()
            seen.append({"loss": loss.item(), **groups.accuracies(said.detach(), part)})
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        if step % every == 0:
            tell(step, {name: float(np.nanmean([row[name] for row in seen])) for name in seen[0]})
            seen.clear()


def row_of(log: Curve, names: Sequence[str], begin: int) -> Callable[[int, Mapping[str, float]], None]:
    """`fit`'s rows after so many steps before, with the same columns whatever is taught: empty ones are NaN."""

    def tell(step: int, values: Mapping[str, float]) -> None:
        log.row(begin + step, **{name: values.get(name, math.nan) for name in ("loss", *names)})

    return tell
