"""How figures look, and how they become files: sizes, colours, marks, and equal bytes for equal numbers.

Nothing here depends on a display, on pyplot, or on what the user's matplotlibrc says; global settings are not changed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that figures are the same on every machine."""

TEXT, SMALL = 7.0, 6.0
"""Sizes in points: labels, and all else. The same at every width, as papers want their figures."""

INK, GREY, PALE = "#000000", "#555555", "#c8c8c8"
"""Text, notes, and lines that guide the eye."""

DPI = 300
"""Of PNGs, in pixels per printed inch."""

_RC: Mapping[Any, Any] = {
    "font.family": [FONT],
    "font.size": TEXT,
    "text.parse_math": False,  # a model may be called $x^2$
    "text.usetex": False,
    "text.hinting": "none",  # letters as wide in a PNG as in a PDF
    "axes.linewidth": 0.5,
    "axes.edgecolor": GREY,
    "axes.labelsize": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # Type 3 is refused by several publishers
    "svg.fonttype": "path",  # the same picture where the font is not installed
    "svg.hashsalt": "i2vbench",  # without it ids are drawn at random
}


@dataclass(frozen=True, slots=True)
class Look:
    """What tells a model from the others; any of the four does, so that grey print and all eyes can."""

    colour: str
    marker: str
    dash: tuple[float, ...]
    hatch: str


_DARK_TO_LIGHT = (
    "#000000", "#332288", "#882255", "#117733", "#AA4499", "#CC6677", "#999933", "#44AA99", "#88CCEE", "#DDCC77",
)  # fmt: skip
"""Black and the scheme "muted" of Paul Tol (Colour Schemes, SRON/EPS/TN/09-002, issue 3.2), made to be told apart by
colour-blind readers; in order of lightness (CIE L* 0 to 82)."""

_APART = (0, 1, 2, 4, 7)
"""Those that are well apart in grey, whichever way it is made (L*, or the luma of Rec. 601), and dark enough for a thin
line."""

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", "*")
_DASHES: tuple[tuple[float, ...], ...] = (
    (), (5, 1.5), (1.2, 1.2), (5, 1.5, 1.2, 1.5), (2.5, 1.2), (8, 2), (5, 1.2, 1.2, 1.2, 1.2, 1.2),
    (2.5, 1.2, 1.2, 1.2), (8, 1.5, 2.5, 1.5), (1.2, 2.6),
)  # fmt: skip
_HATCHES = ("", "/////", ".....", "xxxxx", "-----", "\\\\\\\\\\", "|||||", "+++++", "ooo", "***")

MOST_MODELS = len(_MARKERS)
"""So many can be told apart by one of their marks alone."""


def looks(count: int) -> list[Look]:
    """What tells `count` models apart, at most `MOST_MODELS`; colours go from dark to light."""
    some = _APART if count <= len(_APART) else range(max(count, 8))
    step = (len(some) - 1) / max(count - 1, 1)
    colours = [_DARK_TO_LIGHT[some[round(i * step)]] for i in range(count)]
    return [Look(*one) for one in zip(colours, _MARKERS, _DASHES, _HATCHES, strict=False)]


@contextmanager
def styled() -> Iterator[None]:
    """Draw with these settings, whatever the user's are; they are as before afterwards."""
    defaults: dict[Any, Any] = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith("backend")}
    with matplotlib.rc_context({**defaults, **_RC}):
        yield


_CANVASES: Mapping[str, tuple[type[FigureCanvasBase], Mapping[str, None]]] = {
    "pdf": (FigureCanvasPdf, {"CreationDate": None, "Creator": None, "Producer": None}),
    "svg": (FigureCanvasSVG, {"Date": None, "Creator": None}),
    "png": (FigureCanvasAgg, {"Software": None}),
}
"""With what is left out of the files: dates and versions."""


def render(figure: Figure, format_: str) -> bytes:
    """The figure as a file of one of `names.FIGURE_FORMATS`; the same bytes for the same figure."""
    canvas, left_out = _CANVASES[format_]
    file = io.BytesIO()
    with styled():
        canvas(figure).print_figure(file, format=format_, dpi=DPI, metadata=dict(left_out))
    return file.getvalue()
