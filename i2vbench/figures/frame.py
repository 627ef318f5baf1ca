"""What all figures have in common: a width, a body to draw in, a legend and the notes under it; in points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D, Transform

from i2vbench.errors import UserError
from i2vbench.figures.lettering import LACKING, LEADING, drawable, labels_for, lacks_letters, shorten, width_of, wrap
from i2vbench.figures.series import Model
from i2vbench.figures.style import GREY, INK, SMALL, TEXT, Look

POINTS_PER_CM = 72 / 2.54
MARGIN = 3.0
_KEY = 22.0
"""How long the sample of a line is in the legend."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A figure whose legend and notes are drawn, and the rectangle that is left for the body."""

    figure: Figure
    left: float
    bottom: float
    width: float
    height: float

    @property
    def points(self) -> Transform:
        """From points, counted from the figure's lower left corner."""
        return in_points(self.figure)

    def axes(self, left: float, bottom: float, width: float, height: float, **more: Any) -> Axes:
        """Axes at a place in the body."""
        whole_width, whole_height = (72 * inches for inches in self.figure.get_size_inches())
        place = (
            (self.left + left) / whole_width, (self.bottom + bottom) / whole_height,
            width / whole_width, height / whole_height,
        )  # fmt: skip
        return self.figure.add_axes(place, **more)

    def canvas(self) -> Axes:
        """The whole body as axes of which nothing is seen, whose data are in points."""
        axes = self.axes(0, 0, self.width, self.height, xlim=(0, self.width), ylim=(0, self.height))
        axes.set_axis_off()
        return axes


def in_points(figure: Figure) -> Transform:
    return Affine2D().scale(1 / 72) + figure.dpi_scale_trans


Keys = Sequence[tuple[str, Model, Look]]
"""What stands in a legend: the label, and what it is the label of."""


def make_frame(
    width: float, body_height: float, *, title: str = "", keys: Keys = (), notes: Sequence[str] = (),
    labels: Sequence[str] = (), bars: bool = False,
) -> Frame:  # fmt: skip
    """A figure `width` points wide, as high as body, legend and notes are.

    Args:
        width: Points.
        body_height: Points.
        title: Stands above the body, "" for none.
        keys: The legend.
        notes: A paragraph each, under the legend.
        labels: What else from outside is written in the figure.
        bars: Whether the legend shows bars, not lines.
    """
    inner = width - 2 * MARGIN
    said = [drawable(note) for note in notes]
    if any(map(lacks_letters, [title, *notes, *labels, *(model.label for _, model, _ in keys)])):
        said.append(f"{LACKING} stands for letters that the figure's font does not have.")
    lines = [line for note in said for line in wrap(note, inner, SMALL)]
    rows = _legend_rows(keys, inner)
    row_height, line_height = TEXT * 1.45, SMALL * LEADING
    head = TEXT * 1.8 if title else 0.0
    foot = MARGIN + len(lines) * line_height + (3 if lines else 0) + len(rows) * row_height + (2 if rows else 0)
    height = foot + body_height + head + MARGIN
    figure = Figure(figsize=(width / 72, height / 72))
    y = MARGIN + (len(lines) - 1) * line_height + 1.2
    for line in lines:
        _text(figure, MARGIN, y, line, SMALL, GREY)
        y -= line_height
    y = foot - 2 - row_height / 2
    for row in rows:
        for x, key in row:
            _draw_key(figure, MARGIN + x, y, key, bars)
        y -= row_height
    if title:
        _text(figure, MARGIN, height - MARGIN - TEXT, shorten(drawable(title), inner, TEXT), TEXT, INK)
    return Frame(figure, MARGIN, foot, inner, body_height)


def keys_for(models: Sequence[Model], some_looks: Sequence[Look], width: float, more: Sequence[str] = ()) -> Keys:
    """Legend entries, each no wider than the figure; `more` is what stands behind each name."""
    behind = list(more) or [""] * len(models)
    room = width - 2 * MARGIN - _KEY - 4 - max((width_of(text, SMALL) for text in behind), default=0)
    labels = labels_for([model.label for model in models], room, SMALL)
    return [
        (label + text, model, look) for label, text, model, look in zip(labels, behind, models, some_looks, strict=True)
    ]


def check_count(models: Sequence[Model], most: int, what: str) -> None:
    """Refuse more models than can be told apart.

    Raises:
        UserError: With what to do.
    """
    if len(models) > most:
        raise UserError(f"{what} shows at most {most} models, and there are {len(models)}: choose some with --model")


def line_style(look: Look) -> Any:
    """A line's dashes, as matplotlib takes them."""
    return (0, look.dash) if look.dash else "solid"


def mark_style(model: Model, look: Look, size: float = 4.0) -> dict[str, Any]:
    """A model's mark: filled, or open if its numbers are the paper's beside a run's."""
    larger = {"*": 1.5, "P": 1.15, "X": 1.15, "D": 0.9}
    return {
        "marker": look.marker,
        "markersize": size * larger.get(look.marker, 1),
        "markerfacecolor": "white" if model.published else look.colour,
        "markeredgecolor": look.colour,
        "markeredgewidth": 0.8,
    }


def bar_style(model: Model, look: Look) -> dict[str, Any]:
    """The same of a bar: white under its hatch, where it has one."""
    return {
        "facecolor": "white" if look.hatch or model.published else look.colour,
        "edgecolor": look.colour,
        "hatch": look.hatch,
        "linewidth": 0.6,
    }


def _legend_rows(keys: Keys, width: float) -> list[list[tuple[float, tuple[str, Model, Look]]]]:
    """Entries in as many columns as fit, with where each begins."""
    if not keys:
        return []
    widest = max(width_of(label, SMALL) for label, _, _ in keys) + _KEY + 12
    columns = min(len(keys), max(1, int((width + 8) // widest)))
    columns = -(-len(keys) // -(-len(keys) // columns))  # rows as even as they can be
    step = width / columns
    return [
        [(i * step, key) for i, key in enumerate(keys[start : start + columns])]
        for start in range(0, len(keys), columns)
    ]


def _draw_key(figure: Figure, x: float, y: float, key: tuple[str, Model, Look], bars: bool) -> None:
    label, model, look = key
    if bars:
        figure.add_artist(Rectangle((x + 4, y - 3), _KEY - 8, 6, transform=in_points(figure), **bar_style(model, look)))
    else:
        line = {"color": look.colour, "linewidth": 1.1, "linestyle": line_style(look), "transform": in_points(figure)}
        figure.add_artist(Line2D([x, x + _KEY], [y, y], **line))
        figure.add_artist(
            Line2D([x + _KEY / 2], [y], linestyle="", transform=in_points(figure), **mark_style(model, look))
        )
    _text(figure, x + _KEY + 3, y, label, SMALL, INK, va="center")


def _text(figure: Figure, x: float, y: float, text: str, size: float, colour: str, va: str = "baseline") -> None:
    figure.text(x, y, text, size=size, color=colour, va=va, transform=in_points(figure))
