"""What `i2vbench run` says when a run has ended: how, its tables, and where the time went."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path

import typer

from i2vbench.names import FORMATS
from i2vbench.run import Outcome
from i2vbench.timings import elapsed, take, timed


def tell(outcome: Outcome, json_output: bool, quiet: bool) -> None:
    """Say how the run ended, and print its tables.

    Raises:
        typer.Exit: With 1, where something failed.
    """
    if outcome.stopped:
        from i2vbench.endings import resume_hint

        _tell_times(outcome.folder)
        print(resume_hint(outcome.name), file=sys.stderr, flush=True)
        # Threads of a model's own may still be at work; the store is closed, so nothing is lost by leaving them.
        os._exit(130 if outcome.stopped == "SIGINT" else 143)
    from i2vbench.cli.table import print_results
    from i2vbench.tables import collect, write_tables

    with timed("tables"), redirect_stdout(sys.stderr):
        results = collect([outcome.folder])
        files = write_tables(results, outcome.folder / "tables", FORMATS)
        if outcome.storage is not None:
            _put_tables(outcome.storage)
    print_results(results, files, json_output, quiet)
    _tell_times(outcome.folder)
    if outcome.failed or results.failed_cells:
        failed = f"clips or measurements: {outcome.failed}" if outcome.failed else f"cells: {results.failed_cells}"
        print(
            f"failed {failed}; `i2vbench show {shlex.quote(outcome.name)}` and the tables say why, "
            "--retry-failed does them again.",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def _tell_times(folder: Path) -> None:
    """Say where the time went, where that was asked for."""
    times = take()
    if times is None:
        return
    import torch

    from i2vbench.files import write_json
    from i2vbench.tables.text import print_aligned
    from i2vbench.tables.timings import Account

    account = Account(times, elapsed(), torch.get_num_threads())
    write_json(folder / "timings.json", account.as_json())
    print(f"\n{print_aligned([account.table()])}\n{account.summary()}", file=sys.stderr, flush=True)


def _put_tables(storage: str) -> None:
    from i2vbench.storage.keeping import put_tables

    try:
        put_tables(storage)
    except OSError as error:
        print(f"note: the tables are here alone: {error.strerror}", file=sys.stderr)
