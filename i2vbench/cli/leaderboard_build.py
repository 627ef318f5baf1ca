"""`i2vbench leaderboard build`: the boards as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_folder
from i2vbench.cli.ends import cleaned_up
from i2vbench.cli.output import say
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error


def build(
    out: Annotated[Path, options.out("the site's folder: new, empty, or a site that is built anew.")],
    submissions: Annotated[
        Path | None,
        typer.Option(
            help="A folder with a folder per board, and in it one per submission. Default: those accepted here."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="What the site is called.")] = "I2V-Bench leaderboards",
    anyway: Annotated[
        bool, options.anyway("show what may not stand on a board too, as trials without mark and rank.")
    ] = False,
) -> None:
    """Make the leaderboards' pages: published models and accepted submissions.

    They need no server and load nothing from elsewhere: open index.html, or put the folder on any host.

    Example: i2vbench leaderboard build --out site/
    """  # fmt: skip
    if submissions is not None and not submissions.is_dir():
        raise UserError(f"--submissions {submissions}: there is no such folder")
    check_folder("--out", out)

    from i2vbench.admission import BOARDS
    from i2vbench.leaderboards.reading import accepted, published_entries
    from i2vbench.leaderboards.site.build import build_site
    from i2vbench.leaderboards.site.place import check_replaceable

    check_replaceable(out.resolve())
    entries = [entry for board in BOARDS for entry in published_entries(board)] + accepted(submissions, trials=anyway)
    try:
        with cleaned_up():
            built = build_site(entries, out, title.strip())
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise UserError(
            f"--out {out}: cannot be written: {error.strerror}; make room, or name another folder"
        ) from error
    boards = ", ".join(f"{board} {count}" for board, count in built.entries.items())
    say(f"{out / 'index.html'}: {built.pages} pages; entries: {boards}")
