"""`i2vbench data stats`: what a data set holds, by category."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli.options import parse_formats


def register(app: typer.Typer) -> None:
    app.command("stats")(stats)


def stats(
    dataset: Annotated[str, typer.Argument(help="A data set as --dataset names it, or a folder with a metadata.csv.")],
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="Files to write: csv, latex, markdown, html, separated by commas."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the files. Default with --format: ./tables.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the table as JSON on standard output.")] = False,
) -> None:
    """Print Table 4 of any data set: clips, words, lengths and heights by category, beside the paper's counts.

    Files are written where --format or --out asks for them.

    Example: i2vbench data stats i2v-bench --format latex --out paper/
    """
    chosen = parse_formats(formats)

    from i2vbench.datasets.counts import count_dataset
    from i2vbench.datasets.verify import open_dataset
    from i2vbench.tables import count_table, counts_as_json, to_aligned, write_plain

    counts = count_dataset(open_dataset(dataset))
    table = count_table(counts)
    files = write_plain([table], out or Path("tables"), chosen) if formats or out else []
    if json_output:
        print(json.dumps(counts_as_json(counts), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(to_aligned(table, table.notes))
    if files:
        print(f"{len(files)} file{'s' if len(files) > 1 else ''} in {files[0].parent}:", file=sys.stderr)
        print("  " + "  ".join(file.name for file in files), file=sys.stderr)
