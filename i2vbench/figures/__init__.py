"""Figures that people put into papers: radar, heat map, scatter, histograms.

`sources` turns runs and the paper's tables into plain `Series`; the modules that draw know nothing of where numbers
come from. Equal series give byte-equal files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.names import FIGURE_KINDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from i2vbench.figures.series import Series


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_figures` did: the files, and what was not drawn, with the reason."""

    files: list[Path]
    left_out: list[str]


def write_figures(
    series: Series, out: Path, kinds: Sequence[str], formats: Sequence[str], width: float, chosen: Sequence[str] = ()
) -> Written:
    """Write figures to the folder `out`, which is made if it is not there.

    Args:
        series: What to draw.
        out: The folder.
        kinds: Some of `names.FIGURE_KINDS`; none takes all that can be drawn.
        formats: Some of `names.FIGURE_FORMATS`.
        width: Of each figure, in points.
        chosen: Ids of the metrics that were asked for: the scatter's vertical axes; none takes its own choice.

    Raises:
        UserError: If nothing of a kind that is named can be drawn, or nothing at all; or `out` cannot be written to.
    """
    from i2vbench.figures.style import render

    written = Written([], [])
    for kind in kinds or FIGURE_KINDS:
        before = len(written.files)
        reasons: dict[str, list[str]] = {}
        for name, drawing in drawings(series, kind, width, chosen):
            try:
                figure = drawing()
            except UserError as error:
                reasons.setdefault(str(error), []).append(name)
                continue
            written.files.extend(_write(out / f"{name}.{format_}", render(figure, format_)) for format_ in formats)
        if kinds and len(written.files) == before:
            raise UserError("; ".join(_told(kind, reasons)))
        written.left_out.extend(_told(kind, reasons))
    if not written.files:
        raise UserError(f"nothing to draw: {'; '.join(written.left_out)}")
    return written


def _told(kind: str, reasons: Mapping[str, Sequence[str]]) -> list[str]:
    """Each reason once, after the names of the figures that it is of, where a kind has several."""
    return [reason if names == [kind] else f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]


def drawings(
    series: Series, kind: str, width: float, chosen: Sequence[str] = ()
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """The figures of a kind: the name of each one's files without suffix, and what draws it or raises a UserError."""
    from i2vbench.figures import heatmap, histograms, radar, scatter
    from i2vbench.figures.style import styled
    from i2vbench.store import folder_name

    def in_style(draw: Callable[[], Figure]) -> Callable[[], Figure]:
        def drawing() -> Figure:
            with styled():
                return draw()

        return drawing

    if kind == "radar":
        yield kind, in_style(lambda: radar.draw(series, width, chosen=bool(chosen)))
    elif kind == "scatter":
        yield kind, in_style(lambda: scatter.draw(series, width, chosen))
    else:
        draw_one = heatmap.draw if kind == "heatmap" else histograms.draw
        for info in series.metrics:
            yield f"{kind}-{folder_name(info.id)}", in_style(lambda info=info: draw_one(series, info, width))  # type: ignore[misc]


def _write(path: Path, data: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data)
    except OSError as error:
        raise UserError(
            f"the figures cannot be written to {path.parent}: {error.strerror or error}; name a folder with --out"
        ) from error
    return path
