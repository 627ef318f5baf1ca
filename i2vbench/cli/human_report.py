"""`i2vbench human report`: which share of the responses chose each model, how sure that is, how far people agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_folder, parse_formats
from i2vbench.cli.options import Formats, Json, KeepAll, QuietButJson, Study
from i2vbench.cli.output import give


def report(
    study: Study,
    with_published: Annotated[bool, options.with_published(" in Table 1: the shares.")] = False,
    keep_all: KeepAll = False,
    replicates: Annotated[int, options.replicates(min=400, max=100_000)] = 1000,
    seed: Annotated[int, options.seed("of the resamples.", most=None)] = 0,
    formats: Formats = None,
    out: Annotated[
        Path | None, options.out("the folder of the files. Default: STUDY/tables, if a --format is asked for.")
    ] = None,
    by_category: Annotated[bool, options.by_category(": a table per question.")] = False,
    by_pair: Annotated[
        bool,
        typer.Option(
            "--by-pair", help="Who is preferred to whom too: a table per question.", rich_help_panel=options.SHOWN
        ),
    ] = False,
    json_output: Json = False,
    quiet: QuietButJson = False,
) -> None:
    """Count a study's votes: shares and scores with intervals, agreement, who was left out.

    Intervals are over raters and items.

    Example: i2vbench human report study/ --by-category --format latex --out paper/
    """
    chosen = parse_formats(formats) if formats or out is not None else []
    folder = out or study / "tables"

    from i2vbench.human.counted import open_votes, rater_names
    from i2vbench.human.report import Wanted, as_json, make_report
    from i2vbench.human.report_tables import check_published, report_tables
    from i2vbench.human.shares import Draws
    from i2vbench.tables import write_plain
    from i2vbench.tables.text import print_aligned

    asked, responses = open_votes(study)
    if with_published:
        check_published(asked)
    if chosen:
        check_folder("--out", folder)
    wanted = Wanted(keep_all=keep_all, categories=by_category, pairs=by_pair)
    made = make_report(asked, responses, rater_names(study), wanted, Draws(replicates, seed))
    tables = report_tables(made, published=with_published)
    files = write_plain(tables, folder, chosen) if chosen else []
    give(
        lambda: as_json(made, tables[0].notes),
        lambda: print_aligned(tables),
        files,
        json_output=json_output,
        quiet=quiet,
    )
