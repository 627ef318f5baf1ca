"""Things: silhouettes of named kinds, painted in a colour and a texture, as pictures with transparency."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from i2vbench.datasets.synthetic.noise import smooth_noise
from i2vbench.datasets.synthetic.words import COLOURS

_SUPERSAMPLING = 3

Paint = Literal["body", "shade", "light", "dark"]
"""body: the thing's colour and texture; shade: a darker tone of it; light and dark: nearly white and nearly black."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Of a centre and two half axes, in [-1, 1] x [-1, 1], y downwards."""

    x: float
    y: float
    rx: float
    ry: float
    paint: Paint = "body"


@dataclass(frozen=True, slots=True)
class Polygon:
    """Of its corners."""

    points: Sequence[Point]
    paint: Paint = "body"


Part = Ellipse | Polygon


def _box(x0: float, y0: float, x1: float, y1: float, paint: Paint = "body") -> Polygon:
    return Polygon(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), paint)


def _ring(count: int, radius: float, start: float = -0.25) -> list[Point]:
    """Points on a circle, the first one at `start` turns."""
    turns = [2 * math.pi * (start + i / count) for i in range(count)]
    return [(radius * math.cos(turn), radius * math.sin(turn)) for turn in turns]


def _star() -> list[Point]:
    outer, inner = _ring(5, 1.0), _ring(5, 0.42, -0.15)
    return [point for pair in zip(outer, inner, strict=True) for point in pair]


def _crescent() -> list[Point]:
    """A disc without the disc that lies over its right side."""
    outer = [(x, y) for x, y in _ring(60, 0.96, 0) if math.hypot(x - 0.5, y + 0.05) > 0.72]
    inner = [(0.5 + x, y - 0.05) for x, y in _ring(60, 0.72, 0) if math.hypot(0.5 + x, y - 0.05) < 0.96]
    return outer + inner[::-1]


PARTS: Mapping[str, Sequence[Part]] = {
    "face": (
        Ellipse(0, 0, 0.8, 0.98), Ellipse(-0.32, -0.22, 0.14, 0.1, "light"), Ellipse(0.32, -0.22, 0.14, 0.1, "light"),
        Ellipse(-0.3, -0.22, 0.07, 0.08, "dark"), Ellipse(0.34, -0.22, 0.07, 0.08, "dark"),
        Polygon(((0, -0.1), (0.12, 0.25), (-0.08, 0.25)), "shade"), Ellipse(0, 0.55, 0.32, 0.1, "dark"),
    ),
    "star": (Polygon(_star()),),
    "tree": (
        _box(-0.14, 0.3, 0.14, 1, "dark"), Ellipse(-0.38, 0.05, 0.5, 0.45), Ellipse(0.38, 0.05, 0.5, 0.45),
        Ellipse(0, -0.42, 0.55, 0.55),
    ),
    "drum": (
        _box(-0.85, -0.45, 0.85, 0.6), Ellipse(0, 0.6, 0.85, 0.3), Ellipse(0, -0.45, 0.85, 0.32, "light"),
        Polygon(((-0.9, -1), (-0.78, -1), (0.1, -0.4), (0, -0.36)), "dark"),
        Polygon(((0.9, -1), (0.78, -1), (0, -0.4), (0.1, -0.36)), "dark"),
    ),
    "cat": (
        Polygon(((-0.95, 0.3), (-0.98, -0.45), (-0.84, -0.45), (-0.75, 0.35))), Ellipse(-0.1, 0.4, 0.72, 0.45),
        _box(-0.6, 0.6, -0.4, 1), _box(0.3, 0.6, 0.5, 1), Ellipse(0.5, -0.2, 0.42, 0.4),
        Polygon(((0.1, -0.35), (0.14, -0.92), (0.45, -0.52))), Polygon(((0.55, -0.52), (0.86, -0.92), (0.9, -0.35))),
        Ellipse(0.38, -0.25, 0.07, 0.1, "dark"), Ellipse(0.66, -0.25, 0.07, 0.1, "dark"),
        Ellipse(0.53, -0.04, 0.07, 0.05, "light"),
    ),
    "dog": (
        Polygon(((-0.98, -0.3), (-0.85, -0.35), (-0.6, 0.1), (-0.75, 0.25))), Ellipse(-0.15, 0.2, 0.65, 0.3),
        _box(-0.7, 0.3, -0.5, 0.98), _box(-0.45, 0.3, -0.28, 0.98), _box(0.15, 0.3, 0.32, 0.98),
        _box(0.4, 0.3, 0.58, 0.98),
        Ellipse(0.5, -0.3, 0.34, 0.32), _box(0.5, -0.3, 0.96, -0.05), Ellipse(0.92, -0.24, 0.08, 0.08, "dark"),
        Ellipse(0.28, -0.2, 0.14, 0.34, "shade"), Ellipse(0.58, -0.4, 0.06, 0.06, "dark"),
    ),
    "box": (
        Polygon(((-0.95, -0.35), (-0.35, -0.85), (0.95, -0.85), (0.4, -0.35)), "light"),
        Polygon(((0.4, -0.35), (0.95, -0.85), (0.95, 0.4), (0.4, 0.9)), "shade"), _box(-0.95, -0.35, 0.4, 0.9),
    ),
    "apple": (
        Ellipse(-0.3, 0.15, 0.6, 0.75), Ellipse(0.3, 0.15, 0.6, 0.75),
        Polygon(((-0.05, -0.5), (0.05, -0.5), (0.16, -0.98), (0.04, -0.98)), "dark"),
        Polygon(((0.1, -0.65), (0.5, -0.95), (0.65, -0.65), (0.3, -0.5)), "shade"),
    ),
    "fish": (
        Polygon(((-0.5, 0), (-1, -0.55), (-0.85, 0), (-1, 0.55)), "shade"), Ellipse(0.15, 0, 0.82, 0.5),
        Polygon(((-0.1, -0.4), (0.25, -0.85), (0.4, -0.38)), "shade"), Ellipse(0.62, -0.12, 0.12, 0.12, "light"),
        Ellipse(0.65, -0.12, 0.06, 0.06, "dark"),
    ),
    "bird": (
        Polygon(((-0.5, 0.15), (-1, 0.3), (-0.95, -0.05)), "shade"), Ellipse(-0.05, 0.2, 0.6, 0.38),
        Ellipse(0.5, -0.15, 0.3, 0.28), Polygon(((0.75, -0.25), (1, -0.1), (0.75, 0)), "light"),
        Ellipse(0.55, -0.22, 0.06, 0.06, "dark"), Polygon(((-0.35, 0.1), (-0.55, -0.85), (0.25, 0.05)), "shade"),
        _box(-0.15, 0.5, -0.08, 0.9, "dark"), _box(0.08, 0.5, 0.15, 0.9, "dark"),
    ),
    "rocket": (
        Polygon(((-0.35, 0.4), (-0.75, 0.85), (-0.3, 0.75)), "shade"),
        Polygon(((0.35, 0.4), (0.75, 0.85), (0.3, 0.75)), "shade"),
        Polygon(((-0.15, 0.75), (0, 1), (0.15, 0.75)), "light"), _box(-0.38, -0.3, 0.38, 0.75),
        Polygon(((-0.38, -0.3), (0, -1), (0.38, -0.3)), "shade"), Ellipse(0, 0, 0.18, 0.18, "light"),
    ),
    "truck": (
        _box(-1, -0.6, 0.3, 0.4), Polygon(((0.35, -0.25), (0.75, -0.25), (1, 0.1), (1, 0.4), (0.35, 0.4)), "shade"),
        Polygon(((0.5, -0.15), (0.72, -0.15), (0.86, 0.08), (0.5, 0.08)), "light"), _box(-1, 0.36, 1, 0.48, "dark"),
        Ellipse(-0.6, 0.5, 0.22, 0.22, "dark"), Ellipse(0.65, 0.5, 0.22, 0.22, "dark"),
    ),
    "moon": (
        Polygon(_crescent()), Ellipse(-0.62, -0.2, 0.12, 0.12, "shade"), Ellipse(-0.4, 0.42, 0.14, 0.14, "shade"),
    ),
    "flower": (
        _box(-0.06, 0.1, 0.06, 1, "dark"), *(Ellipse(0.42 * x, 0.42 * y - 0.35, 0.3, 0.3) for x, y in _ring(6, 1.0)),
        Ellipse(0, -0.35, 0.22, 0.22, "light"),
    ),
    "ball": (Ellipse(0, 0, 0.95, 0.95), Ellipse(-0.32, -0.36, 0.2, 0.15, "light")),
    "cup": (
        Ellipse(0.62, 0.05, 0.34, 0.36), Ellipse(0.6, 0.05, 0.17, 0.2, "dark"),
        Polygon(((-0.75, -0.6), (0.55, -0.6), (0.4, 0.85), (-0.6, 0.85))), Ellipse(-0.1, -0.6, 0.65, 0.18, "light"),
        Ellipse(-0.1, -0.57, 0.52, 0.12, "dark"),
    ),
    "house": (
        _box(-0.75, -0.2, 0.75, 0.95), Polygon(((-0.98, -0.2), (0, -0.98), (0.98, -0.2)), "shade"),
        _box(-0.15, 0.35, 0.2, 0.95, "dark"), _box(-0.58, 0, -0.28, 0.3, "light"), _box(0.32, 0, 0.62, 0.3, "light"),
    ),
    "car": (
        Polygon(((-0.55, 0), (-0.35, -0.45), (0.3, -0.45), (0.6, 0))), _box(-1, -0.05, 1, 0.38),
        Polygon(((-0.42, -0.04), (-0.28, -0.35), (-0.02, -0.35), (-0.02, -0.04)), "light"),
        Polygon(((0.08, -0.04), (0.08, -0.35), (0.26, -0.35), (0.46, -0.04)), "light"),
        Ellipse(-0.55, 0.38, 0.24, 0.24, "dark"), Ellipse(0.55, 0.38, 0.24, 0.24, "dark"),
    ),
    "boat": (
        Polygon(((-1, 0.35), (1, 0.35), (0.65, 0.9), (-0.7, 0.9))), _box(-0.06, -0.95, 0.06, 0.36, "dark"),
        Polygon(((0.1, -0.95), (0.1, 0.22), (0.85, 0.22)), "light"),
        Polygon(((-0.1, -0.75), (-0.1, 0.22), (-0.6, 0.22)), "shade"),
    ),
    "plane": (
        Polygon(((-0.7, -0.05), (-0.98, -0.55), (-0.78, -0.55), (-0.4, -0.05)), "shade"), Ellipse(0, 0.05, 0.98, 0.2),
        Polygon(((0.25, 0.05), (-0.45, 0.75), (-0.2, 0.75), (0.5, 0.05)), "shade"),
        Polygon(((0.2, -0.05), (-0.25, -0.5), (-0.05, -0.5), (0.4, -0.05)), "shade"),
        Ellipse(0.72, 0, 0.1, 0.07, "light"),
    ),
    "clock": (
        Ellipse(0, 0, 0.97, 0.97), Ellipse(0, 0, 0.72, 0.72, "light"), _box(-0.05, -0.58, 0.05, 0.05, "dark"),
        Polygon(((-0.04, -0.05), (0.42, 0.2), (0.37, 0.3), (-0.05, 0.06)), "dark"), Ellipse(0, 0, 0.09, 0.09, "dark"),
    ),
}  # fmt: skip
"""Of every kind, what is painted first first; it looks to the right."""


def paint_thing(kind: str, colour: str, texture: str, side: int, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A thing as a picture, uint8 RGBA [side, side, 4], its own shade of its colour drawn from `random`."""
    own = np.clip(np.array(COLOURS[colour]) + random.uniform(-14, 14, 3), 0, 255)
    tones: Mapping[Paint, npt.NDArray[np.floating]] = {
        "shade": 0.62 * own, "light": np.array([240.0, 240.0, 232.0]), "dark": np.array([34.0, 30.0, 32.0]),
    }  # fmt: skip
    body = own * (1 + _pattern(texture, side, random)[..., None])
    rgb, alpha = np.zeros((side, side, 3)), np.zeros((side, side, 1))
    for paint, cover in _covers(kind, side):
        tone = body if paint == "body" else tones[paint]
        rgb = rgb * (1 - cover) + tone * cover
        alpha = alpha + cover - alpha * cover
    light = 1.12 - 0.24 * np.linspace(0, 1, side)[:, None, None]  # from above
    # What is seen through the edge is the thing's own colour: divided by its opacity.
    seen = light * rgb / np.maximum(alpha, 1e-3)
    return np.concatenate((seen, 255 * alpha), axis=2).clip(0, 255).round().astype(np.uint8)


def _covers(kind: str, side: int) -> Iterator[tuple[Paint, npt.NDArray[np.floating]]]:
    """How much of each pixel a part covers, [side, side, 1] in 0..1."""
    fine = _SUPERSAMPLING * side
    for part in PARTS[kind]:
        mask = Pillow.new("L", (fine, fine))
        pen = ImageDraw.Draw(mask)
        if isinstance(part, Ellipse):
            corners = [(part.x - part.rx, part.y - part.ry), (part.x + part.rx, part.y + part.ry)]
            pen.ellipse([_pixel(point, fine) for point in corners], fill=255)
        else:
            pen.polygon([_pixel(point, fine) for point in part.points], fill=255)
        shrunk = mask.resize((side, side), Pillow.Resampling.BOX)
        yield part.paint, np.asarray(shrunk, np.float64)[..., None] / 255


def _pixel(point: Point, side: int) -> Point:
    """From [-1, 1] to pixels; a rim stays free, so that edges are soft."""
    return tuple((0.96 * x + 1) / 2 * side for x in point)  # type: ignore[return-value]


def _pattern(texture: str, side: int, random: np.random.Generator) -> npt.NDArray[np.floating]:
    """Relative brightness of a texture, [side, side] around 0."""
    y, x = np.mgrid[0:side, 0:side] / side
    period, phase = random.uniform(0.16, 0.24), random.uniform(0, 1, 2)
    if texture == "spotted":
        u, v = ((x / period + phase[0]) % 1 - 0.5), ((y / period + phase[1]) % 1 - 0.5)
        return np.where(u * u + v * v < 0.1, -0.6, 0.08)
    if texture == "checked":
        return np.where((np.floor(x / period + phase[0]) + np.floor(y / period + phase[1])) % 2 == 0, -0.42, 0.12)
    if texture == "rough":
        return 0.7 * smooth_noise((side, side), 12, random)
    return np.zeros((side, side))
