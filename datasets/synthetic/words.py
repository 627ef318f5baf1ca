"""The words of the synthetic world, and the sentences that are made of them.

Every kind, colour, texture, size and scene is among the first 7,600 of BERT's word pieces, so that small captioners can
write it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KINDS_BY_CATEGORY: Mapping[str, tuple[str, ...]] = {
    "Portrait": ("face",),
    "Animation-Static": ("star",),
    "Scenery-Nature": ("tree",),
    "Music": ("drum",),
    "Pet": ("cat", "dog"),
    "Game": ("box",),
    "Food": ("apple",),
    "Animal": ("fish", "bird"),
    "Animation-Hard": ("rocket",),
    "Industry": ("truck",),
    "Science": ("moon",),
    "Painting": ("flower",),
    "Sports": ("ball",),
    "Others": ("cup",),
    "Scenery-City": ("house",),
    "Vehicle": ("car", "boat", "plane"),
    "Drama": ("clock",),
}
"""The kinds of things by the benchmark's categories (Table 4, in its order)."""

KINDS = tuple(kind for kinds in KINDS_BY_CATEGORY.values() for kind in kinds)
CATEGORIES = tuple(KINDS_BY_CATEGORY)

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (208, 44, 40),
    "blue": (44, 84, 208),
    "green": (48, 152, 60),
    "yellow": (238, 208, 48),
    "orange": (240, 136, 32),
    "pink": (244, 140, 184),
    "purple": (128, 60, 168),
    "brown": (124, 80, 48),
    "white": (236, 236, 236),
}
"""RGB by name; each thing's own is a little off."""

TEXTURES = ("plain", "spotted", "checked", "rough")
SIZES: Mapping[str, tuple[float, float]] = {"small": (0.22, 0.30), "large": (0.42, 0.56)}
"""Half the side of a thing, from and to, in halves of the frame's shorter side."""

SCENES: Mapping[str, str] = {
    "beach": "on a beach",
    "forest": "in a forest",
    "city": "in a city",
    "desert": "in a desert",
    "snow": "in the snow",
    "field": "in a field",
    "room": "in a room",
    "road": "on a road",
    "mountain": "at a mountain",
    "space": "in space",
    "sea": "on the sea",
    "garden": "in a garden",
}
"""Where things are, and how it is said."""

MOTIONS: Mapping[str, str] = {
    "stays": "stays still",
    "left": "moves left",
    "right": "moves right",
    "up": "moves up",
    "down": "moves down",
    "turns": "turns around",
    "grows": "grows",
    "shrinks": "shrinks",
}
"""What things do, and how it is said."""

CAMERAS: Mapping[str, str] = {
    "still": "is still",
    "left": "pans left",
    "right": "pans right",
    "up": "pans up",
    "down": "pans down",
    "in": "zooms in",
    "out": "zooms out",
}
"""What the camera does, and how it is said."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing by its words."""

    kind: str
    colour: str
    texture: str
    size: str
    motion: str

    def __str__(self) -> str:
        return f"a {self.size} {self.texture} {self.colour} {self.kind}"


def picture_caption(things: Sequence[Thing], scene: str) -> str:
    """What is seen in one frame: "a small spotted red ball and a large plain blue car on a beach"."""
    return f"{' and '.join(str(thing) for thing in things)} {SCENES[scene]}"


def clip_caption(things: Sequence[Thing], scene: str, camera: str) -> str:
    """What happens: "a small spotted red ball moves left on a beach, the camera pans right"."""
    said = " and ".join(f"{thing} {MOTIONS[thing.motion]}" for thing in things)
    return f"{said} {SCENES[scene]}, the camera {CAMERAS[camera]}"


def category_of(kind: str) -> str:
    """The benchmark's category of a kind."""
    return next(category for category, kinds in KINDS_BY_CATEGORY.items() if kind in kinds)
