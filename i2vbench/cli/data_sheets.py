"""`i2vbench data sheets`: contact sheets of a folder of clips."""

from __future__ import annotations

from i2vbench.cli.options import FolderOfClips
from i2vbench.errors import UserError
from i2vbench.texts import amount


def sheets(path: FolderOfClips) -> None:
    """Write contact sheets into a folder of clips: a page per category.

    Of each clip there are three frames and its words. They are contact/index.html and what is beside it, and need no
    network. Made again, only clips that changed are read.

    Example: i2vbench data sheets clips
    """
    if not path.is_dir():
        raise UserError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")

    from i2vbench.curation.folder_clips import folder_clips
    from i2vbench.curation.sheets import SHEETS, write_sheets

    clips = folder_clips(path)
    write_sheets(path, path.resolve().name, clips)
    print(f"{amount(len(clips), 'clip')}: {path / SHEETS / 'index.html'}")
