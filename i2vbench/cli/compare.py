"""`i2vbench compare`: two models sample by sample, with the statistics that a reviewer asks for."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2vbench.cli.options import check_writable, parse_formats, run_folder, split
from i2vbench.errors import UserError
from i2vbench.registry import METRICS
from i2vbench.run_file import read_settings

if TYPE_CHECKING:
    from i2vbench.compare import Report


LEAST_DISTANCES = 100
"""Of fewer resamples a standard error is too rough, as `table --replicates` has it."""


def register(app: typer.Typer) -> None:
    app.command("compare")(compare)


def compare(
    run_a: Annotated[str, typer.Argument(help="Folder or address of a run.")],
    run_b: Annotated[str | None, typer.Argument(help="Of another; left out, both models are of the first.")] = None,
    model_a: Annotated[str | None, typer.Option(help="A's name in its run, if that has several models.")] = None,
    model_b: Annotated[str | None, typer.Option(help="B's name in its run.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Only these metrics, separated by commas.")] = None,
    by_category: Annotated[
        bool, typer.Option("--by-category/--no-by-category", help="Compare each category too.")
    ] = True,
    replicates: Annotated[
        int, typer.Option(min=100, help="Resamples and draws of signs, for metrics with a number a clip.")
    ] = 10_000,
    distance_replicates: Annotated[
        int,
        typer.Option(
            min=0,
            help="Resamples for FVD, KID and the like, which are made again each time; FID has a tenth of them, but at "
            "least 100. 0 tests none.",
        ),
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing.")] = 0,
    trust: Annotated[
        list[str] | None, typer.Option(help="FILE.py:Class of a metric of your own that may run; repeat it.")
    ] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="csv, latex, markdown, html, separated by commas.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the files. Default: ./compare, if a --format is asked for.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print everything as JSON on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Compare two models of one run or of two, sample by sample: differences, intervals, p-values, wins, in words.

    Of a single model it is told how much of a mean's uncertainty comes of the seeds, and how many are enough.

    Example: i2vbench compare runs/a runs/b --format latex --out paper/
    """
    chosen, wanted, trusted = parse_formats(formats), split(metric), trust or []
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
        check_writable("--out", folder / "compare.csv")

    from i2vbench.compare import Draws, choose, open_sides, report_of, report_of_seeds, seed_noise
    from i2vbench.compare import compare as compare_sides

    with redirect_stdout(sys.stderr):  # what a metric prints is not the result
        sides = open_sides(choose(a, b, model_a, model_b))
        if len(sides.columns) == 1:
            report = report_of_seeds(sides.columns[0].label, seed_noise(sides, wanted or None, trusted))
        else:
            draws = Draws(replicates, distance_replicates, seed)
            found = compare_sides(sides, wanted or None, trusted, by_category, draws, tell=_tell)
            report = report_of(found)
    _print(report, folder if writes else None, chosen, json_output, quiet)


def _print(report: Report, out: Path | None, formats: list[str], json_output: bool, quiet: bool) -> None:
    """Print a report on standard output, and on standard error where its files are."""
    from i2vbench.compare import to_terminal, write_report

    if json_output:
        print(json.dumps(report.json, indent=2, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        print(to_terminal(report))
    files = [] if out is None else write_report(report, out, formats)
    if files and not quiet:
        print(f"{len(files)} files in {out}:", file=sys.stderr)
        print("  " + "  ".join(file.name for file in files), file=sys.stderr)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
