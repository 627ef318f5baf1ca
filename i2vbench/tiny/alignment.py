"""What the recipes of DINO, CLIP and ViCLIP share: clips kept, views of them, losses, and the descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.datasets.synthetic import CAMERAS, KINDS, MOTIONS, draw_clip
from i2vbench.tiny.captions import CHOICES, Facts, facts_of
from i2vbench.tiny.recipe import Curve

SIDE_PX = 128
VIEW_PX = 224

NAMES = (*CHOICES[:3], (*MOTIONS.values(), *CAMERAS.values()))
"""What `Naming` tells of a patch: kind, colour, texture, move."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Drawn clips, kept.

    Attributes:
        frames: uint8 [N, T, 128, 128, 3].
        facts: Of each clip, the scene's and the camera's last.
        layers: uint8 [N, T, 128, 128], as `SyntheticClip.layers`.
        words: int64 [N, 4, 4], of the scene and each thing the places of its kind, colour, texture and move in
            `NAMES`; the scene's kind is one more than there are, its move the camera's, the rest `NO_WORD`.
    """

    frames: Tensor
    facts: list[Facts]
    layers: Tensor
    words: Tensor


NO_WORD = -100
"""What cross entropy passes over."""
MOST_THINGS = 3


def draw_pool(first: int, count: int, num_frames: int, fps: float) -> Pool:
    """The clips of `count` seeds from `first` on."""
    frames = np.empty((count, num_frames, SIDE_PX, SIDE_PX, 3), np.uint8)
    layers = np.empty(frames.shape[:-1], np.uint8)
    words = torch.full((count, 1 + MOST_THINGS, len(NAMES)), NO_WORD)
    words[:, 0, 0] = len(KINDS)
    facts = []
    for i in range(count):
        clip = draw_clip(first + i, num_frames, fps, SIDE_PX, SIDE_PX)
        frames[i], layers[i] = clip.frames, clip.layers
        words[i, 0, 3] = NAMES[3].index(CAMERAS[clip.camera])
        for k, thing in enumerate(clip.things, 1):
            said = thing.kind, thing.colour, thing.texture, MOTIONS[thing.motion]
            words[i, k] = torch.tensor([names.index(word) for names, word in zip(NAMES, said, strict=True)])
        facts.append(facts_of(clip))
    return Pool(torch.from_numpy(frames), facts, torch.from_numpy(layers), words)


def contrast(images: Tensor, texts: Tensor, scale: Tensor, true: Tensor) -> Tensor:
    """CLIP's loss where a caption may be true of several clips: these share the target.

    Args:
        images: [N, d], of any length.
        texts: [M, d], of any length; those that are true of no clip are rivals alone.
        scale: Of the cosines.
        true: bool [M, N].
    """
    logits = scale * F.normalize(texts, dim=1) @ F.normalize(images, dim=1).T  # [M, N]
    loss = torch.zeros(())
    for rows, targets in ((logits, true), (logits.T, true.T)):
        kept = targets.any(dim=1)
        shares = targets[kept] / targets[kept].sum(dim=1, keepdim=True)
        loss = loss - (shares * rows[kept].log_softmax(dim=1)).sum(dim=1).mean()
    return loss / 2


def cuts(count: int, generator: torch.Generator, least: float = 0.75) -> Tensor:
    """Maps [N, 2, 3] from views to frames as `affine_grid` takes them: a part of each side, somewhere.

    Args:
        least: Part of a side that is about the least.
    """
    kept = _draw(count, generator, least, 1.05, 1) * _draw(count, generator, 0.93, 1.07, 2)  # of width and height
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0], maps[:, 1, 1] = kept[:, 0], kept[:, 1]
    maps[:, :, 2] = _draw(count, generator, -1, 1, 2) * (1 - kept).clamp(min=0)
    return maps


def windows(layers: Tensor, nearest: Tensor, generator: torch.Generator) -> Tensor:
    """Maps as `cuts`, of half the side, about the middle of what is seen of a layer; anywhere if nothing is.

    Args:
        layers: uint8 [N, H, W].
        nearest: Which layer, int64 [N].
    """
    maps = cuts(len(layers), generator)
    maps[:, :, :2] /= 2
    seen = (layers == nearest[:, None, None]).float()
    places = torch.linspace(-1, 1, layers.shape[1])
    area = seen.sum(dim=(1, 2)).clamp(min=1)
    middles = torch.stack(((seen.sum(dim=1) * places).sum(dim=1), (seen.sum(dim=2) * places).sum(dim=1)), dim=1)
    maps[:, :, 2] = middles / area[:, None] + _draw(len(layers), generator, -0.15, 0.15, 2)
    return maps


def view(frames: Tensor, maps: Tensor, generator: torch.Generator, side_px: int = VIEW_PX) -> Tensor:
    """Cut, lit, blurred and noisy as real clips are; all frames of a clip alike but for the noise.

    Args:
        frames: uint8 [N, T, H, W, 3].
        maps: As `cuts`.
        side_px: S, of the views.

    Returns:
        float32 [N, T, 3, S, S] between 0 and 1, overshoots apart.
    """
    n, t = frames.shape[:2]
    planes = frames.permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 255  # [N, 3 T, H, W]
    grid = F.affine_grid(maps, [n, 1, side_px, side_px], align_corners=False)
    x = F.grid_sample(planes, grid, padding_mode="reflection", align_corners=False)
    blurred = torch.rand(n, generator=generator) < 0.25
    if blurred.any():
        x[blurred] = F.interpolate(F.avg_pool2d(x[blurred], 3), side_px, mode="bilinear", align_corners=False)
    x = x.unflatten(1, (t, 3))
    mean = x.mean(dim=(1, 2, 3, 4), keepdim=True)
    sharp, light, tint = (
        _draw(n, generator, low, high, 1, size, 1, 1)
        for low, high, size in ((0.7, 1.25, 1), (0.75, 1.2, 1), (0.93, 1.07, 3))
    )
    noise = _draw(n, generator, -0.06, 0.06, 1, 1, 1, 1).clamp(min=0)
    lit: Tensor = ((x - mean) * sharp + mean * light) * tint
    return lit + noise * torch.randn(n, t, 1, side_px, side_px, generator=generator)


def words_of_patches(layers: Tensor, words: Tensor, maps: Tensor, grid: int) -> Tensor:
    """What lies at the middle of each patch of a view: int64 [N, P, 4].

    Args:
        layers: uint8 [N, H, W].
        words: As `Pool.words`, [N, 4, 4].
        maps: Of the views.
        grid: Patches of a side.
    """
    middles = F.affine_grid(maps, [len(maps), 1, grid, grid], align_corners=False)
    seen = F.grid_sample(
        layers[:, None].float(), middles, mode="nearest", padding_mode="reflection", align_corners=False
    )
    found: Tensor = words.gather(1, seen.flatten(1).long()[..., None].expand(-1, -1, words.shape[2]))
    return found


class Naming(nn.Module):
    """Tells what lies at a patch from its token; only training has it.

    Args:
        width: C of the tokens.
        told: Which of `NAMES`.
    """

    weight: Tensor

    def __init__(self, width: int, told: Sequence[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({str(i): nn.Linear(width, len(NAMES[i]) + 1) for i in told})
        # Most patches show the scene.
        self.register_buffer("weight", torch.tensor([1.0] * len(KINDS) + [0.1]))

    def forward(self, tokens: Tensor, words: Tensor) -> Tensor:
        """The loss of tokens [N, P, C] whose words are [N, P, 4]."""
        losses = [
            F.cross_entropy(head(tokens).flatten(0, 1), words[..., int(i)].flatten(), self.weight if i == "0" else None)
            for i, head in self.heads.items()
        ]
        return torch.stack(losses).sum()


def _draw(count: int, generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return torch.rand(count, *shape, generator=generator) * (high - low) + low


def normalised(views: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """[..., 3, H, W] less a mean, over a deviation."""
    return (views - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def batches(sorts: Sequence[object], size: int, steps: int, random: np.random.Generator) -> Iterator[Tensor]:
    """Numbers below the length of `sorts`, `size` at a time: in turn of any sort, and of two sorts alone.

    Where all scenes differ, nothing else needs to be looked at.
    """
    kinds = sorted(set(sorts), key=str)
    members = {kind: np.flatnonzero([sort == kind for sort in sorts]) for kind in kinds}
    for step in range(steps):
        if step % 2:
            among = np.concatenate([members[kinds[i]] for i in random.permutation(len(kinds))[:2]])
        else:
            among = np.arange(len(sorts))
        yield torch.from_numpy(random.permutation(among)[:size])


class Descent:
    """AdamW with a warm-up and a cosine down to nothing, and the curve of the loss.

    Args:
        network: What learns.
        rate: The highest learning rate.
        steps: How many.
        log: Told some fifty times.
        before: Steps of what came before.
    """

    def __init__(self, network: nn.Module, rate: float, steps: int, log: Curve, before: int = 0) -> None:
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.05},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._parameters, self._log, self._every, self._done = parameters, log, max(1, (before + steps) // 50), before
        self._optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
        self._rates = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, rate, total_steps=steps + 1, pct_start=0.1, cycle_momentum=False
        )
        self._losses: list[dict[str, float]] = []

    def step(self, loss: Tensor, **parts: Tensor) -> None:
        """Down the gradient of the loss; the curve has its mean since the row before, and those of its parts."""
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._rates.step()
        self._done += 1
        self._losses.append({"loss": loss.item()} | {name: part.item() for name, part in parts.items()})
        if self._done % self._every == 0:
            self._log.row(self._done, **{name: fmean(row[name] for row in self._losses) for name in self._losses[0]})
            self._losses.clear()
