"""Where labels of points stand so that they hide neither each other nor the points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

Point = tuple[float, float]

_REACHES = (4.0, 9.0, 15.0, 22.0, 30.0, 40.0, 52.0)
_DIRECTIONS = 16
_ROUNDS = 8
_STEPS = 8
"""How many places of a line from a point to its label are looked at."""

_OUTSIDE, _OVERLAP, _CROSSED = 50.0, 10.0, 100.0
_Array = npt.NDArray[np.float64]


def place_labels(points: Sequence[Point], sizes: Sequence[tuple[float, float]], bounds: Box, mark: float) -> list[Box]:
    """A box for each point's label: near its point, inside of `bounds`, over as little as can be.

    Each label takes the best of some places around its point while the others stand still, until none moves.

    Args:
        points: In points of the figure.
        sizes: Width and height of each label.
        bounds: Where labels may be.
        mark: Half the size of a point's mark, which labels do not hide.
    """
    marks = np.array([(x - mark, y - mark, x + mark, y + mark) for x, y in points]).reshape(-1, 4)
    choices, lines, fixed = [], [], []
    for i, (point, size) in enumerate(zip(points, sizes, strict=True)):
        boxes, costs = _candidates(point, size)
        outside = size[0] * size[1] - _overlaps(boxes, np.array([bounds]))
        line = _lines(boxes, point)
        choices.append(boxes)
        lines.append(line)
        others = np.delete(marks, i, axis=0)
        hidden = _OVERLAP * _overlaps(boxes, marks) + _CROSSED * _inside(line, others).sum(axis=(1, 2))
        fixed.append(costs + _OUTSIDE * outside + hidden)
    chosen = [int(np.argmin(costs)) for costs in fixed]
    for _ in range(_ROUNDS):
        before = list(chosen)
        for i, boxes in enumerate(choices):
            rest = [j for j in range(len(points)) if j != i]
            others = np.array([choices[j][chosen[j]] for j in rest]).reshape(-1, 4)
            their_lines = np.array([lines[j][chosen[j]] for j in rest]).reshape(1, -1, 2)
            crossed = _inside(lines[i], others).sum(axis=(1, 2)) + _inside(their_lines, boxes).sum(axis=(0, 1))
            chosen[i] = int(np.argmin(fixed[i] + _OVERLAP * _overlaps(boxes, others) + _CROSSED * crossed))
        if chosen == before:
            break
    return [tuple(map(float, boxes[k])) for boxes, k in zip(choices, chosen, strict=True)]  # type: ignore[misc]


def nearest_on(box: Box, point: Point) -> Point:
    """The place of a box that is nearest to a point: where a line from the point to its label ends."""
    left, bottom, right, top = box
    return min(max(point[0], left), right), min(max(point[1], bottom), top)


def _candidates(point: Point, size: tuple[float, float]) -> tuple[_Array, _Array]:
    """Boxes around a point, and what each costs by itself: far ones more, those to the right least."""
    boxes, costs = [], []
    for reach in _REACHES:
        for k in range(_DIRECTIONS):
            angle = 2 * math.pi * k / _DIRECTIONS
            dx, dy = math.cos(angle), math.sin(angle)
            x, y = point[0] + dx * (size[0] / 2 + reach), point[1] + dy * (size[1] / 2 + reach)
            boxes.append((x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2))
            costs.append(reach * 3 + 2 * (1 - dx) + abs(dy))
    return np.array(boxes), np.array(costs)


def _lines(boxes: _Array, point: Point) -> _Array:
    """Places on the line from a point to each box, [boxes, steps, 2]."""
    ends = np.clip(np.array(point), boxes[:, :2], boxes[:, 2:])
    along = np.linspace(0, 1, _STEPS)[None, :, None]
    places: _Array = np.array(point) + along * (ends - np.array(point))[:, None, :]
    return places


def _inside(places: _Array, boxes: _Array) -> npt.NDArray[np.bool_]:
    """Which of the places [n, steps, 2] lie in which boxes: [n, steps, boxes]."""
    above, below = places[:, :, None] > boxes[:, :2], places[:, :, None] < boxes[:, 2:]
    within: npt.NDArray[np.bool_] = np.all(above & below, axis=-1)
    return within


def _overlaps(boxes: _Array, others: _Array) -> _Array:
    """How much of each box lies in the others, added up."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    sides = np.clip(high - low, 0, None)
    added: _Array = (sides[..., 0] * sides[..., 1]).sum(axis=1)
    return added
