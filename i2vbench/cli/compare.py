"""`i2vbench compare`: two models sample by sample, with the statistics that a reviewer asks for."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2vbench.cli import complete, options
from i2vbench.cli.arguments import check_folder, parse_formats, run_folder, split
from i2vbench.cli.options import HOW, WHAT, Formats, Json, OnlyMetrics, QuietButJson, Trust
from i2vbench.cli.output import give
from i2vbench.errors import UserError
from i2vbench.registry import METRICS
from i2vbench.run_file import read_settings

if TYPE_CHECKING:
    from i2vbench.compare import Report


LEAST_DISTANCES = 100
"""Of fewer resamples a standard error is too rough, as `table --replicates` has it."""


def compare(
    run_a: Annotated[
        str, typer.Argument(metavar="RUN_A", help="Folder or address of a run.", autocompletion=complete.runs)
    ],
    run_b: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN_B",
            help="Of another; left out, both models are of the first.",
            autocompletion=complete.runs,
        ),
    ] = None,
    model_a: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A's name in its run, if that has several models.",
            rich_help_panel=WHAT,
            autocompletion=complete.first_runs_model,
        ),
    ] = None,
    model_b: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="B's name in its run.",
            rich_help_panel=WHAT,
            autocompletion=complete.last_runs_model,
        ),
    ] = None,
    metrics: OnlyMetrics = None,
    replicates: Annotated[
        int, options.replicates(", and draws of signs, for metrics with a number a clip.", min=100)
    ] = 10_000,
    distance_replicates: Annotated[
        int,
        typer.Option(
            min=0,
            rich_help_panel=HOW,
            help="Resamples for FVD, KID and the like, which are made again each time; FID has a tenth of them, but at "
            "least 100. 0 tests none.",
        ),
    ] = 1000,
    seed: Annotated[int, options.seed("of the resamples.", most=None)] = 0,
    trust: Trust = None,
    formats: Formats = None,
    out: Annotated[
        Path | None, options.out("the folder of the files. Default: ./compare, if a --format is asked for.")
    ] = None,
    by_category: Annotated[bool, options.by_category()] = True,
    json_output: Json = False,
    quiet: QuietButJson = False,
) -> None:
    """Compare two models sample by sample: differences, intervals, p-values, wins.

    Of a single model it is told how much of a mean's uncertainty comes of the seeds, and how many are enough.

    Example: i2vbench compare runs/a runs/b --format latex --out paper/
    """
    chosen, wanted, trusted = parse_formats(formats), split(metrics), trust or []
    if 0 < distance_replicates < LEAST_DISTANCES:
        raise UserError(
            f"--distance-replicates {distance_replicates}: expected {LEAST_DISTANCES} or more, or 0 for no test"
        )
    for spec in trusted:
        METRICS.check_name(spec)
    a, b = run_folder(run_a), None if run_b is None else run_folder(run_b)
    folders = [a, *([b] if b is not None else [])]
    known = [id_ for folder in folders for id_ in read_settings(folder)["metrics"]]
    for name in wanted:
        if name not in known:
            raise UserError(f"no metric '{name}' in these runs: they have {', '.join(dict.fromkeys(known))}")
    writes = bool(formats) or out is not None
    folder = out or Path("compare")
    if writes:
        check_folder("--out", folder)

    from i2vbench.compare import Draws, choose, open_sides, report_of, report_of_seeds, seed_noise
    from i2vbench.compare import compare as compare_sides

    with redirect_stdout(sys.stderr):  # what a metric prints is not the result
        sides = open_sides(choose(a, b, model_a, model_b))
        if len(sides.columns) == 1:
            report = report_of_seeds(sides.columns[0].label, seed_noise(sides, wanted or None, trusted))
        else:
            draws = Draws(replicates, distance_replicates, seed)
            found = compare_sides(sides, wanted or None, trusted, by_category, draws, tell=_ignore if quiet else _tell)
            report = report_of(found)
    _print(report, folder if writes else None, chosen, json_output, quiet)


def _print(report: Report, out: Path | None, formats: list[str], json_output: bool, quiet: bool) -> None:
    """Print a report on standard output, and on standard error where its files are."""
    from i2vbench.compare import to_terminal, write_report

    files = [] if out is None else write_report(report, out, formats)
    give(lambda: report.json, lambda: to_terminal(report), files, json_output=json_output, quiet=quiet)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _ignore(line: str) -> None:
    pass
