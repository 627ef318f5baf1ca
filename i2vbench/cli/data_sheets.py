"""`i2vbench data sheets`: contact sheets of a folder of clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2vbench.errors import UserError


def register(app: typer.Typer) -> None:
    app.command("sheets")(sheets)


def sheets(path: Annotated[Path, typer.Argument(help="A folder with a metadata.csv.")]) -> None:
    """Write contact sheets into a folder of clips: a page per category, with three frames and the words of each clip.

    They are contact/index.html and what is beside it, and need no network. Made again, only clips that changed are
    read.

    Example: i2vbench data sheets clips
    """
    if not path.is_dir():
        raise UserError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")

    from i2vbench.curation.folder_clips import folder_clips
    from i2vbench.curation.sheets import SHEETS, write_sheets

    clips = folder_clips(path)
    write_sheets(path, path.resolve().name, clips)
    print(f"{len(clips):,} clip{'' if len(clips) == 1 else 's'}: {path / SHEETS / 'index.html'}")
