"""The list of candidates that a plan names: a CSV with a video in each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from i2vbench.curation.stage import Item
from i2vbench.datasets.csv_table import CONTROL, Fault, header_faults, read_rows, seconds_of, shown, told
from i2vbench.datasets.download.manifest import web_address
from i2vbench.datasets.metadata import VIDEO_SUFFIXES
from i2vbench.errors import UserError
from i2vbench.names import nearest

SAID = ("title", "author", "licence")
_KNOWN = ("source", "category", "start", "end", *SAID)


def read_candidates(path: Path, categories: Sequence[str]) -> list[Item]:
    """The videos of a list, without ids; a video whose section is wanted more than once is there more than once.

    Columns: `source` (an address, a YouTube id, or a file named from the list's folder), and as far as they are known
    `category`, `start`, `end` (seconds, or [HH:]MM:SS), `title`, `author`, `licence`. Others are left alone.

    Args:
        path: The list.
        categories: Those that a row may name.

    Raises:
        UserError: It cannot be read; or with every fault in it (the first 50).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"list {path}: cannot be read: {error.strerror}") from error
    faults: list[Fault] = []
    header: list[str] = []

    def check_header(names: list[str]) -> bool:
        header.extend(names)
        faults.extend(header_faults(names, ("source",), _KNOWN))
        return not faults

    items = []
    for number, fields in read_rows(data, check_header, faults):
        found: list[str] = []
        item = _item(path.parent, dict(zip(header, fields, strict=True)), categories, found)
        faults += [Fault(text, number) for text in found]
        items.append(item)
    if not items and not faults:
        faults.append(Fault("no rows below the header; expected one a video"))
    if faults:
        raise UserError(told(f"list {path}", faults))
    return items


def _item(folder: Path, cell: Mapping[str, str], categories: Sequence[str], faults: list[str]) -> Item:
    start = seconds_of("start", cell.get("start", ""), faults)
    end = seconds_of("end", cell.get("end", ""), faults)
    if end is not None and end <= (start or 0.0):
        faults.append(f"end {end:g} is not after start {start or 0.0:g}")
    category = cell.get("category", "").strip()
    if category and category not in categories:
        faults.append(f"category {shown(category)}: not one of the plan's; {nearest(category, categories)}")
    if control := CONTROL.search("".join(cell.values())):
        faults.append(f"holds a control character (U+{ord(control[0]):04X})")
    source, path = _source(folder, cell["source"].strip(), faults)
    said = {name: text for name in SAID if (text := cell.get(name, "").strip())}
    return Item(id="", source=source, path=path, category=category, start=start or 0.0, end=end, said=said)


def _source(folder: Path, text: str, faults: list[str]) -> tuple[str, Path | None]:
    """What names a video, and its file if it is one."""
    if not text.lower().endswith(VIDEO_SUFFIXES) or "://" in text:
        return web_address(text, faults), None
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive or ".." in PureWindowsPath(text).parts:
        faults.append(f"source {shown(text)}: expected a file below the list's folder; put the list above the files")
        return text, None
    path = folder / text
    if not path.is_file():
        faults.append(f"source {shown(text)}: no such file in {folder}")
    return PurePosixPath(text).as_posix(), path
