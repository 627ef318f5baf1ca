"""`i2vbench validate-metrics`: how every metric answers known damage."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated

import typer

from i2vbench.cli.options import DEVICE_HELP, check_device, check_writable, split

DRAWN = "synthetic"


def register(app: typer.Typer) -> None:
    app.command("validate-metrics")(validate_metrics)


def validate_metrics(
    profile: Annotated[str, typer.Option(help="tiny, paper, or a TOML file.")] = "tiny",
    metrics: Annotated[list[str] | None, typer.Option(help="NAME,NAME or all.")] = None,
    damages: Annotated[list[str] | None, typer.Option(help="Only these, NAME,NAME.")] = None,
    dataset: Annotated[
        str, typer.Option(help="What is damaged: synthetic, or a data set with real clips (which cannot be swapped).")
    ] = DRAWN,
    clips: Annotated[int, typer.Option(min=2, help="How many.")] = 12,
    quick: Annotated[
        bool, typer.Option(help="Only the strongest grade: a quarter of the time, but not whether it is monotone.")
    ] = False,
    device: Annotated[str, typer.Option(help=DEVICE_HELP)] = "auto",
    out: Annotated[Path, typer.Option(help="The folder for damage.csv, truth.csv and report.md.")] = Path(
        "runs/validate"
    ),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Put the metrics to the test: show them clips with graded, known damage, and see what they make of it.

    What each metric was expected to answer was stated beforehand. Exit code 1 if one does not behave as stated.

    Example: i2vbench validate-metrics --metrics temporal_flickering,fvd --clips 8
    """
    check_device(device)
    check_writable("--out", out)

    from i2vbench.progress import choose
    from i2vbench.validate.command import Wish, validate

    wish = Wish(
        profile=profile,
        metrics=tuple(split(metrics)) or ("all",),
        damages=tuple(split(damages)),
        dataset=dataset,
        clips=clips,
        device=device,
        quick=quick,
    )
    with choose(quiet) as progress:
        found = validate(wish, progress)
    from i2vbench.validate.report import lines, write_report

    for line in lines(found.reactions, found.scores, found.notes, get_terminal_size((100, 24)).columns):
        print(line)
    files = write_report(out, found.reactions, found.scores, found.title, found.profile, found.notes)
    print(f"\n{found.title}\n{', '.join(map(str, files))}")
    wrong = [r for r in found.reactions if r.as_stated is False]
    if wrong:
        are = "answer is" if len(wrong) == 1 else "answers are"
        print(f"{len(wrong)} {are} not as stated: {', '.join(f'{r.metric} to {r.damage}' for r in wrong)}")
        raise typer.Exit(1)
