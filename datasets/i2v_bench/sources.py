"""What a user gave: the videos and tables of a folder or an archive, and of archives in them."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from i2vbench.datasets.i2v_bench.archives import Damaged, Meter, inner_room, unpack
from i2vbench.datasets.i2v_bench.kinds import ARCHIVE_SUFFIXES, is_hidden, kind_of, why_not_read
from i2vbench.texts import clean

# What a browser's download of a Drive folder is called: NAME-20240326T101010Z-001.zip, one of several parts of NAME.
_DRIVE_PART = re.compile(r"-\d{8}T\d{6}Z(-\d+)?-\d{3}$")


@dataclass(frozen=True, slots=True)
class Found:
    """A file, and what it is called.

    Attributes:
        path: Where it lies; the name there may be another one.
        parts: Its path from the top of what was given, archives counting as folders.
    """

    path: Path
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def where(self) -> str:
        return "/".join(self.parts)

    @property
    def folders(self) -> tuple[str, ...]:
        return self.parts[:-1]

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0] or self.name


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Something that did not find its place.

    Attributes:
        kind: "video", "row", "table", "archive" or "file".
        where: Its path from the top of what was given; for a row, with its place in the table.
        reason: What is missing or contradicts itself, and what to do.
    """

    kind: str
    where: str
    reason: str


@dataclass(slots=True)
class Contents:
    """What was found.

    Attributes:
        videos: In the order of their names, as are the tables.
        unmatched: What could not be looked into.
        damaged: Archives that are not whole.
        others: How many further files there are, by suffix.
    """

    videos: list[Found] = field(default_factory=list)
    tables: list[Found] = field(default_factory=list)
    unmatched: list[Unmatched] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def gather(files: Iterable[Found], rooms: Path) -> Contents:
    """Sort files by what they are; archives are unpacked, and the archives in those, into folders below `rooms`.

    Raises:
        TooMuch: An archive holds more than a set of clips can.
        OSError: The disk is at fault.
    """
    contents, meter = Contents(), Meter()
    for file in files:
        _sort(file, contents, rooms, meter, depth=0)
    contents.videos.sort(key=lambda file: file.parts)
    contents.tables.sort(key=lambda file: file.parts)
    return contents


def walk(top: Path, spared: Path) -> Iterator[Found]:
    """Every file below a folder, in the order of names, but for hidden ones and what lies below `spared`."""
    visited: set[tuple[int, int]] = set()
    for folder, names, files in os.walk(top, followlinks=True):
        state = os.stat(folder)
        if (state.st_dev, state.st_ino) in visited or Path(folder).resolve() == spared:
            names.clear()  # a link back, or what we wrote
            continue
        visited.add((state.st_dev, state.st_ino))
        names[:] = sorted(name for name in names if not is_hidden(name))
        inner = Path(folder).relative_to(top).parts
        for name in sorted(files):
            path = Path(folder, name)
            if not is_hidden(name) and path.is_file():
                yield Found(path, tuple(clean(part) for part in (*inner, name)))


def archive_name(name: str) -> str:
    """An archive's name without its suffix and Drive's number: the folder that it stands for."""
    suffix = next((suffix for suffix in ARCHIVE_SUFFIXES if name.lower().endswith(suffix)), "")
    return _DRIVE_PART.sub("", name[: len(name) - len(suffix)]) or name


def _sort(file: Found, contents: Contents, rooms: Path, meter: Meter, depth: int) -> None:
    kind = kind_of(file.name)
    if kind == "archive" and depth < 2:
        _open(file, contents, rooms, meter, depth)
    elif kind == "archive":
        reason = "an archive in an archive in an archive is not opened: unpack it by hand"
        contents.unmatched.append(Unmatched("archive", file.where, reason))
    elif kind == "video":
        contents.videos.append(file)
    elif kind == "table":
        contents.tables.append(file)
    elif reason := why_not_read(file.name):
        contents.unmatched.append(Unmatched("file", file.where, reason))
    else:
        contents.others[Path(file.name).suffix.lower()] += 1


def _open(file: Found, contents: Contents, rooms: Path, meter: Meter, depth: int) -> None:
    try:
        unpacked = unpack(file.path, inner_room(file.path) if depth else rooms / _key(file.path), meter)
    except Damaged as error:
        contents.unmatched.append(Unmatched("archive", file.where, str(error)))
        contents.damaged.append(file.path)
        return
    if depth:
        file.path.unlink(missing_ok=True)  # what is in it is here now
    top = (*file.folders, archive_name(file.name))
    contents.unmatched += [Unmatched("archive", f"{file.where}: {name}", reason) for name, reason in unpacked.left]
    for parts, path in unpacked.members:
        _sort(Found(path, (*top, *parts)), contents, rooms, meter, depth + 1)


def _key(archive: Path) -> str:
    """A folder's name that is another one once the archive is."""
    state = archive.stat()
    facts = f"{archive.name}\0{state.st_size}\0{state.st_mtime_ns}"
    return hashlib.sha256(facts.encode(errors="replace")).hexdigest()[:16]
