"""`i2vbench leaderboard add`: an archive -> the folder that a pull request adds to a board."""

from __future__ import annotations

import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_folder
from i2vbench.cli.ends import cleaned_up
from i2vbench.cli.leaderboard_verify import (
    Clips,
    DataSet,
    Device,
    RecomputeOnly,
    Seed,
    SkipMissing,
    VideosFolder,
    check_wish,
    readable,
    room_for,
)
from i2vbench.cli.output import say
from i2vbench.errors import UserError

_ACCEPTED = Path("leaderboards/accepted")


def add_folder(
    archive: Annotated[Path, typer.Argument(help="What `i2vbench submit` has made; nothing in it is run.")],
    model: Annotated[str, options.only_models(": one, if the archive has several.")] = "",
    out: Annotated[
        Path | None,
        options.out(f"the folder with the boards' folders in it. Default: {_ACCEPTED}, in a checkout."),
    ] = None,
    name: Annotated[
        str,
        typer.Option(help="What the folder is called. Default: after the model.", rich_help_panel=options.FILES),
    ] = "",
    board: Annotated[
        str,
        typer.Option(help="The board. Default: that of the archive's data set.", rich_help_panel=options.FILES),
    ] = "",
    clips: Clips = 20,
    seed: Seed = None,
    videos: VideosFolder = None,
    dataset: DataSet = None,
    device: Device = "auto",
    skip_missing: SkipMissing = False,
    recompute_only: RecomputeOnly = False,
    anyway: Annotated[
        bool, options.anyway("make the folder of what may not go on a leaderboard too; it says so.")
    ] = False,
) -> None:
    """Verify an archive, and make the folder that a pull request adds of one of its models.

    It holds scores, cells with intervals, clips and entry.toml, and becomes OUT/BOARD/NAME. Fill in entry.toml, hold
    the folder to the archive with `leaderboard verify`, and open a pull request that adds it.

    Exit code 1: the archive is not what it says, or may not go on a leaderboard; each reason is listed. 2: it
    cannot be looked at.

    Example: i2vbench leaderboard add mine.zip --dataset ucf101:data/ucf101
    """
    check_wish(videos, dataset, device)
    if not archive.is_file():
        raise UserError(f"{archive}: {'is no file' if archive.exists() else 'no such file'}; expected an archive")
    if out is None and not _ACCEPTED.is_dir():
        raise UserError(f"there is no folder {_ACCEPTED} here: run it in a checkout, or name another folder (--out)")
    root = out or _ACCEPTED
    check_folder("--out", root)

    from i2vbench.leaderboards.folders import add
    from i2vbench.leaderboards.submission.verify import Wish

    wish = Wish(
        archive=archive, clips=clips, seed=seed, videos=videos, dataset=dataset, device=device,
        skip_missing=skip_missing, recompute_only=recompute_only, anyway=anyway, model=model,
    )  # fmt: skip
    with readable(str(archive)), cleaned_up(), room_for(None) as room, redirect_stdout(sys.stderr):
        added = add.add(wish, add.Place(root=root, board=board, name=name), room)
    for line in added.report.lines():
        say(line)
    for reason in added.reasons:
        say(f"it may not go on a leaderboard: {reason}")
    if added.folder is None:
        say("No folder was made.")
        raise typer.Exit(1)
    say(f"{added.folder} was made. Next: fill in {added.folder / 'entry.toml'}, then")
    command = ["i2vbench", "leaderboard", "verify", str(added.folder), "--archive", str(archive)]
    command += ["--videos", str(videos)] if videos else []
    command += ["--anyway"] if added.reasons else []
    say(f"  {shlex.join(command)}")
