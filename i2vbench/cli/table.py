"""`i2vbench table`: the tables of one run or several, again or in another form; and the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2vbench.cli import complete, options
from i2vbench.cli.arguments import check_folder, parse_formats, run_folder, split
from i2vbench.cli.options import Formats, Json, OnlyMetrics, QuietButJson, Trust
from i2vbench.cli.output import give
from i2vbench.cli.table_paper import OF_PEOPLE, Wish, parse_tables, refuse_not_run, tables_of_paper, tables_of_runs
from i2vbench.errors import UserError
from i2vbench.names import PAPER
from i2vbench.registry import METRICS
from i2vbench.run_file import read_settings

if TYPE_CHECKING:
    from i2vbench.tables import Results


_what = partial(options.own, options.WHAT)
_how = partial(options.own, options.HOW)


def make_tables(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Folders or addresses of runs; their models stand side by side. Or the word paper: its own tables "
            "(./paper is a folder).",
            autocompletion=complete.runs_or_paper,
        ),
    ],
    table: Annotated[
        list[str] | None,
        _what("Numbers of the paper's tables, whose layout is taken, separated by commas.", metavar="NUMBERS"),
    ] = None,
    with_published: Annotated[bool, options.with_published(", with --table.")] = False,
    metrics: OnlyMetrics = None,
    human: Annotated[
        Path | None,
        _what("With --table 1: folder of a human study, whose shares stand in the columns of people.", metavar="STUDY"),
    ] = None,
    small_categories: Annotated[
        bool, _what("Show distances of categories too small for them; mostly bias.", "--small-categories")
    ] = False,
    intervals: Annotated[
        bool,
        _how("A 95% bootstrap interval over samples for each number (docs/statistics.md).", "--intervals"),
    ] = False,
    replicates: Annotated[
        int | None,
        options.replicates("; FID has a tenth of them, but at least 100. Default: 1000.", min=100, max=10_000),
    ] = None,
    trust: Trust = None,
    formats: Formats = None,
    out: Annotated[
        Path | None,
        options.out(
            "the folder of the files. Default: RUN/tables, or ./tables for several runs or a choice of metrics."
        ),
    ] = None,
    json_output: Json = False,
    quiet: QuietButJson = False,
) -> None:
    """Make the tables of finished or unfinished runs, from what they have stored.

    No model and no GPU is needed.

    Example: i2vbench table runs/a runs/b --format latex --out paper/

    Example: i2vbench table runs/a --table 2 --with-published

    Example: i2vbench table paper --table 6 --format latex
    """
    wanted, tables = split(metrics), parse_tables(table)
    check_folder("--out", out)
    if replicates is not None and not intervals:
        raise UserError("--replicates says how many resamples are behind the intervals: ask for these too, --intervals")
    for spec in trust or []:
        METRICS.check_name(spec)
    wish = Wish(
        published=with_published, trusted=trust or [], small_categories=small_categories, human=human,
        intervals=intervals, replicates=replicates,
        formats=formats, out=out, json_output=json_output, quiet=quiet,
    )  # fmt: skip
    if human is not None and OF_PEOPLE not in tables:
        raise UserError(f"--human: needs the table that has columns for it, --table {OF_PEOPLE}")
    _check_together(runs, bool(tables), wanted, wish)
    if PAPER in runs:
        tables_of_paper(tables, wish)
    elif tables:
        tables_of_runs(tables, list(map(run_folder, runs)), wish)
    else:
        _own_tables(list(map(run_folder, runs)), wanted, wish)


def _check_together(runs: Sequence[str], tables: bool, wanted: Sequence[str], wish: Wish) -> None:
    """Refuse options that say nothing together."""
    if tables and wanted:
        raise UserError("--metrics: a table of the paper has its own metrics; leave out --metrics or --table")
    if PAPER in runs:
        if len(runs) > 1:
            raise UserError(
                "paper: stands alone, for the paper's own tables; `RUN --table N --with-published` puts runs beside "
                "them, and ./paper is a folder"
            )
        given = {
            "--metrics": wanted, "--trust": wish.trusted, "--small-categories": wish.small_categories,
            "--with-published": wish.published, "--intervals": wish.intervals, "--human": wish.human,
        }  # fmt: skip
        for name, value in given.items():
            if value:
                raise UserError(f"{name}: is for runs; paper prints the paper's own tables (./paper is a folder)")
    elif wish.published and not tables:
        raise UserError("--with-published: needs a table of the paper, --table N")


def _own_tables(runs: Sequence[Path], wanted: Sequence[str], wish: Wish) -> None:
    """A summary and a table per metric."""
    chosen = parse_formats(wish.formats)
    known = [id_ for run in runs for id_ in read_settings(run)["metrics"]]
    for name in wanted:
        if name not in known:
            raise UserError(f"no metric '{name}' in these runs: they have {', '.join(dict.fromkeys(known))}")

    from i2vbench.tables import write_tables

    # A choice of the metrics goes to a place of its own, or it would stand beside older files of the others.
    folder = wish.out or (runs[0] / "tables" if len(runs) == 1 and not wanted else Path("tables"))
    with wish.collecting() as collecting:
        results = collecting(runs, wanted or None)
        if wish.writes and wish.out is None:
            refuse_not_run(dict(results.not_run))
        files = write_tables(results, folder, chosen) if wish.writes else []
    print_results(results, files, wish.json_output, wish.quiet)


def print_results(results: Results, files: Sequence[Path], json_output: bool, quiet: bool) -> None:
    """Print tables on standard output, and on standard error where their files are."""
    from i2vbench.tables import print_tables, results_as_json

    give(lambda: results_as_json(results), lambda: print_tables(results), files, json_output=json_output, quiet=quiet)
