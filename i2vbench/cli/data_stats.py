"""`i2vbench data stats`: what a data set holds, by category."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from i2vbench.cli import options
from i2vbench.cli.arguments import check_folder, parse_formats
from i2vbench.cli.options import DataSet, Formats, Json, QuietButJson
from i2vbench.cli.output import give


def stats(
    dataset: DataSet,
    formats: Formats = None,
    out: Annotated[
        Path | None, options.out("the folder of the files. Default: ./tables, if a --format is asked for.")
    ] = None,
    json_output: Json = False,
    quiet: QuietButJson = False,
) -> None:
    """Print Table 4 of any data set: what it holds by category.

    These are clips, words, lengths and heights, beside the paper's counts. Files are written where --format or --out
    asks for them.

    Example: i2vbench data stats i2v-bench --format latex --out paper/
    """
    chosen = parse_formats(formats)
    check_folder("--out", out)

    from i2vbench.datasets.counts import count_dataset
    from i2vbench.registry import open_dataset
    from i2vbench.tables import count_table, counts_as_json, to_aligned, write_plain

    counts = count_dataset(open_dataset(dataset))
    table = count_table(counts)
    files = write_plain([table], out or Path("tables"), chosen) if formats or out else []
    give(
        lambda: counts_as_json(counts),
        lambda: to_aligned(table, table.notes),
        files,
        json_output=json_output,
        quiet=quiet,
    )
