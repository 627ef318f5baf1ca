"""Clips of the synthetic world: planned by a seed, drawn at any size, length and rate, with the truth about them.

World coordinates: the shorter side of what the camera sees at first is 2, its middle is 0, y points down. Frame i shows
the time i / fps. A thing keeps its place and shape by an affine map, and so does the scene, so every flow is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from i2vbench.datasets.synthetic.scenes import paint_scene
from i2vbench.datasets.synthetic.things import paint_thing
from i2vbench.datasets.synthetic.words import (
    CAMERAS,
    COLOURS,
    KINDS,
    MOTIONS,
    SCENES,
    SIZES,
    TEXTURES,
    Thing,
    category_of,
    clip_caption,
    picture_caption,
)
from i2vbench.types import Frames, Video

Floats = npt.NDArray[np.floating[Any]]

HELD_OUT = 1_000_000
"""Seeds from here on are for looking at what was learned; whatever is trained uses those below."""

_PLANE = 1.6
"""The scene is so much larger than what is seen of it at first."""

_MOST_PAN, _MOST_ZOOM = 0.9, 1.45
_MOST_TRAVEL, _MOST_GROWTH, _MOST_TURN = 1.5, 2.0, 2.6
_WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_HOW_MANY = (1, 1, 1, 2, 2, 3)


def held_out(index: int) -> int:
    """The seed of the held-out clip of this number."""
    return HELD_OUT + index


@dataclass(frozen=True, slots=True)
class Plan:
    """What a clip shows, before it has a size; `dataclasses.replace` changes one word and leaves the rest.

    Attributes:
        seed: Of every number that no word decides.
        things: The nearest first.
        scene: One of `SCENES`.
        camera: One of `CAMERAS`.
    """

    seed: int
    things: tuple[Thing, ...]
    scene: str
    camera: str

    @property
    def caption(self) -> str:
        """What happens."""
        return clip_caption(self.things, self.scene, self.camera)


def plan_clip(seed: int) -> Plan:
    """The plan that a seed makes.

    Raises:
        ValueError: A negative seed.
    """
    if seed < 0:
        raise ValueError(f"seed: expected a number from 0 on, got {seed}")
    random = np.random.default_rng([seed, 0])
    kinds = random.permutation(KINDS)[: random.choice(_HOW_MANY)]
    things = tuple(
        Thing(str(kind), *(str(random.choice(list(words))) for words in (COLOURS, TEXTURES, SIZES, MOTIONS)))
        for kind in kinds
    )
    # Half of all cameras stand still, else the scene always moves.
    camera = "still" if random.random() < 0.5 else str(random.choice(list(CAMERAS)))
    return Plan(seed, things, str(random.choice(list(SCENES))), camera)


def draw_clip(
    seed: int | Plan, num_frames: int = 16, fps: float = 8.0, height: int = 128, width: int = 128
) -> SyntheticClip:
    """A clip and the truth about it, a function of the arguments alone.

    Args:
        seed: Of `plan_clip`, or a plan.
        num_frames: T, at least 1.
        fps: Frames per second.
        height: H in pixels.
        width: W in pixels.

    Raises:
        ValueError: A size, length or rate that is not positive.
    """
    if min(num_frames, height, width) < 1 or not fps > 0:
        raise ValueError(f"a clip of {num_frames} frames at {fps:g} fps, {height} x {width}: expected positive numbers")
    return SyntheticClip(plan_clip(seed) if isinstance(seed, int) else seed, num_frames, fps, height, width)


class SyntheticClip:
    """A drawn clip.

    Attributes:
        plan: What it shows.
        fps: Frames per second.
        frames: uint8 RGB [T, H, W, 3].
        layers: uint8 [T, H, W], what is seen of a pixel: 0 the scene, k `things[k - 1]`.
    """

    def __init__(self, plan: Plan, num_frames: int, fps: float, height: int, width: int) -> None:
        self.plan, self.fps = plan, fps
        self._size = height, width
        # A frame is a map from the world to its pixels, [T, 2, 3]; a thing's is one from its own square to the world.
        seconds, last = np.arange(num_frames) / fps, (num_frames - 1) / fps
        self._camera = _camera_maps(plan, seconds, last, height, width)
        self._things = [_thing_maps(plan, index, seconds, last, width / min(height, width)) for index in _range(plan)]
        self.frames, self.layers = self._draw()

    @property
    def things(self) -> tuple[Thing, ...]:
        """The nearest first."""
        return self.plan.things

    @property
    def scene(self) -> str:
        return self.plan.scene

    @property
    def camera(self) -> str:
        return self.plan.camera

    @property
    def category(self) -> str:
        """The benchmark's category of the nearest thing."""
        return category_of(self.things[0].kind)

    @property
    def caption(self) -> str:
        """What happens."""
        return self.plan.caption

    @property
    def picture_caption(self) -> str:
        """What a single frame shows."""
        return picture_caption(self.things, self.scene)

    @property
    def video(self) -> Video:
        return Video(self.frames, self.fps)

    @cached_property
    def boxes(self) -> npt.NDArray[np.float32]:
        """Around what is seen of each thing, float32 [N, T, 4]: x1, y1, x2, y2 in pixels; NaN where nothing is."""
        boxes = np.full((len(self.things), len(self.frames), 4), np.nan, np.float32)
        for k, frame in np.ndindex(boxes.shape[:2]):
            rows, columns = np.nonzero(self.layers[frame] == k + 1)
            if len(rows):
                boxes[k, frame] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        return boxes

    def flow(self, first: int, second: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Where the points of one frame are in another.

        Returns:
            float32 [H, W, 2], x before y, in pixels; and bool [H, W], whether the point is seen in the second frame:
            inside of it, and nothing nearer before it.
        """
        height, width = self._size
        y, x = np.mgrid[0:height, 0:width] + 0.5
        points = np.stack((x, y, np.ones_like(x)), axis=-1)  # [H, W, 3]
        layer = self.layers[first]
        moved = np.empty((height, width, 2))
        for k in range(len(self.things) + 1):
            seen = layer == k
            change = self._whole(second, k) @ np.linalg.inv(self._whole(first, k))
            moved[seen] = points[seen] @ change[:2].T
        inside = ((moved >= 0) & (moved < (width, height))).all(axis=-1)
        column, row = (moved.clip(0, np.array([width, height]) - 1e-6)).astype(int).transpose(2, 0, 1)
        visible = inside & (self.layers[second][row, column] == layer)
        return (moved - points[..., :2]).astype(np.float32), visible

    def _whole(self, frame: int, layer: int) -> Floats:
        """The map of a layer to a frame's pixels, [3, 3]."""
        camera = _square(self._camera[frame])
        return camera if layer == 0 else camera @ _square(self._things[layer - 1][frame])

    def _draw(self) -> tuple[Frames, npt.NDArray[np.uint8]]:
        height, width = self._size
        plan, short = self.plan, min(height, width)
        plane = paint_scene(
            plan.scene, math.ceil(_PLANE * height), math.ceil(_PLANE * width), np.random.default_rng([plan.seed, 1])
        )
        # From the plane's pixels to the world.
        to_world = np.array(
            [[2 / short, 0, -_PLANE * width / short], [0, 2 / short, -_PLANE * height / short], [0, 0, 1]]
        )
        scene = Pillow.fromarray(plane)
        sprites = [self._sprite(index) for index in _range(plan)]
        frames = np.empty((len(self._camera), height, width, 3), np.uint8)
        layers = np.zeros(frames.shape[:3], np.uint8)
        for i in range(len(frames)):
            picture = _warp(scene, np.linalg.inv(self._whole(i, 0) @ to_world), (width, height))
            for k in range(len(plan.things), 0, -1):  # the farthest first
                side = sprites[k - 1].width
                to_square = np.array([[2 / side, 0, -1], [0, 2 / side, -1], [0, 0, 1]])
                thing = _warp(sprites[k - 1], np.linalg.inv(self._whole(i, k) @ to_square), (width, height))
                cover = thing.getchannel("A")
                picture.paste(thing.convert("RGB"), (0, 0), cover)
                layers[i][np.asarray(cover) > 127] = k
            frames[i] = np.asarray(picture)
        return frames, layers

    def _sprite(self, index: int) -> Pillow.Image:
        """A thing's picture, as large as it comes to be in the clip."""
        thing = self.things[index]
        scales = [np.sqrt(np.abs(np.linalg.det(maps[..., :2]))) for maps in (self._camera, self._things[index])]
        largest = float((scales[0] * scales[1]).max())
        side = min(512, max(24, math.ceil(2 * largest)))
        random = np.random.default_rng([self.plan.seed, 2, index])
        return Pillow.fromarray(paint_thing(thing.kind, thing.colour, thing.texture, side, random))


def _range(plan: Plan) -> range:
    return range(len(plan.things))


def _camera_maps(plan: Plan, seconds: Floats, last: float, height: int, width: int) -> Floats:
    """From the world to each frame's pixels, [T, 2, 3]."""
    random = np.random.default_rng([plan.seed, 3])
    pan, zoom = random.uniform(0.25, 0.6), random.uniform(0.12, 0.3)  # a second
    centre, scale = np.zeros((len(seconds), 2)), np.ones(len(seconds))
    if plan.camera in _WAYS:
        way = min(pan, _MOST_PAN / last) if last else pan
        centre = np.outer((seconds - last / 2) * way, _WAYS[plan.camera])
    elif plan.camera in ("in", "out"):
        rate = min(zoom, math.log(_MOST_ZOOM) / last) if last else zoom
        scale = np.exp(rate * (seconds if plan.camera == "in" else last - seconds))
    half = min(height, width) / 2
    maps = np.zeros((len(seconds), 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = half * scale
    maps[:, :, 2] = np.array([width, height]) / 2 - half * scale[:, None] * centre
    return maps


def _thing_maps(plan: Plan, index: int, seconds: Floats, last: float, aspect: float) -> Floats:
    """From a thing's square [-1, 1] x [-1, 1] to the world, at each time, [T, 2, 3]."""
    random = np.random.default_rng([plan.seed, 4, index])
    thing = plan.things[index]
    size = random.uniform(*SIZES[thing.size])
    speed, growth, turn = random.uniform(0.4, 1.3), random.uniform(0.2, 0.5), random.uniform(0.6, 1.4)  # a second
    mirrored = random.random() < 0.5
    # Beside each other, in any order: slots from left to right.
    slots = np.random.default_rng([plan.seed, 5]).permutation(len(plan.things))
    share = (slots[index] + random.uniform(0.3, 0.7)) / len(plan.things)
    middle = np.array([aspect * 1.3 * (2 * share - 1), random.uniform(-0.3, 0.5)])
    since = seconds - last / 2
    place: Floats = np.tile(middle, (len(seconds), 1))
    scale: Floats = np.full(len(seconds), size)
    angle: Floats = np.zeros(len(seconds))
    if thing.motion in _WAYS:
        way = min(speed, _MOST_TRAVEL / last) if last else speed
        place = middle + np.outer(since * way, _WAYS[thing.motion])
        mirrored = {"left": True, "right": False}.get(thing.motion, mirrored)
    elif thing.motion in ("grows", "shrinks"):
        rate = min(growth, math.log(_MOST_GROWTH) / last) if last else growth
        scale = size * np.exp((rate if thing.motion == "grows" else -rate) * since)
    elif thing.motion == "turns":
        angle = since * (min(turn, _MOST_TURN / last) if last else turn) * (-1 if mirrored else 1)
    side = -1 if mirrored else 1
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.stack(
        (np.stack((side * cos, -sin, place[:, 0]), axis=1), np.stack((side * sin, cos, place[:, 1]), axis=1)), axis=1
    )


def _square(affine: Floats) -> Floats:
    """[2, 3] -> [3, 3]."""
    return np.vstack((affine, (0, 0, 1)))


def _warp(picture: Pillow.Image, from_output: Floats, size: tuple[int, int]) -> Pillow.Image:
    """The picture under the map [3, 3] from the output's pixels to its own."""
    data: Sequence[float] = from_output[:2].ravel().tolist()
    return picture.transform(size, Pillow.Transform.AFFINE, data, Pillow.Resampling.BILINEAR)
