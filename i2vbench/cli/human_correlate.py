"""`i2vbench human correlate`: which metrics agree with the people of a study."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli.options import check_writable, parse_formats, run_folder, split
from i2vbench.errors import UserError
from i2vbench.place import FOLDERS
from i2vbench.registry import METRICS
from i2vbench.run_file import read_settings


def correlate(
    study: Annotated[Path, typer.Argument(help="Folder of the study.")],
    runs: Annotated[
        list[str],
        typer.Argument(help="Folders or addresses of runs in which the videos that people saw were measured."),
    ],
    metric: Annotated[list[str] | None, typer.Option(help="Only these metrics, separated by commas.")] = None,
    replicates: Annotated[
        int, typer.Option(min=0, help="Resamples of raters and samples behind the intervals; 0 for no intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing.")] = 0,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Keep raters who fail the checks.")] = False,
    trust: Annotated[
        list[str] | None, typer.Option(help="FILE.py:Class of a metric of your own that may run; repeat it.")
    ] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="csv, latex, markdown, html, separated by commas.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the files. Default: STUDY/correlate, if a --format is asked for.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print everything as JSON on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Tell which metrics agree with people: sample by sample, over models, and in win ratios as VBench has them.

    Example: i2vbench human correlate study/ runs/a runs/b --format latex --out paper/
    """
    chosen, wanted, trusted = parse_formats(formats), split(metric), trust or []
    for spec in trusted:
        METRICS.check_name(spec)
    folders = [run_folder(run, FOLDERS) for run in runs]
    known = [id_ for folder in folders for id_ in read_settings(folder)["metrics"]]
    for name in wanted:
        if name not in known:
            raise UserError(f"no metric '{name}' in these runs: they have {', '.join(dict.fromkeys(known)) or 'none'}")
    writes = bool(formats) or out is not None
    folder = out or study / "correlate"
    if writes:
        check_writable("--out", folder / "correlate.csv")

    from i2vbench.human.correlate import correlate as correlate_votes
    from i2vbench.human.correlate_tables import as_json, tables
    from i2vbench.human.counted import count_votes, open_votes
    from i2vbench.tables import write_plain
    from i2vbench.tables.plain import print_plain

    with redirect_stdout(sys.stderr):  # what a metric prints is not the result
        counted = count_votes(*open_votes(study), keep_all=keep_all)
        found = correlate_votes(counted, folders, wanted or None, trusted, replicates, seed)
    made = tables(found)
    if json_output:
        print(json.dumps(as_json(found), indent=2, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        print(print_plain([table.shown for table in made]))
    files = write_plain(made, folder, chosen) if writes else []
    if files and not quiet:
        print(f"{len(files)} files in {folder}:", file=sys.stderr)
        print("  " + "  ".join(file.name for file in files), file=sys.stderr)
