"""`i2vbench leaderboard`: what a run must be to stand beside published numbers, and whether a submission is true."""

from __future__ import annotations

from typing import Annotated

import typer

from i2vbench.cli.leaderboard_add import add
from i2vbench.cli.leaderboard_build import build
from i2vbench.cli.leaderboard_verify import verify
from i2vbench.cli.options import run_folder, say

app = typer.Typer(
    help="Leaderboards: whether a run may go on one, what a pull request adds, whether it is true, and the pages.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    pass


@app.command("check")
def check(run: Annotated[str, typer.Argument(help="The run's folder, or the address where it is kept.")]) -> None:
    """Say whether a run may be submitted to a leaderboard, or else every reason why it may not.

    Example: i2vbench leaderboard check runs/mine
    """
    from i2vbench.leaderboards.admission import examine

    verdict = examine(run_folder(run))
    for line in verdict.reasons or ["It may be submitted."]:
        say(line)
    for note in verdict.notes:
        say(f"note: {note}")
    if verdict.reasons:
        raise typer.Exit(1)


app.command("add")(add)
app.command("verify")(verify)
app.command("build")(build)
