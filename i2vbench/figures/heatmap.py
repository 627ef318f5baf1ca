"""One metric by category and model: the numbers, on shades that go with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, rgb2hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from i2vbench.errors import UserError
from i2vbench.figures.frame import Frame, make_frame
from i2vbench.figures.lettering import labels_for, width_of
from i2vbench.figures.series import Datum, Series, datum_notes, heading, notes_for
from i2vbench.figures.style import GREY, INK, SMALL
from i2vbench.types import MetricInfo

COLOURS = "Blues"
"""ColorBrewer's (Harrower and Brewer, 2003): one hue from light to dark, the same to colour-blind eyes and in grey."""

LEAST_SIZE = 4.0
"""In points; smaller numbers cannot be read in print."""

_ROW = 9.5
_TURN = 45
"""Of the models' names, in degrees; of narrow columns 90."""

_NARROW = 20.0
"""Columns for which names that reach beyond the last one would take too much room."""

_APART = 2.5
"""Between the categories and the row over all clips, and between models of runs and of the paper."""

_KEY_HEIGHT, _KEY_STEPS = 14.0, 32


@dataclass(frozen=True, slots=True)
class _Heads:
    """The models' names, how high they stand, and by how much they are turned."""

    labels: list[str]
    height: float
    turn: int = 0


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the cells are, in points of the body, and how large the numbers are in them."""

    lefts: list[float]
    bottoms: list[float]
    width: float
    size: float


def draw(series: Series, info: MetricInfo, width: float) -> Figure:
    """The heat map of one metric.

    Args:
        series: What to draw.
        info: Of which metric.
        width: Of the figure, in points.

    Raises:
        UserError: If no cell has a number, or the numbers would be too small to be read.
    """
    rows = series.rows[info.id]
    shown = [float(datum.text) for data in rows.values() for datum in data if datum.text]
    if not shown:
        raise UserError(f"a heat map has no number to show: {_why(rows[series.total])}")
    names = labels_for(list(rows), 0.3 * width, SMALL)
    aside = max(width_of(name, SMALL) for name in names) + 4
    frame, grid, heads = _lay_out(series, info, width, aside)
    axes = frame.canvas()
    _draw_names(axes, grid, names, heads, aside)
    colours = matplotlib.colormaps[COLOURS]
    for bottom, data in zip(grid.bottoms, rows.values(), strict=True):
        for left, datum in zip(grid.lefts, data, strict=True):
            share = None if datum.value is None else _darkness(datum.value, shown, info)
            _draw_cell(axes, (left, bottom), grid, datum, None if share is None else shade(colours, share))
    if min(shown) < max(shown):
        _draw_key(axes, colours, (aside, frame.width), info, shown)
    return frame.figure


def shade(colours: Colormap, share: float) -> str:
    """A cell's colour, 0 lightest and 1 darkest; neither white nor black, so that cells are seen as such."""
    return rgb2hex(colours(0.08 + 0.87 * share))


def text_colour(background: str) -> str:
    """Black or white, whichever has the greater contrast with a background (WCAG 2.2): at least 4.5 to 1."""
    luminance = relative_luminance(background)
    return "#000000" if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else "#ffffff"


def relative_luminance(colour: str) -> float:
    """Of WCAG 2.2: 0 is black, 1 is white."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _darkness(value: float, shown: Sequence[float], info: MetricInfo) -> float:
    """0 for the worst number shown, 1 for the best."""
    low, high = min(shown), max(shown)
    share = (value - low) / (high - low) if high > low else 0.5
    return share if info.direction == "higher" else 1 - share


def _why(data: Sequence[Datum]) -> str:
    return "; ".join(dict.fromkeys(datum.note for datum in data if datum.note)) or "nothing is measured"


def _lay_out(series: Series, info: MetricInfo, width: float, aside: float) -> tuple[Frame, _Grid, _Heads]:
    rows = series.rows[info.id]
    published = [model.published for model in series.models]
    gaps = [i > 0 and published[i] and not published[i - 1] for i in range(len(published))]
    heads, cell = _heads(series, width - 6 - aside - _APART * sum(gaps))
    lefts = [aside + i * cell + _APART * sum(gaps[: i + 1]) for i in range(len(series.models))]
    below = _KEY_HEIGHT + 4
    apart = _APART if len(rows) > 1 else 0.0
    bottoms = [below + apart + (len(rows) - 1 - r) * _ROW for r in range(len(rows))]
    bottoms[-1] = below
    longest = max(width_of(datum.text, 1.0) for data in rows.values() for datum in data)
    size = min(SMALL, (cell - 1.5) / longest)
    if size < LEAST_SIZE:
        raise UserError(
            f"a heat map of {len(series.models)} models is not readable at {width / 72 * 2.54:.3g} cm: "
            "choose some with --model, or give more --width"
        )
    frame = make_frame(
        width,
        below + apart + len(rows) * _ROW + heads.height,
        title=heading(info),
        labels=[*rows, *(model.label for model in series.models)],
        notes=notes_for(
            series,
            [info],
            *datum_notes(series, rows, empty=False),
            *(f"Hatched, no number: {note}" for note in datum_notes(series, rows, empty=True)),
        ),
    )
    return frame, _Grid(lefts, bottoms, cell, size), heads


def _heads(series: Series, room: float) -> tuple[_Heads, float]:
    """The models' names over their columns, and how wide a column is; slanted names reach beyond the last one."""
    labels = [model.label for model in series.models]
    widest = room / len(labels)
    flat = labels_for(labels, 1000, SMALL)
    if all(width_of(label, SMALL) <= widest - 2 for label in flat):
        return _Heads(flat, SMALL + 4), widest
    turned = labels_for(labels, 90, SMALL)
    longest = max(width_of(label, SMALL) for label in turned)
    slope = math.sqrt(0.5)
    slanted = min(widest, *((room - slope * width_of(label, SMALL) - 2) / (k + 0.5) for k, label in enumerate(turned)))
    if slanted < _NARROW:
        return _Heads(turned, longest + 5, 90), widest
    return _Heads(turned, slope * (longest + SMALL) + 5, _TURN), slanted


def _draw_names(axes: Axes, grid: _Grid, names: Sequence[str], heads: _Heads, aside: float) -> None:
    for name, bottom in zip(names, grid.bottoms, strict=True):
        axes.text(aside - 3, bottom + _ROW / 2, name, size=SMALL, color=INK, ha="right", va="center_baseline")
    slanted = heads.turn == _TURN
    for label, left in zip(heads.labels, grid.lefts, strict=True):
        axes.text(
            left + grid.width / 2, grid.bottoms[0] + _ROW + 2.5, label, size=SMALL, color=INK, rotation=heads.turn,
            rotation_mode="anchor" if slanted else "default", ha="left" if slanted else "center", va="bottom",
        )  # fmt: skip


def _draw_cell(axes: Axes, corner: tuple[float, float], grid: _Grid, datum: Datum, colour: str | None) -> None:
    place: dict[str, Any] = {"xy": corner, "width": grid.width, "height": _ROW, "linewidth": 0.5}
    if colour is None:
        axes.add_patch(Rectangle(**place, facecolor="white", edgecolor="#9a9a9a", hatch="//////"))
        return
    axes.add_patch(Rectangle(**place, facecolor=colour, edgecolor="white"))
    x, y = corner[0] + grid.width / 2, corner[1] + _ROW / 2
    axes.text(x, y, datum.text, size=grid.size, color=text_colour(colour), ha="center", va="center_baseline")


def _draw_key(
    axes: Axes, colours: Colormap, ends: tuple[float, float], info: MetricInfo, shown: Sequence[float]
) -> None:
    """The shades from worst to best, with the numbers at their ends."""
    worst, best = (min(shown), max(shown)) if info.direction == "higher" else (max(shown), min(shown))
    texts = [f"{worst:.{info.decimals}f}", f"{best:.{info.decimals}f}"]
    left = ends[0] + width_of(texts[0], SMALL) + 3
    length = min(80.0, 0.4 * (ends[1] - ends[0]))
    step = length / _KEY_STEPS
    for k in range(_KEY_STEPS):
        colour = shade(colours, (k + 0.5) / _KEY_STEPS)
        axes.add_patch(Rectangle((left + k * step, 5), step, 6, facecolor=colour, edgecolor=colour, linewidth=0.2))
    style: dict[str, Any] = {"size": SMALL, "color": GREY, "va": "center_baseline"}
    axes.text(left - 3, 8, texts[0], ha="right", **style)
    axes.text(left + length + 3, 8, f"{texts[1]}   darker is better", ha="left", **style)
