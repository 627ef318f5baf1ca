"""`i2vbench leaderboard`: what a run must be to stand beside published numbers, and whether a submission is true."""

from __future__ import annotations

import typer

from i2vbench.cli.arguments import run_folder
from i2vbench.cli.leaderboard_add import add_folder
from i2vbench.cli.leaderboard_build import build
from i2vbench.cli.leaderboard_verify import verify
from i2vbench.cli.options import Json, Run
from i2vbench.cli.output import print_json, say
from i2vbench.cli.shape import add, new_group

app = new_group(
    "Check, add and verify what goes on a leaderboard, and make its pages.\n\n"
    "Example: i2vbench leaderboard check runs/mine"
)


def check(run: Run, json_output: Json = False) -> None:
    """Say whether a run may be submitted, or else every reason why it may not.

    Exit code 1 if it may not.

    Example: i2vbench leaderboard check runs/mine
    """
    from i2vbench.admission import examine

    verdict = examine(run_folder(run))
    if json_output:
        print_json({"may_be_submitted": not verdict.reasons, "reasons": verdict.reasons, "notes": verdict.notes})
    else:
        for line in verdict.reasons or ["It may be submitted."]:
            say(line)
        for note in verdict.notes:
            say(f"note: {note}")
    if verdict.reasons:
        raise typer.Exit(1)


add(app, "check", check)
add(app, "add", add_folder)
add(app, "verify", verify)
add(app, "build", build)
