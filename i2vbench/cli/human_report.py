"""`i2vbench human report`: which share of the responses chose each model, how sure that is, how far people agree."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli.options import check_writable, parse_formats


def report(
    study: Annotated[Path, typer.Argument(help="Folder of a study; its page may be running.")],
    by_category: Annotated[bool, typer.Option("--by-category", help="Also a table per question by category.")] = False,
    by_pair: Annotated[
        bool, typer.Option("--by-pair", help="Also a table per question of who is preferred to whom.")
    ] = False,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Count raters who fail the checks too.")] = False,
    with_published: Annotated[
        bool, typer.Option("--with-published", help="Beside the shares that the paper prints in Table 1.")
    ] = False,
    replicates: Annotated[int, typer.Option(min=400, max=100_000, help="Resamples behind each interval.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing.")] = 0,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="csv, latex, markdown, html, separated by commas.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the files. Default: STUDY/tables, if a --format is asked for.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print everything as JSON on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Count a study's votes: shares and scores with intervals over raters and items, agreement, who was left out.

    Example: i2vbench human report study/ --by-category --format latex --out paper/
    """
    chosen = parse_formats(formats) if formats or out is not None else []
    folder = out or study / "tables"

    from i2vbench.human.counted import open_votes, rater_names
    from i2vbench.human.report import Wanted, as_json, make_report
    from i2vbench.human.report_tables import check_published, report_tables
    from i2vbench.human.shares import Draws
    from i2vbench.tables import write_plain
    from i2vbench.tables.plain import print_plain

    asked, responses = open_votes(study)
    if with_published:
        check_published(asked)
    if chosen:
        check_writable("--out", folder / "human.csv")
    wanted = Wanted(keep_all=keep_all, categories=by_category, pairs=by_pair)
    made = make_report(asked, responses, rater_names(study), wanted, Draws(replicates, seed))
    tables = report_tables(made, published=with_published)
    if json_output:
        print(json.dumps(as_json(made, tables[0].notes), indent=2, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        print(print_plain(tables))
    files = write_plain(tables, folder, chosen) if chosen else []
    if files and not quiet:
        print(f"{len(files)} files in {folder}:", file=sys.stderr)
        print("  " + "  ".join(file.name for file in files), file=sys.stderr)
