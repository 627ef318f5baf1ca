"""`i2vbench human correlate`: which metrics agree with the people of a study."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

from i2vbench.cli import options
from i2vbench.cli.arguments import check_folder, parse_formats, run_folder, split
from i2vbench.cli.options import Formats, Json, KeepAll, OnlyMetrics, QuietButJson, Runs, Study, Trust
from i2vbench.cli.output import give
from i2vbench.errors import UserError
from i2vbench.place import FOLDERS
from i2vbench.registry import METRICS
from i2vbench.run_file import read_settings


def correlate(
    study: Study,
    runs: Runs,
    metrics: OnlyMetrics = None,
    replicates: Annotated[
        int, options.replicates(", drawn over raters and samples; 0 for no intervals.", min=0)
    ] = 1000,
    seed: Annotated[int, options.seed("of the resamples.", most=None)] = 0,
    keep_all: KeepAll = False,
    trust: Trust = None,
    formats: Formats = None,
    out: Annotated[
        Path | None, options.out("the folder of the files. Default: STUDY/correlate, if a --format is asked for.")
    ] = None,
    json_output: Json = False,
    quiet: QuietButJson = False,
) -> None:
    """Tell which metrics agree with people: by sample, over models, in win ratios.

    In the runs the videos that people saw were measured. Win ratios are as VBench has them.

    Example: i2vbench human correlate study/ runs/a runs/b --format latex --out paper/
    """
    chosen, wanted, trusted = parse_formats(formats), split(metrics), trust or []
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
        check_folder("--out", folder)

    from i2vbench.human.correlate import correlate as correlate_votes
    from i2vbench.human.correlate_tables import as_json, tables
    from i2vbench.human.counted import count_votes, open_votes
    from i2vbench.tables import write_plain
    from i2vbench.tables.text import print_aligned

    with redirect_stdout(sys.stderr):  # what a metric prints is not the result
        counted = count_votes(*open_votes(study), keep_all=keep_all)
        found = correlate_votes(counted, folders, wanted or None, trusted, replicates, seed)
    made = tables(found)
    files = write_plain(made, folder, chosen) if writes else []
    give(
        lambda: as_json(found), lambda: print_aligned([table.shown for table in made]), files,
        json_output=json_output, quiet=quiet,
    )  # fmt: skip
