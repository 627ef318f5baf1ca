"""The networks of the tiny profile, and how each was trained: `i2vbench train-tiny`."""

from __future__ import annotations

RECIPES: dict[str, str] = {}
"""Module and class of every recipe, by name, in the order in which `train-tiny all` trains them."""
