"""`i2vbench table`: the tables of one run or several, again or in another form."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2vbench.cli.options import parse_formats, split
from i2vbench.errors import UserError
from i2vbench.registry import METRICS
from i2vbench.run_file import read_settings

if TYPE_CHECKING:
    from i2vbench.tables import Results


def register(app: typer.Typer) -> None:
    app.command("table")(table)


def table(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs; their models stand side by side.")],
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="csv, latex, markdown, html, separated by commas.")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Only these metrics, separated by commas.")] = None,
    trust: Annotated[
        list[str] | None,
        typer.Option(
            help="FILE.py:Class of a metric of your own that may run; repeat it. A run's folder may be somebody "
            "else's, so the code that it names is not run unasked."
        ),
    ] = None,
    small_categories: Annotated[
        bool,
        typer.Option("--small-categories", help="Show distances of categories too small for them; mostly bias."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the files. Default: RUN/tables, or ./tables for several runs or a choice of metrics."
        ),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the tables as JSON on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write the files and print nothing.")] = False,
) -> None:
    """Make the tables of finished or unfinished runs from what they have stored; no model and no GPU is needed.

    Example: i2vbench table runs/a runs/b --format latex --out paper/
    """
    chosen, wanted, trusted = parse_formats(formats), split(metric), trust or []
    for spec in trusted:
        METRICS.check_name(spec)
    known = [id_ for run in runs for id_ in read_settings(run)["metrics"]]
    for name in wanted:
        if name not in known:
            raise UserError(f"no metric '{name}' in these runs: they have {', '.join(dict.fromkeys(known))}")

    from i2vbench.tables import collect, write_tables

    # A choice of the metrics goes to a place of its own, or it would stand beside older files of the others.
    folder = out or (runs[0] / "tables" if len(runs) == 1 and not wanted else Path("tables"))
    with redirect_stdout(sys.stderr):  # what a metric prints is not the result
        results = collect(runs, wanted or None, trusted, small_categories)
        # --json alone asks for no files, and a run may lie where nothing can be written.
        writes = not json_output or bool(formats) or out is not None
        if writes and results.not_run and out is None:
            reasons = "; ".join(f"{id_} is {reason}" for id_, reason in results.not_run.items())
            raise UserError(
                f"{reasons}. Mend that, choose others with --metric, or name a folder with --out for tables without it"
            )
        files = write_tables(results, folder, chosen) if writes else []
    print_results(results, files, json_output, quiet)


def print_results(results: Results, files: Sequence[Path], json_output: bool, quiet: bool) -> None:
    """Print tables on standard output, and on standard error where their files are."""
    from i2vbench.tables import print_tables, results_as_json

    if json_output:
        print(json.dumps(results_as_json(results), indent=2, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        print(print_tables(results))
    if files and not quiet:
        print(f"{len(files)} files in {files[0].parent}:", file=sys.stderr)
        print("  " + "  ".join(file.name for file in files), file=sys.stderr)
