"""`i2vbench validate-metrics`: how every metric answers known damage."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_device, check_folder, split
from i2vbench.cli.options import Device, Quiet

DRAWN = "synthetic"


def validate_metrics(
    metrics: Annotated[list[str] | None, options.metrics(", or all. Default: all.")] = None,
    damages: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Only these damages, separated by commas.", rich_help_panel=options.WHAT),
    ] = None,
    dataset: Annotated[
        str,
        options.dataset(": what is damaged, synthetic or a data set with real clips (which cannot be swapped)."),
    ] = DRAWN,
    limit: Annotated[int, options.limit(": clips of the data set.", min=2)] = 12,
    profile: Annotated[str, options.profile("what metrics look through.")] = "tiny",
    quick: Annotated[
        bool,
        options.quick("only the strongest grade, a quarter of the time, but not whether it is monotone."),
    ] = False,
    device: Device = "auto",
    out: Annotated[Path, options.out("the folder of damage.csv, truth.csv and report.md.")] = Path("runs/validate"),
    quiet: Quiet = False,
) -> None:
    """Put the metrics to the test, with clips of graded, known damage.

    What each metric was expected to answer was stated beforehand. Exit code 1 if one does not behave as stated.

    Example: i2vbench validate-metrics --metrics temporal_flickering,fvd --limit 8
    """
    check_device(device)
    check_folder("--out", out)

    from i2vbench.progress import choose
    from i2vbench.validate.command import Wish, validate

    wish = Wish(
        profile=profile,
        metrics=tuple(split(metrics)) or ("all",),
        damages=tuple(split(damages)),
        dataset=dataset,
        clips=limit,
        device=device,
        quick=quick,
    )
    with choose(quiet) as progress:
        found = validate(wish, progress)
    from i2vbench.validate.report import lines, write_report

    files = write_report(out, found.reactions, found.scores, found.title, found.profile, found.notes)
    if not quiet:
        for line in lines(found.reactions, found.scores, found.notes, get_terminal_size((100, 24)).columns):
            print(line)
        print(f"\n{found.title}\n{', '.join(map(str, files))}")
    wrong = [r for r in found.reactions if r.as_stated is False]
    if wrong:
        are = "answer is" if len(wrong) == 1 else "answers are"
        names = ", ".join(f"{r.metric} to {r.damage}" for r in wrong)
        print(f"{len(wrong)} {are} not as stated: {names}", file=sys.stderr)
        raise typer.Exit(1)
