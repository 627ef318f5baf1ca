"""Tables of an archive against those that its rows make here: to the byte, and where they differ, cell by cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from i2vbench.leaderboards.submission.archive import CHUNK, Members
from i2vbench.leaderboards.submission.names import PAGE

_LABELS = {"metric": 2, "model": 1}
"""How many columns say which row it is, by the first one's heading; `clips.csv` has more."""

_CLIP_LABELS = 5
_MOST_SHOWN = 80
_SLACK_BYTES = 1 << 20


def differing_tables(members: Members, folder: Path) -> list[str]:
    """What is other in an archive's tables than in ours, a sentence for every cell.

    Args:
        members: The archive.
        folder: With the tables made here.
    """
    theirs, ours = set(members.under("tables")), {f"tables/{path.name}" for path in folder.iterdir() if path.is_file()}
    found = [f"{name} is not in the archive" for name in sorted(ours - theirs)]
    found += [f"{name}: its measurements make no table of that name" for name in sorted(theirs - ours)]
    for name in sorted(theirs & ours):
        path = folder / name.partition("/")[2]
        if _equal(members, name, path):
            continue
        is_near = members.entries[name].size < 2 * path.stat().st_size + _SLACK_BYTES  # or it fills the memory
        cells = list(_cells(members, name, path)) if name.endswith(".csv") and is_near else []
        found += cells or [f"{name} is not what its measurements make{_hint(name)}"]
    return found


def _hint(name: str) -> str:
    return ": do not open it" if name == PAGE else ""


def _equal(members: Members, name: str, path: Path) -> bool:
    if members.entries[name].size != path.stat().st_size:
        return False
    with open(path, "rb") as file:
        return all(piece == file.read(len(piece)) for piece in members.stream(name)) and not file.read(CHUNK)


def _cells(members: Members, name: str, path: Path) -> Iterator[str]:
    """Every cell in which two CSV files differ."""
    try:
        theirs, ours = _rows(members.read(name)), _rows(path.read_bytes())
    except (csv.Error, UnicodeDecodeError):
        yield f"{name} is no CSV file as `i2vbench table` writes it"
        return
    head = ours[0]
    if not theirs or theirs[0] != head:
        yield f"{name}: its columns are {_shown(theirs[0] if theirs else [])}; its measurements make {_shown(head)}"
        return
    labels = _CLIP_LABELS if len(head) > _CLIP_LABELS and head[3] == "sample" else _LABELS.get(head[0], 1)
    if len(theirs) != len(ours):
        yield f"{name}: {len(theirs) - 1} rows; its measurements make {len(ours) - 1}"
    for their, our in zip(theirs[1:], ours[1:], strict=False):
        for column, ours_is in enumerate(our):
            theirs_is = their[column] if column < len(their) else ""
            if theirs_is != ours_is:
                row = "/".join(our[:labels])
                where = f"{name}, row {row}, column {head[column]}"
                yield f"{where}: {theirs_is!r} there, its measurements make {ours_is!r}"


def _rows(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode("utf-8"), newline=""), strict=True))


def _shown(names: Sequence[str]) -> str:
    listed = ", ".join(names)
    return listed if len(listed) <= _MOST_SHOWN else f"{listed[:_MOST_SHOWN]}..."
