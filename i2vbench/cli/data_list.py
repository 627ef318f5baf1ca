"""`i2vbench data list`: the samples of a data set, so that others can use the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_writable
from i2vbench.cli.options import DataSet
from i2vbench.cli.output import teller
from i2vbench.texts import amount


def list_samples(
    dataset: DataSet,
    out: Annotated[Path | None, options.out("a file for the table. Default: standard output.")] = None,
    hashes: Annotated[
        bool, typer.Option("--hashes", help="A column with the SHA-256 of every file, too; every file is read for it.")
    ] = False,
) -> None:
    """Write the samples of a data set as CSV: prompt, file, first frame, length.

    How many they are, and the data set's fingerprint, which a run records too, go to standard error.

    Example: i2vbench data list ucf101:seed-1=UCF-101 --out drawn.csv
    """
    if out is not None:
        check_writable("--out", out)

    from i2vbench.datasets import listing
    from i2vbench.files import write_bytes
    from i2vbench.registry import open_dataset

    opened = open_dataset(dataset)
    table = listing.list_samples(opened, hashes, teller())
    samples = opened.samples()
    if out is None:
        print(table, end="")
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, table.encode())
    fingerprint = opened.fingerprint(samples)
    print(f"{amount(len(samples), 'sample')} of {opened.name}"
          f"{f' ({opened.note})' if opened.note else ''}; fingerprint {fingerprint}", file=sys.stderr)  # fmt: skip
