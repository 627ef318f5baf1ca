"""Scenes: named places as one large picture, over which the camera moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from i2vbench.datasets.synthetic.noise import smooth_noise

Canvas = npt.NDArray[np.floating[Any]]
"""RGB [H, W, 3] in 0..255, not rounded."""


def paint_scene(scene: str, height: int, width: int, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A place, uint8 RGB [height, width, 3], everything in it drawn from `random`."""
    canvas = _PAINTERS[scene](height, width, random)
    canvas = canvas * random.uniform(0.88, 1.08) + random.uniform(-6, 6, 3)  # its light
    return canvas.clip(0, 255).round().astype(np.uint8)


def _flat(height: int, width: int, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Canvas:
    """From one colour down to another."""
    mix = np.linspace(0, 1, height)[:, None, None]
    return np.broadcast_to((1 - mix) * np.array(top) + mix * np.array(bottom), (height, width, 3)).copy()


def _grain(canvas: Canvas, cells: int, strength: float, random: np.random.Generator, stretch: float = 1.0) -> Canvas:
    """The same with noise in its brightness."""
    noise = smooth_noise((canvas.shape[0], canvas.shape[1]), cells, random, stretch=stretch)
    grained: Canvas = canvas * (1 + strength * noise)[..., None]
    return grained


def _sky(height: int, width: int, random: np.random.Generator) -> Canvas:
    sky = _flat(height, width, (96, 156, 226), (196, 222, 244))
    clouds = (smooth_noise((height, width), 4, random, stretch=2.5) - 0.15).clip(0, 0.7)[..., None]
    return sky + clouds * (250 - sky)


def _below(canvas: Canvas, ground: Canvas, horizon: npt.NDArray[np.floating[Any]]) -> Canvas:
    """The ground below a line, [W] in pixels from above, its edge soft."""
    rows = np.arange(canvas.shape[0])[:, None]
    cover = (rows - horizon[None] + 0.5).clip(0, 1)[..., None]
    mixed: Canvas = canvas * (1 - cover) + ground * cover
    return mixed


def _line(height: int, width: int, share: float, rough: float, random: np.random.Generator, cells: int = 4) -> Canvas:
    """A horizon, [W]: at a share of the height, and so rough."""
    noise = smooth_noise((2, width), 2, random, stretch=width / 2 / cells / 2)[0] if rough else np.zeros(width)
    return height * (share + rough * noise)


def _drawn(canvas: Canvas, draw: Callable[[ImageDraw.ImageDraw], None]) -> Canvas:
    """The same with what is drawn over it."""
    picture = Pillow.fromarray(canvas.clip(0, 255).astype(np.uint8))
    draw(ImageDraw.Draw(picture))
    return np.asarray(picture, np.float64)


def _tone(colour: tuple[int, int, int], random: np.random.Generator, spread: float = 0.2) -> tuple[int, int, int]:
    factor = random.uniform(1 - spread, 1 + spread)
    red, green, blue = (round(min(255, factor * part)) for part in colour)
    return red, green, blue


def _beach(height: int, width: int, random: np.random.Generator) -> Canvas:
    sea = _grain(_flat(height, width, (28, 96, 156), (64, 176, 188)), 10, 0.18, random, stretch=6)
    sand = _grain(_flat(height, width, (226, 200, 148), (240, 216, 166)), 40, 0.08, random)
    scene = _below(_sky(height, width, random), sea, _line(height, width, 0.36, 0, random))
    shore = _line(height, width, 0.6, 0.02, random)
    scene = _below(scene, np.full_like(scene, 244), shore - 0.012 * height)
    return _below(scene, sand, shore)


def _forest(height: int, width: int, random: np.random.Generator) -> Canvas:
    leaves = _grain(_flat(height, width, (36, 84, 36), (64, 104, 44)), 14, 0.45, random)
    floor = _grain(_flat(height, width, (86, 70, 40), (60, 50, 28)), 26, 0.3, random)

    def trunks(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(22):
            x, thick = random.uniform(0, width), height * random.uniform(0.008, 0.03)
            foot = height * random.uniform(0.7, 0.86)
            pen.rectangle([x, 0, x + thick, foot], fill=_tone((74, 54, 36), random, 0.35))

    return _drawn(_below(leaves, floor, _line(height, width, 0.76, 0.02, random)), trunks)


def _city(height: int, width: int, random: np.random.Generator) -> Canvas:
    ground = _grain(_flat(height, width, (120, 120, 122), (92, 92, 96)), 30, 0.06, random)

    def houses(pen: ImageDraw.ImageDraw) -> None:
        foot = 0.78 * height
        x = -0.05 * width
        while x < width:
            wide, top = height * random.uniform(0.12, 0.24), height * random.uniform(0.08, 0.42)
            pen.rectangle([x, top, x + wide, foot], fill=_tone((132, 124, 126), random, 0.35))
            cell, lit = height * random.uniform(0.034, 0.046), _tone((226, 216, 160), random)
            for row in np.arange(top + cell, foot - cell, 1.5 * cell):
                for column in np.arange(x + 0.6 * cell, x + wide - cell, 1.5 * cell):
                    fill = lit if random.random() < 0.6 else (52, 60, 76)
                    pen.rectangle([column, row, column + 0.8 * cell, row + cell], fill=fill)
            x += wide * random.uniform(1.0, 1.1)

    scene = _below(_sky(height, width, random), ground, _line(height, width, 0.78, 0, random))
    return _drawn(scene, houses)


def _desert(height: int, width: int, random: np.random.Generator) -> Canvas:
    scene = _flat(height, width, (240, 190, 120), (250, 226, 176))
    for share, colour in ((0.45, (214, 148, 84)), (0.58, (226, 164, 92)), (0.74, (206, 140, 70))):
        dune = _grain(_flat(height, width, colour, colour), 18, 0.1, random, stretch=5)
        scene = _below(scene, dune, _line(height, width, share, 0.06, random, 3))
    return scene


def _snow(height: int, width: int, random: np.random.Generator) -> Canvas:
    scene = _flat(height, width, (150, 170, 196), (206, 216, 228))
    scene = _below(scene, _grain(np.full_like(scene, 236), 12, 0.05, random), _line(height, width, 0.55, 0.04, random))

    def pines(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(14):
            x, foot, tall = (
                random.uniform(0, width),
                height * random.uniform(0.55, 0.68),
                height * random.uniform(0.1, 0.22),
            )
            pen.polygon(
                [(x - 0.3 * tall, foot), (x, foot - tall), (x + 0.3 * tall, foot)], fill=_tone((72, 96, 92), random)
            )
        for _ in range(240):
            x, y, r = random.uniform(0, width), random.uniform(0, height), height * random.uniform(0.003, 0.007)
            pen.ellipse([x - r, y - r, x + r, y + r], fill=(252, 252, 252))

    return _drawn(scene, pines)


def _field(height: int, width: int, random: np.random.Generator) -> Canvas:
    grass = _grain(_flat(height, width, (132, 178, 72), (74, 132, 44)), 50, 0.22, random)
    rows = 1 + 0.08 * np.sign(np.sin(np.linspace(0, 7, height) ** 2 * 3))[:, None, None]
    return _below(_sky(height, width, random), grass * rows, _line(height, width, 0.46, 0.015, random))


def _room(height: int, width: int, random: np.random.Generator) -> Canvas:
    wall = _flat(height, width, _tone((206, 186, 160), random), _tone((196, 174, 150), random, 0.08))
    stripes = 1 + 0.04 * np.sign(np.sin(np.arange(width) / height * random.uniform(30, 50)))[None, :, None]
    boards = _flat(height, width, (140, 96, 60), (112, 74, 44))
    boards *= 1 - 0.35 * ((np.arange(width) / height * 9 % 1) < 0.08)[None, :, None]
    scene = _below(wall * stripes, _grain(boards, 20, 0.1, random), _line(height, width, 0.72, 0, random))

    def window(pen: ImageDraw.ImageDraw) -> None:
        pen.rectangle([0, 0.7 * height, width, 0.725 * height], fill=(236, 228, 214))
        for x in (random.uniform(0.08, 0.3) * width, random.uniform(0.55, 0.75) * width):
            y, wide, high = 0.14 * height, 0.26 * height, 0.34 * height
            pen.rectangle([x, y, x + wide, y + high], fill=(244, 240, 232))
            for column in (0, 1):
                for row in (0, 1):
                    left, top = x + (0.06 + 0.48 * column) * wide, y + (0.05 + 0.48 * row) * high
                    pen.rectangle([left, top, left + 0.4 * wide, top + 0.42 * high], fill=(164, 204, 232))

    return _drawn(scene, window)


def _road(height: int, width: int, random: np.random.Generator) -> Canvas:
    grass = _grain(_flat(height, width, (126, 166, 88), (92, 140, 62)), 36, 0.2, random)
    scene = _below(_sky(height, width, random), grass, _line(height, width, 0.42, 0.01, random))
    asphalt = _grain(_flat(height, width, (96, 96, 100), (72, 72, 78)), 50, 0.1, random)
    scene = _below(scene, asphalt, _line(height, width, 0.56, 0, random))
    scene = _below(scene, grass, _line(height, width, 0.88, 0, random))

    def marks(pen: ImageDraw.ImageDraw) -> None:
        for x in np.arange(random.uniform(-0.1, 0), width, 0.24 * height):
            pen.rectangle([x, 0.71 * height, x + 0.12 * height, 0.73 * height], fill=(236, 232, 214))
        for y in (0.57, 0.865):
            pen.rectangle([0, y * height, width, (y + 0.01) * height], fill=(226, 222, 206))

    return _drawn(scene, marks)


def _mountain(height: int, width: int, random: np.random.Generator) -> Canvas:
    def peaks(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(6):
            x, tall, wide = (
                random.uniform(0, width),
                height * random.uniform(0.3, 0.55),
                height * random.uniform(0.3, 0.5),
            )
            foot = 0.72 * height
            tone = _tone((112, 108, 122), random)
            top = foot - tall
            pen.polygon([(x - wide, foot), (x, top), (x + wide, foot)], fill=tone)
            pen.polygon([(x, top), (x + wide, foot), (x + 0.2 * wide, foot)], fill=_tone(tone, random, 0.05))
            edge = foot - 0.75 * tall
            cap = [(x, top), (x + 0.25 * wide, edge), (x, foot - 0.68 * tall), (x - 0.25 * wide, edge)]
            pen.polygon(cap, fill=(242, 244, 248))

    scene = _grain(_drawn(_sky(height, width, random), peaks), 30, 0.08, random)
    meadow = _grain(_flat(height, width, (92, 128, 84), (70, 108, 60)), 24, 0.2, random)
    return _below(scene, meadow, _line(height, width, 0.72, 0.03, random))


def _space(height: int, width: int, random: np.random.Generator) -> Canvas:
    scene = np.full((height, width, 3), 10.0)
    for colour in ((70, 20, 90), (16, 40, 96), (90, 30, 40)):
        scene += smooth_noise((height, width), 3, random).clip(0, 1)[..., None] * np.array(colour)

    def stars(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(420):
            x, y, r = random.uniform(0, width), random.uniform(0, height), height * random.uniform(0.001, 0.006)
            pen.ellipse([x - r, y - r, x + r, y + r], fill=_tone((228, 228, 255), random))

    return _drawn(scene, stars)


def _sea(height: int, width: int, random: np.random.Generator) -> Canvas:
    water = _grain(_flat(height, width, (24, 92, 136), (10, 48, 96)), 14, 0.35, random, stretch=5)
    foam = (smooth_noise((height, width), 22, random, stretch=5) - 0.6).clip(0, 0.5)[..., None]
    scene = _below(_sky(height, width, random), water + foam * (240 - water), _line(height, width, 0.3, 0, random))
    return scene


def _garden(height: int, width: int, random: np.random.Generator) -> Canvas:
    hedge = _grain(_flat(height, width, (50, 110, 50), (36, 88, 40)), 30, 0.35, random)
    lawn = _grain(_flat(height, width, (116, 176, 76), (96, 156, 60)), 44, 0.16, random)
    scene = _below(_sky(height, width, random), hedge, _line(height, width, 0.3, 0.015, random, 10))
    scene = _below(scene, lawn, _line(height, width, 0.52, 0, random))

    def flowers(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(160):
            x, y = random.uniform(0, width), height * random.uniform(0.5, 1)
            r = height * random.uniform(0.006, 0.014)
            colour = ((228, 70, 90), (244, 208, 70), (240, 240, 240), (186, 96, 206))[random.integers(4)]
            pen.ellipse([x - r, y - r, x + r, y + r], fill=_tone(colour, random))

    return _drawn(scene, flowers)


_PAINTERS: Mapping[str, Callable[[int, int, np.random.Generator], Canvas]] = {
    "beach": _beach, "forest": _forest, "city": _city, "desert": _desert, "snow": _snow, "field": _field,
    "room": _room, "road": _road, "mountain": _mountain, "space": _space, "sea": _sea, "garden": _garden,
}  # fmt: skip
