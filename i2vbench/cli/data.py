"""`i2vbench data ...`: looking after data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look after data sets.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("check")
def check(path: Annotated[Path, typer.Argument(help="A folder with a metadata.csv.")]) -> None:
    """Say whether a folder is a valid data set: every fault, with its row. Exit code 1 if there is any.

    Every clip is decoded from its start to its end.
    """
    from i2vbench.datasets.check import check_folder

    faults = check_folder(str(path))
    for fault in faults:
        print(fault)
    if faults:
        print(f"{len(faults)} faults in {path}")
        raise typer.Exit(1)
    print(f"{path} is a valid data set")
