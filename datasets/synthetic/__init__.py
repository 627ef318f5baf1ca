"""A procedural world of captioned clips with ground truth: what small networks are trained on, and metrics tested with.

words.py    its words and sentences, by the benchmark's categories
things.py   silhouettes, painted
scenes.py   places
clip.py     a seed -> a plan -> frames, masks, boxes and exact flow
"""

from i2vbench.datasets.synthetic.clip import Plan, SyntheticClip, draw_clip, held_out, plan_clip
from i2vbench.datasets.synthetic.words import (
    CAMERAS,
    CATEGORIES,
    COLOURS,
    KINDS,
    MOTIONS,
    SCENES,
    SIZES,
    TEXTURES,
    Thing,
    category_of,
)

__all__ = [
    "CAMERAS",
    "CATEGORIES",
    "COLOURS",
    "KINDS",
    "MOTIONS",
    "SCENES",
    "SIZES",
    "TEXTURES",
    "Plan",
    "SyntheticClip",
    "Thing",
    "category_of",
    "draw_clip",
    "held_out",
    "plan_clip",
]
