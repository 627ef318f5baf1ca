"""The tiny profile's aesthetic predictor: whether a drawn frame is damaged, for curation that runs anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import ImageFilter
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.datasets.synthetic import draw_clip, held_out
from i2vbench.metrics.base import read_network
from i2vbench.metrics.networks import aesthetic, clip
from i2vbench.tiny.recipe import Curve, Recipe
from i2vbench.types import Image

Random = np.random.Generator

CLIP = "tiny_clip"
CLIPS_A_STEP = 40
BEST, WORST = 10.0, 1.0
"""Of the scale that LAION's predictors are on; a frame as it was drawn, and one with the strongest damage."""
RIDGE = 1e-5
"""Of the mean square of the features; with 1e-3 noise is told less often, and less keeps the numbers large."""
FRAMES_AT_ONCE = 64
HELD_OUT = 256


def blur(frame: Image, grade: float, _random: Random) -> Image:
    """Gaussian, its deviation up to 0.04 of the shorter side."""
    kernel = ImageFilter.GaussianBlur(0.04 * grade * min(frame.shape[:2]))
    return np.asarray(Pillow.fromarray(frame).filter(kernel))


def noise(frame: Image, grade: float, random: Random) -> Image:
    """Gaussian, its deviation up to 64 grey levels."""
    return _levels(frame + random.normal(0, 64 * grade, frame.shape))


def darken(frame: Image, grade: float, _random: Random) -> Image:
    """Down to 0.15 of the light."""
    return _levels(frame * (1 - 0.85 * grade))


def wash_out(frame: Image, grade: float, _random: Random) -> Image:
    """Four fifths of the colour gone, and what is left three quarters of the way to a light grey."""
    grey = frame.mean(axis=-1, keepdims=True)
    faded = frame + 0.8 * grade * (grey - frame)
    return _levels(faded + 0.75 * grade * (200 - faded))


DAMAGES: Mapping[str, Callable[[Image, float, Random], Image]] = {
    "blur": blur,
    "noise": noise,
    "dark": darken,
    "washed_out": wash_out,
}
"""A frame under a grade from 0 (as it was) to 1."""


class Aesthetic(Recipe):
    name = "aesthetic"
    checkpoint = "tiny_aesthetic"
    title = "A linear head over the features of CLIP-tiny: a measure of damage on drawn frames, not of beauty"
    data = (
        "a frame each of 1,600 synthetic clips, as it was drawn (10), and blurred, noisy, dark and washed out, each in "
        "a grade between none (10) and the strongest (1)."
    )
    method = (
        "Least squares with a small ridge, in closed form; a step adds 40 clips to the sums. LAION's heads learned "
        "what people like instead."
    )
    scores: Mapping[str, str] = {
        "clean": "mean score of a frame as it was drawn (told: 10)",
        "damaged": "mean score under the strongest damage, over the four kinds (told: 1)",
        "blur": "a frame above another one that is blurred most (chance 0.5)",
        "noise": "a frame above another one that is noisy most (chance 0.5)",
        "dark": "a frame above another one that is dark most (chance 0.5)",
        "washed_out": "a frame above another one that is washed out most (chance 0.5)",
        "half": "a frame above itself at half of the strongest damage, over the four kinds (chance 0.5)",
        "kept": "frames as they were drawn that score 5 or more",
        "dropped": "frames under the strongest damage that score less than 5",
    }
    steps = 40
    cpu_minutes = 1.0

    def train(self, log: Curve) -> dict[str, Tensor]:
        network, random = read_network("clip", CLIP), np.random.default_rng(self.seed)
        sums = Sums()
        for step in range(1, self.steps + 1):
            seeds = range((step - 1) * CLIPS_A_STEP, step * CLIPS_A_STEP)
            frames, grades = _shown(seeds, random)
            sums.add(_features(network, frames), BEST + (WORST - BEST) * torch.tensor(grades))
            log.row(step, clips=step * CLIPS_A_STEP, error=sums.error())
        solution = sums.solve()
        return {"weight": solution[None, :-1].float(), "bias": solution[-1:].float()}

    def score(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        return score(aesthetic.load(state, aesthetic.Sizes(**weights.entry(self.checkpoint).sizes)), HELD_OUT)


class Sums:
    """What least squares needs of all frames so far, in float64."""

    def __init__(self) -> None:
        self._products: Any = 0
        self._wanted: Any = 0
        self._squares, self._count = 0.0, 0

    def add(self, features: Tensor, wanted: Tensor) -> None:
        """Frames [N, C] of length 1 and their scores [N]."""
        x = nn.functional.pad(features.double(), (0, 1), value=1)  # [N, C + 1]
        self._products = self._products + x.T @ x
        self._wanted = self._wanted + x.T @ wanted.double()
        self._squares += float(wanted.double().square().sum())
        self._count += len(x)

    def solve(self) -> Tensor:
        """The weights [C + 1], the bias last; it is not held down."""
        ridge = torch.full((len(self._wanted),), RIDGE * self._count, dtype=torch.float64)
        ridge[-1] = 0
        solution: Tensor = torch.linalg.solve(self._products + ridge.diag(), self._wanted)
        return solution

    def error(self) -> float:
        """Root of the mean square error on the frames so far."""
        w = self.solve()
        squares = self._squares - 2 * float(w @ self._wanted) + float(w @ self._products @ w)
        return float(np.sqrt(squares / self._count))


def score(head: nn.Module, count: int) -> dict[str, float]:
    """The scores on the first `count` held-out clips."""
    network, random = read_network("clip", CLIP), np.random.default_rng(0)
    clean = [draw_clip(held_out(i), 1).frames[0] for i in range(count)]

    def scored(frames: Sequence[Image]) -> Tensor:
        scores: Tensor = head(_features(network, frames))
        return scores

    as_drawn = scored(clean)
    half, worst = (
        torch.stack([scored([damage(frame, grade, random) for frame in clean]) for damage in DAMAGES.values()])
        for grade in (0.5, 1.0)
    )  # [kinds, count]
    above = (as_drawn[None, :, None] > worst[:, None]).float().mean(dim=(1, 2))
    return {
        "clean": float(as_drawn.mean()),
        "damaged": float(worst.mean()),
        **dict(zip(DAMAGES, above.tolist(), strict=True)),
        "half": float((as_drawn > half).float().mean()),
        "kept": float((as_drawn >= 5).float().mean()),
        "dropped": float((worst < 5).float().mean()),
    }


def _shown(seeds: Sequence[int], random: Random) -> tuple[list[Image], list[float]]:
    """A frame of each clip, as it is and under each damage in a grade; and the grades."""
    frames: list[Image] = []
    grades: list[float] = []
    for seed in seeds:
        frame = draw_clip(seed, 1).frames[0]
        frames.append(frame)
        grades.append(0.0)
        for damage in DAMAGES.values():
            grades.append(float(random.random()))
            frames.append(damage(frame, grades[-1], random))
    return frames, grades


def _features(network: nn.Module, frames: Sequence[Image]) -> Tensor:
    """[N, C] of length 1."""
    images = torch.from_numpy(np.stack(frames))
    parts = [clip.image_features(network, clip.preprocess(some)) for some in images.split(FRAMES_AT_ONCE)]
    return aesthetic.unit_length(torch.cat(parts))


def _levels(frame: np.ndarray) -> Image:
    return frame.clip(0, 255).round().astype(np.uint8)
