"""Models as polygons over the metrics; each axis has its own range, and outward is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from i2vbench.errors import UserError
from i2vbench.figures.frame import check_count, keys_for, line_style, make_frame, mark_style
from i2vbench.figures.lettering import LEADING, drawable, width_of, wrap
from i2vbench.figures.scales import RULE, axis_range
from i2vbench.figures.series import Series, datum_notes, notes_for
from i2vbench.figures.style import GREY, INK, MOST_MODELS, PALE, SMALL, looks
from i2vbench.leaderboards.published import METRIC_IDS, numbers
from i2vbench.types import MetricInfo

LEAST_METRICS = 3
_RINGS = 4
_MOST_HOLE = 0.5
"""Of the radius."""

TABLE_2 = frozenset(METRIC_IDS[number.metric] for number in numbers(2) if number.metric in METRIC_IDS)
"""Ids of the metrics of I2V-Bench's table in the paper."""


@dataclass(frozen=True, slots=True)
class _Spoke:
    """One axis: `low` is its worst end, in the middle."""

    info: MetricInfo
    low: float
    high: float
    angle: float

    def share(self, value: float) -> float:
        """How far from the worst end to the best, 0 to 1."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class _Dial:
    """Where the rings are, in points."""

    x: float
    y: float
    hole: float
    radius: float

    def at(self, spoke: _Spoke, share: float) -> tuple[float, float]:
        return self.out(spoke, self.hole + share * (self.radius - self.hole))

    def out(self, spoke: _Spoke, distance: float) -> tuple[float, float]:
        return self.x + distance * math.sin(spoke.angle), self.y + distance * math.cos(spoke.angle)


def draw(series: Series, width: float, chosen: bool = False) -> Figure:
    """The radar of all metrics that any model has a number of; of those of Table 2, where all have no room.

    Args:
        series: What to draw.
        width: Of the figure, in points.
        chosen: Whether somebody asked for just these metrics.

    Raises:
        UserError: Fewer than three such metrics, more models than can be told apart, or no room.
    """
    check_count(series.models, MOST_MODELS, "a radar")
    spokes, left_out = _spokes(series), ""
    if _hole(spokes) > _MOST_HOLE * _radius(spokes, width) and not chosen:
        ids = [info.id for info in series.metrics if info.id in TABLE_2]
        spokes, left_out = _spokes(series.of_metrics(ids)), "Only the metrics of Table 2: all have no room here."
    labels = [_label(spoke, width) for spoke in spokes]
    line = SMALL * LEADING
    radius, hole = _radius(spokes, width), _hole(spokes)
    if hole > _MOST_HOLE * radius:
        raise UserError(f"a radar of {len(spokes)} metrics has no room here: choose some with --metrics")
    above = len(labels[0]) * line + 6
    below = max((len(text) for text, s in zip(labels, spokes, strict=True) if math.cos(s.angle) < -0.7), default=1)
    height = 2 * radius + above + below * line + 6
    some_looks = looks(len(series.models))
    frame = make_frame(
        width, height, keys=keys_for(series.models, some_looks, width), notes=_notes(series, spokes, left_out)
    )
    axes = frame.canvas()
    dial = _Dial(frame.width / 2, below * line + 6 + radius, hole, radius)
    _draw_dial(axes, dial, spokes, labels)
    for i, (model, look) in enumerate(zip(series.models, some_looks, strict=True)):
        values = [series.totals(spoke.info.id)[i].value for spoke in spokes]
        ends = [
            (math.nan, math.nan) if value is None else dial.at(spoke, spoke.share(value))
            for spoke, value in zip(spokes, values, strict=True)
        ]
        x, y = zip(*ends, ends[0], strict=True)
        style = {"color": look.colour, "linewidth": 1.1, "linestyle": line_style(look), "zorder": 4 - i / 100}
        axes.plot(x, y, label=model.label, **style, **mark_style(model, look, 3.4))
    return frame.figure


def _spokes(series: Series) -> list[_Spoke]:
    infos = [info for info in series.metrics if series.measured(info.id)]
    if len(infos) < LEAST_METRICS:
        have = ", ".join(info.id for info in infos) or "none"
        raise UserError(f"a radar needs at least {LEAST_METRICS} metrics with numbers, and there are: {have}")
    spokes = []
    for k, info in enumerate(infos):
        ends = axis_range(series.values(info.id), info)
        low, high = ends if info.direction == "higher" else reversed(ends)
        spokes.append(_Spoke(info, low, high, 2 * math.pi * k / len(infos)))
    return spokes


def _notes(series: Series, spokes: Sequence[_Spoke], left_out: str) -> list[str]:
    alike = any(len(set(series.values(spoke.info.id))) == 1 for spoke in spokes)
    turned = [spoke.info.title for spoke in spokes if spoke.info.direction == "lower"]
    totals = {spoke.info.title: series.totals(spoke.info.id) for spoke in spokes}
    return notes_for(
        series,
        [spoke.info for spoke in spokes],
        left_out,
        f"Each axis has a range of its own, {RULE}; its ends are printed. Outward is better.",
        "An axis whose numbers are all equal runs over all that the metric can be." if alike else "",
        f"Lower is better for {', '.join(turned)}: turned round." if turned else "",
        *(f"A gap is a number that is not there: {note}" for note in datum_notes(series, totals, empty=True)),
    )


def _label(spoke: _Spoke, figure_width: float) -> list[str]:
    arrow = "↑" if spoke.info.direction == "higher" else "↓"
    return [
        *wrap(f"{drawable(spoke.info.title)}\N{NO-BREAK SPACE}{arrow}", 0.22 * figure_width, SMALL),
        f"{spoke.high:g}{drawable(spoke.info.unit)}",
    ]


def _radius(spokes: Sequence[_Spoke], width: float) -> float:
    """What the labels at both sides leave."""
    label_width = max(width_of(line, SMALL) for spoke in spokes for line in _label(spoke, width))
    return min((width - 2 * label_width) / 2 - 10, 130.0)


def _hole(spokes: Sequence[_Spoke]) -> float:
    """How large the hole in the middle is, so that the worst ends' numbers have room in it."""
    widest = max(width_of(f"{spoke.low:g}", SMALL) for spoke in spokes) + 2
    needed = 0.0
    for one, other in zip(spokes, [*spokes[1:], spokes[0]], strict=True):
        aside = abs(math.sin(one.angle) - math.sin(other.angle))
        above = abs(math.cos(one.angle) - math.cos(other.angle))
        needed = max(needed, min(widest / max(aside, 1e-9), SMALL / max(above, 1e-9)))
    return needed + max(map(_inset, spokes))


def _inset(spoke: _Spoke) -> float:
    """How far the number of the worst end stands inside of the hole's edge."""
    side, up = abs(math.sin(spoke.angle)), abs(math.cos(spoke.angle))
    return side * width_of(f"{spoke.low:g}", SMALL) / 2 + up * SMALL / 2 + 2.5


def _draw_dial(axes: Axes, dial: _Dial, spokes: Sequence[_Spoke], labels: Sequence[Sequence[str]]) -> None:
    for ring in range(_RINGS + 1):
        corners = [dial.at(spoke, ring / _RINGS) for spoke in spokes]
        ends = ring in (0, _RINGS)
        axes.add_patch(
            Polygon(corners, fill=False, edgecolor=GREY if ends else PALE, linewidth=0.6 if ends else 0.4, zorder=1)
        )
    for spoke, label in zip(spokes, labels, strict=True):
        axes.plot(*zip(dial.at(spoke, 0), dial.at(spoke, 1), strict=True), color=PALE, linewidth=0.5, zorder=1)
        side, up = math.sin(spoke.angle), math.cos(spoke.angle)
        x, y = dial.out(spoke, dial.radius + 6)
        axes.text(
            x, y, "\n".join(label), size=SMALL, color=INK, linespacing=1.1,
            ha="center" if abs(side) < 0.3 else "left" if side > 0 else "right",
            va="center" if abs(up) < 0.3 else "bottom" if up > 0 else "top",
        )  # fmt: skip
        x, y = dial.out(spoke, dial.hole - _inset(spoke))
        axes.text(x, y, f"{spoke.low:g}", size=SMALL, color=GREY, ha="center", va="center")
