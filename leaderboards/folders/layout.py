"""Which files a folder of a board may have, and how large each may be. What is not here is a fault."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.leaderboards.paper import PREFIX
from i2vbench.leaderboards.submission.names import folded
from i2vbench.texts import one_line
from i2vbench.types import SAFE_ID

CARD, SCORES, CELLS, REPORT = "entry.toml", "scores.csv", "cells.json", "verification.json"
ARCHIVE, CLIPS = "archive.zip", "clips"
VIDEO, PICTURE = ".mp4", ".png"

ROOT = Path(__file__).resolve().parent.parent / "accepted"
"""The accepted submissions of a checkout; a wheel has none."""

NAME = re.compile(r"(?!(con|prn|aux|nul|com[0-9]|lpt[0-9])$)[a-z0-9][a-z0-9-]{0,63}")
"""What a folder may be called on every system; case tells none apart."""

NEEDED = {CARD: 16 << 10, SCORES: 16 << 20, CELLS: 2 << 20, REPORT: 4 << 20}
"""The files that every folder has, with the most bytes that each may have."""

MOST_ARCHIVE_BYTES = 20 << 20
"""Of an archive in the folder; a larger one has an address."""

MOST_CLIP_BYTES, MOST_CLIPS_BYTES = 256 << 10, 3 << 20
"""Of a file in clips/, and of all of them."""

_MOST_FILES = 200
_MOST_TOLD = 20


@dataclass(slots=True)
class Listing:
    """What lies in a folder.

    Attributes:
        files: Those that may be there, of a size that they may have, by name; in clips/ as clips/NAME.
        faults: What is wrong with the rest.
    """

    files: dict[str, Path] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def clips(self) -> list[str]:
        """The names in clips/."""
        return [name.removeprefix(f"{CLIPS}/") for name in self.files if name.startswith(f"{CLIPS}/")]


def list_folder(folder: Path) -> Listing:
    """What lies in a folder; nothing is opened, and no link is followed.

    Raises:
        UserError: It is a link, or cannot be read.
    """
    found, seen, total = Listing(), set[str](), 0
    if folder.is_symlink():
        raise UserError(f"{folder} is a link; expected a folder of a board")
    try:
        for name, path in _walk(folder):
            status = path.lstat()
            if fault := _fault(name, status):
                found.faults.append(fault)
            elif folded(name) in seen:
                found.faults.append(f"{name} is there twice for a system that does not know case")
            else:
                found.files[name] = path
                total += status.st_size if name.startswith(f"{CLIPS}/") else 0
            seen.add(folded(name))
            if len(seen) > _MOST_FILES:
                found.faults.append(f"there are more than {_MOST_FILES} files")
                break
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror or error}") from error
    if total > MOST_CLIPS_BYTES:
        found.faults.append(f"{CLIPS}/ has {total:,} bytes; at most {MOST_CLIPS_BYTES:,} may be there")
    told = {fault.partition(" ")[0] for fault in found.faults}
    found.faults += [f"{name} is not there" for name in NEEDED if name not in found.files and name not in told]
    if len(found.faults) > _MOST_TOLD:
        found.faults[_MOST_TOLD:] = [f"and {len(found.faults) - _MOST_TOLD} more faults of its files"]
    return found


def fault_of_name(name: str) -> str:
    """What is wrong with a folder's name; "" if nothing is."""
    if NAME.fullmatch(name) and not name.startswith(PREFIX):
        return ""
    return (
        f"{one_line(name)[:100]} is no name for a folder: expected up to 64 of a-z, 0-9 and -, a letter or digit "
        f"first, and no name that begins with {PREFIX} (those are the paper's models)"
    )


def fault_of_place(folder: Path, board: str) -> str:
    """What is wrong with where a folder lies, and what it is called; "" if nothing is."""
    place = folder.resolve()
    if fault := fault_of_name(place.name):
        return fault
    return (
        "" if place.parent.name == board else f"it lies in {one_line(place.parent.name)}/, and is of the board {board}"
    )


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Everything in a folder and its clips/, by name; folders only where none may be."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name == CLIPS and entry.is_dir(follow_symlinks=False):
            for inside in sorted(os.scandir(entry.path), key=lambda entry: entry.name):
                yield f"{CLIPS}/{inside.name}", Path(inside.path)
        else:
            yield entry.name, Path(entry.path)


def _fault(name: str, status: os.stat_result) -> str:
    shown = one_line(name)[:100]
    most = _most_bytes(name)
    if most is None:
        return f"{shown} is no file of a submission's folder"
    if not stat.S_ISREG(status.st_mode):
        return f"{shown} is a link, a folder or another thing that is no file"
    if status.st_size > most:
        return f"{shown} has {status.st_size:,} bytes; at most {most:,} may be there"
    return ""


def _most_bytes(name: str) -> int | None:
    """How large a file of this name may be; None if there may be none."""
    if name == ARCHIVE:
        return MOST_ARCHIVE_BYTES
    if name.startswith(f"{CLIPS}/"):
        stem, suffix = os.path.splitext(name.removeprefix(f"{CLIPS}/"))
        return MOST_CLIP_BYTES if suffix in (VIDEO, PICTURE) and SAFE_ID.fullmatch(stem) else None
    return NEEDED.get(name)
