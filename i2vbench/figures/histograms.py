"""How the scores of single clips are spread: steps, or bars where a score can be only one thing or another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from i2vbench.errors import UserError
from i2vbench.figures.frame import Frame, bar_style, check_count, keys_for, line_style, make_frame, mark_style
from i2vbench.figures.lettering import drawable, shorten, width_of
from i2vbench.figures.scales import axis_range
from i2vbench.figures.series import Model, Scores, Series, heading, notes_for
from i2vbench.figures.style import MOST_MODELS, SMALL, TEXT, Look, looks
from i2vbench.types import MetricInfo

PER_PANEL = 4
"""More outlines over each other cannot be followed."""

_MOST_BINS, _LEAST_BINS, _MOST_STEPS = 30, 5, 33
_LEFT, _RIGHT, _BOTTOM, _MEAN_ROW, _PANEL_HEIGHT = 30.0, 9.0, 24.0, 5.5, 85.0
_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Spread:
    """A model, how it looks, and its clips' scores in the printed unit; at least one."""

    model: Model
    look: Look
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.scores))


def draw(series: Series, info: MetricInfo, width: float) -> Figure:
    """The histogram of one metric, of all models that have scores of single clips.

    Args:
        series: What to draw.
        info: Of which metric.
        width: Of the figure, in points.

    Raises:
        UserError: If no clip has a score of its own, or there are more models than can be told apart.
    """
    scores = series.clips(info.id)
    there = [(model, some) for model, some in zip(series.models, scores, strict=True) if some]
    if not there:
        raise UserError("a histogram has nothing to show: no clip has a score of its own")
    check_count([model for model, _ in there], MOST_MODELS, "a histogram")
    spreads = [_Spread(m, look, some) for (m, some), look in zip(there, looks(len(there)), strict=True)]
    few = values_if_few([spread.scores for spread in spreads], info.decimals)
    panels = [spreads] if few else _shared_out(spreads)
    frame, tall = _lay_out(series, info, spreads, panels, scores, width, bool(few))
    axes = [_panel(frame, info, panels, p, tall) for p in range(len(panels))]
    if few:
        _draw_bars(axes[0], frame.width - _LEFT, spreads, few, info)
    else:
        edges = bin_edges([spread.scores for spread in spreads], info)
        top = 0.0
        for one, some in zip(axes, panels, strict=True):
            top = max(top, _draw_steps(one, some, edges))
        for one in axes:
            one.set(xlim=(edges[0], edges[-1]), ylim=(0, top * 1.04))
    return frame.figure


def values_if_few(scores: Sequence[Sequence[float]], decimals: int) -> list[float]:
    """The values that there are at the printed precision, if they are one or two; else none."""
    values = {round(score, decimals) for some in scores for score in some}
    return sorted(values) if len(values) <= 2 else []


def bin_edges(scores: Sequence[Sequence[float]], info: MetricInfo) -> _Array:
    """Edges of bins for all models together.

    Scores that lie on even steps (shares of frames, as k/16) have a bin each. All others have bins of one width
    between round ends: as many as the square root of the fewest clips, at least 5 and at most 30.
    """
    values = np.unique(np.round(np.concatenate([np.asarray(some, np.float64) for some in scores]), 6))
    gap = float(np.diff(values).min())
    places = (values - values[0]) / gap
    if round(places[-1]) < _MOST_STEPS and np.allclose(places, np.round(places), atol=1e-3):
        return np.asarray(values[0] + gap * (np.arange(round(places[-1]) + 2) - 0.5), np.float64)
    low, high = axis_range(values.tolist(), info)
    count = min(max(int(np.sqrt(min(map(len, scores)))), _LEAST_BINS), _MOST_BINS)
    return np.linspace(low, high, count + 1)


def _shared_out(spreads: Sequence[_Spread]) -> list[Sequence[_Spread]]:
    """Panels of at most `PER_PANEL`, as even as they can be."""
    count = -(-len(spreads) // PER_PANEL)
    ends = [round(len(spreads) * k / count) for k in range(count + 1)]
    return [spreads[start:end] for start, end in itertools.pairwise(ends)]


def _lay_out(
    series: Series, info: MetricInfo, spreads: Sequence[_Spread], panels: Sequence[Sequence[_Spread]],
    scores: Scores, width: float, bars: bool,
) -> tuple[Frame, float]:  # fmt: skip
    missing = [model.label for model, some in zip(series.models, scores, strict=True) if not some]
    above = 4 if bars else max(len(some) for some in panels) * _MEAN_ROW + 4
    tall = _PANEL_HEIGHT + above
    keys = keys_for(
        [spread.model for spread in spreads],
        [spread.look for spread in spreads],
        width,
        [f"  mean {info.print(spread.mean / info.scale)}" for spread in spreads],
    )
    own = [
        "" if bars else "Marks above and thin lines: means over the clips drawn.",
        f"Without scores of single clips: {', '.join(missing)}." if missing else "",
    ]
    notes = notes_for(series.of_models([spread.model.label for spread in spreads]), [info], *own)
    return make_frame(width, len(panels) * tall + _BOTTOM, keys=keys, notes=notes, bars=bars), tall


def _panel(frame: Frame, info: MetricInfo, panels: Sequence[object], position: int, tall: float) -> Axes:
    last = position == len(panels) - 1
    bottom = _BOTTOM + (len(panels) - 1 - position) * tall
    axes = frame.axes(_LEFT, bottom, frame.width - _LEFT - _RIGHT, _PANEL_HEIGHT - (0 if last else 8))
    axes.set_ylabel("clips (%)", labelpad=2)
    if last:
        axes.set_xlabel(shorten(drawable(heading(info)), frame.width - _LEFT, TEXT))
    else:
        axes.tick_params(labelbottom=False)
    return axes


def _draw_steps(axes: Axes, spreads: Sequence[_Spread], edges: _Array) -> float:
    """The outlines, and the highest of them."""
    top = 0.0
    height = axes.get_position().height * axes.figure.get_figheight() * 72  # type: ignore[union-attr]
    for i, spread in enumerate(spreads):
        share = np.histogram(spread.scores, edges)[0] / len(spread.scores) * 100
        top = max(top, float(share.max()))
        style = {"edgecolor": spread.look.colour, "linestyle": line_style(spread.look)}
        axes.stairs(share, edges, label=spread.model.label, linewidth=1.1, baseline=0, **style)
        y = 1 + (i + 0.8) * _MEAN_ROW / height
        on_top = axes.get_xaxis_transform()
        axes.plot(
            [spread.mean] * 2, [0, y], color=spread.look.colour, linewidth=0.5, linestyle=line_style(spread.look),
            transform=on_top, clip_on=False,
        )  # fmt: skip
        axes.plot(
            [spread.mean], [y], linestyle="", transform=on_top, clip_on=False,
            **mark_style(spread.model, spread.look, 3.6),
        )  # fmt: skip
    return top


def _draw_bars(axes: Axes, width: float, spreads: Sequence[_Spread], values: Sequence[float], info: MetricInfo) -> None:
    """A group of bars per value, a bar per model; how much it is stands above each, where there is room."""
    wide = 0.8 / len(spreads)
    points = width / (len(values) + 0.2) * wide
    for i, spread in enumerate(spreads):
        rounded = [round(score, info.decimals) for score in spread.scores]
        share = [100 * rounded.count(value) / len(rounded) for value in values]
        places = [k + (i - (len(spreads) - 1) / 2) * wide for k in range(len(values))]
        axes.bar(places, share, wide * 0.9, label=spread.model.label, **bar_style(spread.model, spread.look))
        for place, number in zip(places, share, strict=True):
            text = f"{number:.0f}"
            if width_of(text, SMALL) <= points:
                axes.text(place, number + 1, text, size=SMALL, ha="center", va="bottom")
    axes.set_xticks(range(len(values)), [f"{value:.{info.decimals}f}".rstrip("0").rstrip(".") for value in values])
    axes.set(xlim=(-0.6, len(values) - 0.4), ylim=(0, 108))
    axes.set_yticks([0, 25, 50, 75, 100])
