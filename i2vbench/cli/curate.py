"""`i2vbench data curate`: a data set from a plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import complete, options
from i2vbench.cli.arguments import check_device
from i2vbench.cli.options import Device, Quiet
from i2vbench.errors import UserError

_STAGES = (
    "search list metadata download shots cut picture text motion duplicates aesthetic category quota annotate"
).split()


def curate(
    plan: Annotated[Path | None, typer.Argument(help="A TOML file; --print-plan writes one to begin from.")] = None,
    out: Annotated[Path | None, options.out("the folder of the data set; made if it is not there.")] = None,
    until: Annotated[
        str,
        typer.Option(
            metavar="STAGE",
            help=f"The last stage: one of {', '.join(_STAGES)}.",
            autocompletion=complete.words(*_STAGES),
        ),
    ] = "annotate",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure and write nothing: how many would remain by the plan as it is?")
    ] = False,
    retry_failed: Annotated[bool, options.retry_failed(": what was gone, private or unsupported.")] = False,
    device: Device = "auto",
    print_plan: Annotated[bool, options.print_example("--print-plan", "a plan with every setting")] = False,
    quiet: Quiet = False,
) -> None:
    """Make a data set of videos by a plan: find, cut, measure, select, annotate.

    Exit code 1 if a video could not be had, or no clip remains.

    Stopped or killed at any moment, the same command goes on where it was. A threshold that is changed in the plan
    takes effect without measuring anew. What each stage kept and left out, and why, stands in OUT/stages/.

    Example: i2vbench data curate --print-plan > plan.toml

    Example: i2vbench data curate plan.toml --out my-bench --dry-run
    """
    if print_plan:
        from i2vbench.curation.plan import EXAMPLE

        print(EXAMPLE.read_text(encoding="utf-8"), end="")
        return
    if plan is None or out is None:
        raise UserError("expected a plan and --out DIR: i2vbench data curate PLAN.toml --out DIR")
    check_device(device)
    from i2vbench.curation.command import run
    from i2vbench.progress import choose

    try:
        outcome = run(plan, out, choose(quiet), until=until, dry_run=dry_run, retry_failed=retry_failed, device=device)
    except KeyboardInterrupt:
        print("what was measured is kept, and the same command goes on", file=sys.stderr)
        raise
    if not quiet:
        print(outcome.text)
    if not outcome.is_complete:
        raise typer.Exit(1)
