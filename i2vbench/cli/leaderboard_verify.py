"""`i2vbench leaderboard verify`: whether archives and folders of boards are what they say."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_device, check_folder
from i2vbench.cli.ends import cleaned_up
from i2vbench.cli.options import HOW, WHAT, Json
from i2vbench.cli.output import plain, plain_lines, print_json, say
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.registry import DATASETS

if TYPE_CHECKING:
    from i2vbench.leaderboards.submission.report import Report
    from i2vbench.leaderboards.submission.verify import Wish

_HTTPS = "https://"

Clips = Annotated[
    int,
    typer.Option(min=1, help="How many clips: so many are measured again, of all models alike.", rich_help_panel=HOW),
]
Seed = Annotated[int | None, options.seed("which clips these are. Default: drawn, and told.")]
VideosFolder = Annotated[
    Path | None,
    typer.Option(
        "--videos", help="Where the videos are, as RUN/videos, if the archive has none.", rich_help_panel=WHAT
    ),
]
DataSet = Annotated[str | None, options.dataset(". Default: the built-in one of that name, if it is here.")]
Device = Annotated[str, options.device(" Another kind than the run's rounds otherwise.")]
SkipMissing = Annotated[bool, options.skip_missing("; it says so.")]
RecomputeOnly = Annotated[
    bool,
    typer.Option("--recompute-only", help="Make its tables again and measure nothing.", rich_help_panel=HOW),
]


def verify(
    what: Annotated[
        list[Path],
        typer.Argument(help="Archives that `i2vbench submit` has made, folders of boards; nothing in them is run."),
    ],
    archive: Annotated[
        str,
        typer.Option(
            help="The archive of a folder: a file, or an https address. Default: archive.zip in the folder, else it "
            "is fetched from the address in entry.toml.",
            rich_help_panel=WHAT,
        ),
    ] = "",
    clips: Clips = 20,
    seed: Seed = None,
    videos: VideosFolder = None,
    dataset: DataSet = None,
    device: Device = "auto",
    skip_missing: SkipMissing = False,
    recompute_only: RecomputeOnly = False,
    anyway: Annotated[
        bool, options.anyway("be content with what may not go on a leaderboard; it says why not.")
    ] = False,
    out: Annotated[
        Path | None,
        options.out("a new folder, for tables, report, and the run with the archive's videos. Default: not kept."),
    ] = None,
    json_output: Json = False,
) -> None:
    """Hold an archive to what it says: make its tables again, measure clips again.

    Of a folder, as `leaderboard add` makes it and pull requests bring it, the same is done with its archive, and its
    scores, cells and clips are made again and compared.

    Exit code 1: something in it is not so, each thing listed. 2: it is no submission, one made to do harm, or
    it cannot be looked at here (checkpoints are missing, the disk is full).

    Example: i2vbench leaderboard verify mine.zip --dataset ucf101:data/ucf101
    """
    check_wish(videos, dataset, device)
    _check_places(what, archive, out)
    from i2vbench.leaderboards.submission.verify import Wish

    wish = Wish(
        archive=what[0], clips=clips, seed=seed, videos=videos, dataset=dataset, device=device,
        skip_missing=skip_missing, recompute_only=recompute_only, anyway=anyway, keep_videos=out is not None,
    )  # fmt: skip
    reports: list[Report] = []
    refused: list[UserError] = []
    for path in what:
        try:
            report = _look(path, wish, archive, out)
        except UserError as error:
            if len(what) == 1:
                raise
            refused.append(error)
            print(f"i2vbench: {plain_lines(error)}", file=sys.stderr)
            continue
        reports.append(report)
        if not json_output:
            for line in report.lines():
                say(line)
    if json_output:
        said = [report.as_dict() for report in reports]
        print_json(said[0] if len(what) == 1 else said)
    if refused:
        raise typer.Exit(2)
    if not all(report.verified for report in reports):
        raise typer.Exit(1)


def _look(path: Path, wish: Wish, archive: str, out: Path | None) -> Report:
    """The report of one archive or folder."""
    from dataclasses import replace

    from i2vbench.leaderboards.folders.check import verify_folder
    from i2vbench.leaderboards.submission.verify import verify as verify_archive
    from i2vbench.weights.progress import TransferLines

    with readable(str(path)), cleaned_up(), room_for(out) as room:
        with redirect_stdout(sys.stderr):  # what a metric prints is not the result
            if path.is_dir():
                report = verify_folder(path, wish, room, archive, partial(TransferLines().tell, "archive"))
            else:
                report = verify_archive(replace(wish, archive=path), room)
        if out is not None:
            (out / "report.json").write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    return report


def _check_places(what: Sequence[Path], archive: str, out: Path | None) -> None:
    for path in what:
        if (path / "run.json").is_file():
            raise UserError(f"{path}: is a run, not an archive of one: `i2vbench submit {path}` packs it")
        if not path.is_file() and not path.is_dir():
            said = "is no file" if path.exists() else "no such file"
            raise UserError(f"{path}: {said}; expected an archive, or the folder of a board")
    if archive and (len(what) > 1 or not what[0].is_dir()):
        raise UserError("--archive: names the archive of one folder; expected a folder, and no other beside it")
    if archive and not archive.startswith(_HTTPS) and not Path(archive).is_file():
        raise UserError(f"--archive {archive}: no such file; expected an archive, or an address that begins with https")
    if out is not None and len(what) > 1:
        raise UserError("--out: takes what is made of one archive or folder; verify the others by themselves")
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"--out {out}: expected a new folder, or an empty one")
        check_folder("--out", out)


def check_wish(videos: Path | None, dataset: str | None, device: str) -> None:
    """Refuse what cannot be meant, before anything is read.

    Raises:
        UserError: Naming the option.
    """
    check_device(device)
    if dataset is not None:
        DATASETS.check_name(dataset)
    if videos is not None and not videos.is_dir():
        raise UserError(f"--videos {videos}: there is no such folder")


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Errors as a terminal can show them: they may hold text of the archive's."""
    from i2vbench.leaderboards.submission.archive import Refused

    try:
        yield
    except UserError as error:
        text = f"{name}: {error}" if isinstance(error, Refused) else str(error)
        raise UserError("\n".join(map(plain, text.split("\n")))) from error


@contextmanager
def room_for(out: Path | None) -> Iterator[Path]:
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
