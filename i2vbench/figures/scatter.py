"""Dynamic degree against consistency: the trade-off of Section 5.2, where a still clip has the best consistency."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from i2vbench.errors import UserError
from i2vbench.figures import style
from i2vbench.figures.frame import POINTS_PER_CM, Frame, check_count, make_frame, mark_style
from i2vbench.figures.lettering import LEADING, drawable, labels_for, shorten, width_of
from i2vbench.figures.placing import Box, nearest_on, place_labels
from i2vbench.figures.scales import axis_range
from i2vbench.figures.series import Model, Series, heading, notes_for
from i2vbench.figures.style import GREY, INK, PALE, SMALL, TEXT, Look, looks
from i2vbench.types import MetricInfo

X = "dynamic_degree"
DEFAULT_YS = ("subject_consistency", "background_consistency")
"""What the dynamic degree is drawn against if nothing else is asked for: the paper's visual consistency."""

MOST_MODELS = 20
MOST_LOOKS = style.MOST_MODELS
_MOST_PANELS = 4

_STILL_IS_BEST = ("subject_consistency", "background_consistency", "temporal_flickering", "motion_smoothness")
"""Metrics of which a still clip has the best there is (motion smoothness: nearly), says their `MetricInfo.hides`."""

_LEFT, _BOTTOM, _TOP, _GAP = 30.0, 24.0, 6.0, 12.0
_STILL = "still clips"
Place = tuple[float, float, float, float]
"""Left, bottom, width, height; in points of the body."""


def draw(series: Series, width: float, ys: Sequence[str] = ()) -> Figure:
    """A panel for each metric on the vertical axis, the dynamic degree on the horizontal one.

    Args:
        series: What to draw.
        width: Of the figure, in points.
        ys: Ids of the metrics on the vertical axes; none takes subject and background consistency.

    Raises:
        UserError: If there is no dynamic degree, none of the metrics, or too many models.
    """
    check_count(series.models, MOST_MODELS, "a scatter")
    infos = {info.id: info for info in series.metrics if series.measured(info.id)}
    if X not in infos:
        raise UserError(f"a scatter needs {X}, and there is no number of it: there are {', '.join(infos) or 'none'}")
    wanted = [id_ for id_ in ys or DEFAULT_YS if id_ in infos and id_ != X]
    panels = [infos[id_] for id_ in wanted if _drawn(series, infos[X], infos[id_])]
    if not panels:
        needed = " or ".join(id_ for id_ in ys or DEFAULT_YS if id_ != X) or "another metric"
        raise UserError(f"a scatter needs {needed} beside {X}, of one model at least: name others with --metrics")
    if len(panels) > _MOST_PANELS:
        raise UserError(f"a scatter has at most {_MOST_PANELS} panels, and {len(panels)} are asked for with --metrics")
    columns = min(len(panels), 2) if width >= 12 * POINTS_PER_CM else 1
    return _draw_panels(series, infos[X], panels, width, columns)


def _draw_panels(series: Series, x: MetricInfo, panels: Sequence[MetricInfo], width: float, columns: int) -> Figure:
    rows = -(-len(panels) // columns)
    panel_width = (width - 6 - columns * _LEFT - (columns - 1) * _GAP) / columns
    panel_height = min(0.66 * panel_width, 180.0)
    step = panel_height + _BOTTOM + _TOP
    frame = make_frame(
        width,
        rows * step,
        labels=[model.label for model in series.models],
        notes=notes_for(series, [x, *panels], *_own_notes(series, x, panels)),
    )
    for k, info in enumerate(panels):
        left = _LEFT + (k % columns) * (panel_width + _LEFT + _GAP)
        bottom = (rows - 1 - k // columns) * step + _BOTTOM
        _draw_panel(frame, (left, bottom, panel_width, panel_height), series, x, info)
    return frame.figure


def _own_notes(series: Series, x: MetricInfo, panels: Sequence[MetricInfo]) -> list[str]:
    missing = [
        model.label
        for i, model in enumerate(series.models)
        if not all(series.totals(info.id)[i].text for info in (x, *panels))
    ]
    return [
        f"A still clip has a dynamic degree of 0 and the best {' and '.join(still)}."
        if (still := [info.title.lower() for info in panels if info.id in _STILL_IS_BEST])
        else "",
        f"Without a number for some panel, and not drawn in it: {', '.join(missing)}." if missing else "",
    ]


def _draw_panel(frame: Frame, place: Place, series: Series, x: MetricInfo, y: MetricInfo) -> None:
    axes = frame.axes(*place)
    _, _, width, height = place
    drawn = _drawn(series, x, y)
    best = y.range[1] * y.scale if y.range and y.id in _STILL_IS_BEST else None
    x_range = _padded(axis_range([*(a for _, _, a, _ in drawn), 0.0], x))
    y_range = _padded(axis_range([*(b for _, _, _, b in drawn), *([] if best is None else [best])], y))
    axes.set(xlim=x_range, ylim=y_range, xlabel=shorten(drawable(heading(x)), width, TEXT))
    axes.set_ylabel(shorten(drawable(heading(y)), height, TEXT), labelpad=2)
    axes.grid(color=PALE, linewidth=0.3)
    axes.set_axisbelow(True)
    for model, look, a, b in drawn:
        axes.plot([a], [b], linestyle="", label=model.label, zorder=3, **mark_style(model, look, 5))
    labels = labels_for([model.label for model, *_ in drawn], 0.42 * width, SMALL)
    ends = [(a, b) for _, _, a, b in drawn]
    if best is not None:
        axes.plot([0.0], [best], "+", color=GREY, markersize=7, markeredgewidth=1, zorder=2, clip_on=False)
        labels, ends = [*labels, _STILL], [*ends, (0.0, best)]
    points = [
        (
            (a - x_range[0]) / (x_range[1] - x_range[0]) * width,
            (b - y_range[0]) / (y_range[1] - y_range[0]) * height,
        )
        for a, b in ends
    ]
    boxes = place_labels(points, [(width_of(t, SMALL), SMALL * LEADING) for t in labels], (1, 1, width, height), 3.0)
    canvas = frame.axes(*place, xlim=(0, width), ylim=(0, height))
    canvas.set_axis_off()
    for k, (label, point, box) in enumerate(zip(labels, points, boxes, strict=True)):
        _draw_label(canvas, label, point, box, INK if k < len(drawn) else GREY)


def _drawn(series: Series, x: MetricInfo, y: MetricInfo) -> list[tuple[Model, Look, float, float]]:
    """The models that have both numbers; looks may come again, for points have their names beside them."""
    some = looks(min(len(series.models), MOST_LOOKS))
    found = []
    for i, (model, a, b) in enumerate(zip(series.models, series.totals(x.id), series.totals(y.id), strict=True)):
        if a.value is not None and b.value is not None:
            found.append((model, some[i % len(some)], a.value, b.value))
    return found


def _draw_label(canvas: Axes, label: str, point: tuple[float, float], box: Box, colour: str) -> None:
    end = nearest_on(box, point)
    if abs(end[0] - point[0]) + abs(end[1] - point[1]) > 7:
        canvas.plot(*zip(point, end, strict=True), color=GREY, linewidth=0.4, zorder=1)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    canvas.text(x, y, label, size=SMALL, color=colour, ha="center", va="center")


def _padded(ends: tuple[float, float]) -> tuple[float, float]:
    """A little more than from end to end, so that marks at the ends are whole."""
    room = 0.05 * (ends[1] - ends[0])
    return ends[0] - room, ends[1] + room
