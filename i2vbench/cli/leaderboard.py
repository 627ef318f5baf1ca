"""`i2vbench leaderboard`: what a run must be to stand beside published numbers, and whether a submission is true."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli.options import DEVICE_HELP, check_device, check_writable, cleaned_up, plain, say
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.registry import DATASETS

app = typer.Typer(
    help="Leaderboards: whether a run may go on one, and whether an archive is true.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    pass


@app.command("check")
def check(run: Annotated[Path, typer.Argument(help="The run's folder.")]) -> None:
    """Say whether a run may be submitted to a leaderboard, or else every reason why it may not.

    Example: i2vbench leaderboard check runs/mine
    """
    from i2vbench.leaderboards.admission import examine

    verdict = examine(run)
    for line in verdict.reasons or ["It may be submitted."]:
        say(line)
    for note in verdict.notes:
        say(f"note: {note}")
    if verdict.reasons:
        raise typer.Exit(1)


@app.command("verify")
def verify(
    archive: Annotated[Path, typer.Argument(help="What `i2vbench submit` has made; nothing in it is run.")],
    clips: Annotated[int, typer.Option(min=1, help="How many clips are measured again, of all models alike.")] = 20,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Which clips these are. Default: drawn, and told.")
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(help="Where the videos are, as RUN/videos, if the archive has none.")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="The data set, as `run` takes it. Default: the built-in one of that name, if it is here."),
    ] = None,
    device: Annotated[str, typer.Option(help=f"{DEVICE_HELP} Another kind than the run's rounds otherwise.")] = "auto",
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave metrics out whose checkpoints are not here; it says so.")
    ] = False,
    recompute_only: Annotated[
        bool, typer.Option("--recompute-only", help="Make its tables again and measure nothing.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also well if it may not go on a leaderboard; it says why not.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Keep what is made: the tables, the report, the run. A new folder.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the report as JSON on standard output.")] = False,
) -> None:
    """Hold an archive to what it says, make its tables again, and measure some of its clips again.

    Exit code 1: something in it is not so, each thing listed. 2: it is no submission, one made to do harm, or
    it cannot be looked at here (checkpoints are missing, the disk is full).

    Example: i2vbench leaderboard verify mine.zip --dataset ucf101:data/ucf101
    """
    check_device(device)
    if not archive.is_file():
        raise UserError(f"{archive}: {'is no file' if archive.exists() else 'no such file'}; expected an archive")
    if dataset is not None:
        DATASETS.check_name(dataset)
    if videos is not None and not videos.is_dir():
        raise UserError(f"--videos {videos}: there is no such folder")
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"--out {out}: expected a new folder, or an empty one")
        check_writable("--out", out / "report.json")

    from i2vbench.leaderboards.submission.archive import Refused
    from i2vbench.leaderboards.submission.verify import Wish
    from i2vbench.leaderboards.submission.verify import verify as verify_archive

    wish = Wish(
        archive=archive, clips=clips, seed=seed, videos=videos, dataset=dataset, device=device,
        skip_missing=skip_missing, recompute_only=recompute_only, anyway=anyway,
    )  # fmt: skip
    try:
        with cleaned_up(), _room(out) as room:
            with redirect_stdout(sys.stderr):  # what a metric prints is not the result
                report = verify_archive(wish, room)
            if out is not None:
                (out / "report.json").write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    except UserError as error:  # it may hold text of the archive's
        text = f"{archive}: {error}" if isinstance(error, Refused) else str(error)
        raise UserError("\n".join(map(plain, text.split("\n")))) from error
    if json_output:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        for line in report.lines():
            say(line)
    if not report.verified:
        raise typer.Exit(1)


@contextmanager
def _room(out: Path | None) -> Iterator[Path]:
    """The folder that is asked for, or one that goes when the block ends.

    Raises:
        UserError: It cannot be made or written to.
    """
    made = False
    try:
        with ExitStack() as stack:
            room = out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="i2vbench-verify-")))
            room.mkdir(parents=True, exist_ok=True)
            made = True
            yield room
    except (OSError, sqlite3.OperationalError) as error:
        if made and not is_disk_error(error):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        place = out or tempfile.gettempdir()
        raise UserError(f"{place} cannot be written to: {reason}; make room, or name another folder (--out)") from error
