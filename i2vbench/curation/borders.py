"""Bars around the picture: letterbox and pillarbox, in black, another single colour, or a blurred copy of the picture.

A line of pixels belongs to a bar if nearly all of it has the bar's colour in every frame. The bar must end as a bar
does: at one line, after which most of the picture differs from it; or at the same distance on both sides, which also
finds it around dark scenes.

What fools it: a scene of which the same straight, even part lies along an edge in all frames (a white wall up to a
table's edge, a black stage) is a bar, if it is black or has a counterpart. Bars with writing on them are not found, nor
a frame of another shape. All frames being one colour, there is no picture, and no bars. blurred.py says what fools the
search for blurred ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.curation.blurred import blurred_bars
from i2vbench.types import Frames

_TOLERANCE = 14
"""Of 255: how far a pixel of a bar may be from its colour, after compression."""

_MOST_OUTLIERS = 0.02
"""Of a bar's line."""

_SAMPLES = 400
"""Pixels of each line that are looked at, or up to twice as many."""

_LEAST_SHARE = 0.01
"""Of the picture; thinner edges are left over from scaling."""

_EDGE_SHARE = 0.5
"""Of the first lines of the picture, what differs from the bar's colour in some frame."""

_SOFT_SHARE = 0.015
"""Of the picture: lines over which a bar's edge may be spread, and by which two opposite bars may differ."""

_DARK = 40
"""Of 255; bars of other colours are believed only in pairs."""

Pixels = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Borders:
    """How much of the frame is bars, each a share of its height or width from 0 to 1."""

    top: float
    bottom: float
    left: float
    right: float

    @property
    def picture(self) -> float:
        """The share of the frame's area that is picture."""
        return (1 - self.top - self.bottom) * (1 - self.left - self.right)


@dataclass(frozen=True, slots=True)
class _Bar:
    """What may be a bar: how many lines, of which colour, and whether it is dark and ends as bars do."""

    lines: int
    colour: npt.NDArray[Any]
    is_sharp: bool


def letterbox(frames: Frames) -> Borders:
    """The bars that all frames, uint8 [T, H, W, 3], have; frames far apart tell bars from dark scenes."""
    height, width = frames.shape[1:3]
    top, bottom = _pair(frames[:, :, :: max(1, width // _SAMPLES)].astype(np.int16))
    upright = frames[:, top : height - bottom : max(1, height // _SAMPLES)].transpose(0, 2, 1, 3)
    left, right = _pair(upright.astype(np.int16))
    if not left and not right:
        left = right = blurred_bars(frames[:, top : height - bottom])
    if not any((top, bottom, left, right)):
        top = bottom = blurred_bars(frames.transpose(0, 2, 1, 3))
    return Borders(top / height, bottom / height, left / width, right / width)


def inside(frames: Frames, borders: Borders) -> Frames:
    """The frames without their bars."""
    height, width = frames.shape[1:3]
    top, bottom = round(borders.top * height), round(borders.bottom * height)
    left, right = round(borders.left * width), round(borders.right * width)
    return frames[:, top : height - bottom, left : width - right]


def _pair(lines: Pixels) -> tuple[int, int]:
    """How many lines of [T, L, N, 3] are bars, at the first end and at the last."""
    count = lines.shape[1]
    first, last = _bar(lines), _bar(lines[:, ::-1])
    if first.lines + last.lines >= count:  # nothing is left: no picture that could have bars
        return 0, 0
    slack = max(2, round(_SOFT_SHARE * count))
    are_alike = (
        abs(first.lines - last.lines) <= slack
        and min(first.lines, last.lines) >= 2 * _LEAST_SHARE * count
        and np.abs(first.colour - last.colour).max() <= _TOLERANCE
    )
    least = max(2, _LEAST_SHARE * count)
    one, other = (bar.lines if bar.lines >= least and (are_alike or bar.is_sharp) else 0 for bar in (first, last))
    return one, other


def _bar(lines: Pixels) -> _Bar:
    """The lines of one colour from the first one on."""
    count = lines.shape[1]
    colour = np.median(lines[:, :2].reshape(-1, 3), axis=0)
    differs = (np.abs(lines - colour.astype(np.int16)) > _TOLERANCE).any(axis=3)  # [T, L, N]
    is_filled = (differs.mean(axis=2) <= _MOST_OUTLIERS).all(axis=0)  # [L]
    length = count if is_filled.all() else int(np.argmin(is_filled))
    after = differs[:, length : length + max(2, round(_SOFT_SHARE * count))]
    is_sharp = after.shape[1] > 0 and float(after.any(axis=0).mean(axis=1).max()) >= _EDGE_SHARE
    return _Bar(length, colour, is_sharp and bool(colour.max() <= _DARK))
