"""`i2vbench figures`: the figures of a paper, of runs or of the published numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2vbench.cli import complete, options
from i2vbench.cli.arguments import check_choice, check_folder, run_folder, split
from i2vbench.cli.options import FILES, HOW, WHAT, OnlyModels, Quiet, Trust
from i2vbench.cli.output import say
from i2vbench.errors import UserError
from i2vbench.names import FIGURE_FORMATS, FIGURE_KINDS, PAPER
from i2vbench.registry import METRICS
from i2vbench.texts import amount

if TYPE_CHECKING:
    from i2vbench.figures.series import Series

_WIDTHS = {"column": 8.25, "text": 16.5}
"""The narrowest that fit: a column of CVPR and ICML (3.25 inches), and the text of TMLR (6.5 inches)."""

_LEAST_CM, _MOST_CM = 5.0, 60.0


def figures(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Folders or addresses of runs, or the word paper: the five published models.",
            autocompletion=complete.runs_or_paper,
        ),
    ],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help=f"{', '.join(FIGURE_KINDS)}, separated by commas. Default: all that can be drawn.",
            rich_help_panel=WHAT,
            autocompletion=complete.figure_kinds,
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        options.metrics("; others are left out. A scatter needs dynamic_degree and others.", complete.run_metrics),
    ] = None,
    model: OnlyModels = None,
    with_published: Annotated[bool, options.with_published()] = False,
    width: Annotated[
        str,
        typer.Option(
            metavar="WIDTH",
            help="column (8.25 cm), text (16.5 cm), or a number of centimetres.",
            rich_help_panel=HOW,
        ),
    ] = "column",
    trust: Trust = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAMES",
            help=f"Formats of the files, separated by commas: {', '.join(FIGURE_FORMATS)}.",
            rich_help_panel=FILES,
            autocompletion=complete.figure_formats,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        options.out(
            "the folder of the files. Default: RUN/figures, or ./figures for several runs, the paper, or a choice."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Draw the figures of papers: radar, heat maps, scatter, histograms.

    They can be read in grey.

    Example: i2vbench figures runs/a --with-published --format pdf --out paper/figures
    """
    kinds, wanted, models = split(kind), split(metrics), split(model)
    chosen = split(formats) or list(FIGURE_FORMATS)
    for flag, values, allowed in (("--kind", kinds, FIGURE_KINDS), ("--format", chosen, FIGURE_FORMATS)):
        for value in values:
            check_choice(flag, value, allowed)
    points = _parse_width(width)
    check_folder("--out", out)
    if PAPER in runs and (len(runs) > 1 or with_published):
        raise UserError("paper stands alone: --with-published draws its models beside those of runs")
    for spec in trust or ():
        METRICS.check_name(spec)

    from i2vbench.figures import write_figures

    with redirect_stdout(sys.stderr):  # what a metric prints is not the result
        folders = [] if runs == [PAPER] else list(map(run_folder, runs))
        series = _series(folders, wanted, trust or [], with_published)
        if models:
            series = series.of_models(models)
        own = len(runs) == 1 and runs != [PAPER] and not (wanted or models)
        folder = out or (folders[0] / "figures" if own else Path("figures"))
        written = write_figures(series, folder, list(dict.fromkeys(kinds)), list(dict.fromkeys(chosen)), points, wanted)
    if not quiet:
        for reason in written.left_out:
            print(f"not drawn: {reason}", file=sys.stderr)
        say(f"{amount(len(written.files), 'file')} in {folder}:")
        say("  " + "  ".join(file.name for file in written.files))


def _series(runs: Sequence[Path], metrics: Sequence[str], trusted: Sequence[str], with_paper: bool) -> Series:
    """What is drawn: of runs, or of the paper where there are none."""
    from i2vbench.figures.sources import paper_series, run_series, with_published

    if not runs:
        return paper_series().of_metrics(metrics) if metrics else paper_series()

    from i2vbench.tables import collect

    results = collect(runs, metrics or None, trusted)
    series = run_series(results)
    return with_published(series, results) if with_paper else series


def _parse_width(width: str) -> float:
    """The width in points.

    Raises:
        UserError: For what is no width, or one that no figure has.
    """
    try:
        centimetres = _WIDTHS[width] if width in _WIDTHS else float(width.removesuffix("cm"))
    except ValueError:
        centimetres = 0.0
    if not _LEAST_CM <= centimetres <= _MOST_CM:
        raise UserError(
            f"--width '{width}': expected {', '.join(_WIDTHS)}, or {_LEAST_CM:g} to {_MOST_CM:g} centimetres"
        )
    return centimetres * 72 / 2.54
