"""Text from models and data sets as a figure can hold it: measured, wrapped, shortened; sizes are in points."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import TextToPath

from i2vbench.figures.style import FONT
from i2vbench.texts import one_line

LACKING = "□"
"""Stands for a letter that the font does not have."""

_ELLIPSIS = "…"
LEADING = 1.25
"""From one line to the next, in font sizes."""


def drawable(text: str) -> str:
    """Text on one line, in letters that the font has."""
    has = _letters()
    return "".join(c if ord(c) in has else LACKING for c in one_line(text))


def lacks_letters(text: str) -> bool:
    """Whether something of a text is drawn as `LACKING`."""
    return any(ord(c) not in _letters() for c in one_line(text))


@functools.cache
def _letters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=FONT))).get_charmap())


@functools.lru_cache(maxsize=10_000)
def width_of(text: str, size: float) -> float:
    """How wide a line is."""
    if not text:
        return 0.0
    font = FontProperties(family=FONT, size=size)
    width: float = TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]
    return width


def wrap(text: str, width: float, size: float) -> list[str]:
    """Lines no wider than `width`; words that are wider by themselves are broken."""
    lines: list[str] = []
    for word in text.split(" "):  # not at spaces that hold words together
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(joined, size) <= width:
            lines[-1] = joined
            continue
        rest = word
        while rest:
            fitting = _fitting(rest, width, size)
            lines.append(rest[:fitting])
            rest = rest[fitting:]
    return lines


def shorten(text: str, width: float, size: float) -> str:
    """The text, or its two ends around an ellipsis: versions and seeds stand at the end of names."""
    if width_of(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        cut = f"{text[: kept - kept // 2]}{_ELLIPSIS}{text[len(text) - kept // 2 :]}"
        if width_of(cut, size) <= width:
            return cut
    return _ELLIPSIS


def labels_for(names: Sequence[str], width: float, size: float) -> list[str]:
    """The names no wider than `width`; those that would read alike are numbered."""
    whole = [drawable(name) for name in names]
    found: list[str] = []
    for name in whole:
        label, number = shorten(name, width, size), 1
        while label in found:
            number += 1
            label = shorten(name, width - width_of(f" #{number}", size), size) + f" #{number}"
        found.append(label)
    return found


def _fitting(word: str, width: float, size: float) -> int:
    """How many letters of a word fit, at least one."""
    return next((n for n in range(len(word), 1, -1) if width_of(word[:n], size) <= width), 1)
