"""`i2vbench submit`: a run as one archive, for a leaderboard or for anyone who wants to look at its numbers."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_writable, run_folder, split
from i2vbench.cli.ends import cleaned_up
from i2vbench.cli.options import OnlyModels, Run
from i2vbench.cli.output import say, teller
from i2vbench.errors import UserError
from i2vbench.place import FOLDERS
from i2vbench.run_file import read_settings

if TYPE_CHECKING:
    from i2vbench.leaderboards.submission.pack import Packed


def submit(
    run_name: Run,
    model: OnlyModels = None,
    with_videos: Annotated[
        bool,
        typer.Option("--with-videos", help="Pack the videos too; without it only their hashes go in."),
    ] = False,
    contact: Annotated[str, typer.Option(help="Whom to ask, as it stands in the archive: a name, an address.")] = "",
    anyway: Annotated[
        bool, options.anyway("pack a run that may not go on a leaderboard; the archive says so.")
    ] = False,
    out: Annotated[Path | None, options.out("the archive. Default: the run's name and .zip, here.")] = None,
) -> None:
    """Pack a run into one archive, for a leaderboard or a reader who doubts.

    It holds settings, every measurement, features, tables, adapters, and hashes of all videos.

    Example: i2vbench submit runs/mine --with-videos --contact "A. Author, mine@example.org"
    """
    run = run_folder(run_name, FOLDERS)
    read_settings(run)
    archive = out or Path(f"{run.resolve().name}.zip")
    if archive.suffix.lower() != ".zip" or archive.is_dir():
        raise UserError(f"--out {archive}: expected the name of a file ending in .zip")
    check_writable("--out", archive)
    if len(contact) > 200 or not contact.isprintable():
        raise UserError("--contact: expected one line of at most 200 characters")

    from i2vbench.leaderboards.submission.pack import Wish, pack
    from i2vbench.leaderboards.submission.reading import examine_models

    models = split(model)
    _, verdict = examine_models(run, models)
    for line in verdict.reasons or ["It may be submitted."]:
        say(line)
    for note in verdict.notes:
        say(f"note: {note}")
    if verdict.reasons and not anyway:
        raise UserError("nothing was packed: it may not go on a leaderboard (--anyway packs it, and says so in it)")
    with cleaned_up():
        packed = pack(Wish(run=run, out=archive, models=models, videos=with_videos, contact=contact, tell=teller()))
    _print(packed, archive, run)


def _print(packed: Packed, archive: Path, run: Path) -> None:
    from i2vbench.weights.catalogue import human_size

    manifest = packed.manifest
    say(f"{archive}: {human_size(packed.size)}, {len(manifest.members) + 1} files, sha256 {packed.sha256}")
    for folder in dict.fromkeys(name.partition("/")[0] for name in manifest.members):
        inside = [entry["bytes"] for name, entry in manifest.members.items() if name.partition("/")[0] == folder]
        files = f" ({len(inside)} files)" if f"{folder}" not in manifest.members else ""
        say(f"  {folder:<20} {human_size(sum(inside)):>10}{files}")
    size, count = human_size(manifest.videos["bytes"]), manifest.videos["count"]
    if not manifest.videos["packed"]:
        say(
            f"Of its {count} videos ({size}) the hashes are in clips.jsonl; who verifies it needs {run / 'videos'} too."
        )
    for id_ in manifest.others:
        say(f"note: {id_} is not built in: its records are packed, and no cells, which nobody else could make again")
    verify = f"i2vbench leaderboard verify {shlex.quote(str(archive))}"
    if not manifest.videos["packed"]:
        verify += f" --videos {shlex.quote(str(run / 'videos'))}"
    if manifest.reasons:
        verify += " --anyway"
    say(f"Next: {verify}")
    sys.stdout.flush()
