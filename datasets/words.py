"""Changing the object and scene words in a metadata.csv, and nothing else.

The table is read anew for every change, so what other programs have written into it since stays. Records whose words do
not change keep their bytes; of the others every other cell keeps its value. The byte-order mark and each record's line
end stay as they are.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from i2vbench.datasets.metadata import METADATA, Row, read_table, split_objects
from i2vbench.errors import UserError
from i2vbench.files import atomic_file, sync_folder
from i2vbench.types import Sample

_MARK = "\ufeff"
_TRIES = 5


class Words(NamedTuple):
    """What a row says of a clip: the cells `objects` and `scene`."""

    objects: tuple[str, ...] = ()
    scene: str = ""

    @classmethod
    def of(cls, sample: Sample) -> Words:
        return cls(sample.objects, sample.scene)


class Conflict(UserError):
    """The table on disk is not what the change was made for; nothing was written."""


class _Changed(Exception):
    """Another program wrote the table between our reading and our writing."""


def save_words(folder: Path, sample: Sample, before: Words, after: Words) -> None:
    """Change the words of one row; on return the new table is on the disk, whole.

    Args:
        folder: Of the metadata.csv.
        sample: Whose row, as it was read; its file and section are looked at, its words are not.
        before: The words that the change was decided on.
        after: The words that the row is to have.

    Raises:
        Conflict: The table is not valid any more or names a file that is gone; the row is gone, is about another clip,
            or has other words than `before` and `after`.
        OSError: The file cannot be read or written.
    """
    path = Path(os.path.realpath(folder / METADATA))  # a link stays a link
    for _ in range(_TRIES):
        seen = _stamp(path)
        data = path.read_bytes()
        rows, faults, _ = read_table(folder, data)
        if faults:
            raise Conflict(f"the folder is not valid any more, so nothing was saved: {faults[0]}")
        found = _words_now(rows, sample)
        if found not in (before, after):
            raise Conflict(f"another program has changed the words of '{sample.id}' to {_shown(found)}")
        if found == after:
            return
        changed = with_words(data, {sample.id: after})
        _check(folder, changed, rows, sample.id, after)
        try:
            _write(path, changed, seen)
        except _Changed:
            continue
        return
    raise Conflict(f"{METADATA} is being changed by another program all the time, so nothing was saved")


def with_words(data: bytes, changes: Mapping[str, Words]) -> bytes:
    """A valid table with other words in the rows of these ids; a column that is missing is added if it has to be."""
    text = data.decode("utf-8")
    mark = _MARK if text.startswith(_MARK) else ""
    records = list(_records(text.removeprefix(mark)))
    header = [name.strip() for name in records[0][1]]
    wanted = [name for name in Words._fields if any(getattr(words, name) for words in changes.values())]
    added = [name for name in wanted if name not in header]
    columns, place = header + added, header.index("id")
    out = [mark]
    for number, (raw, fields) in enumerate(records):
        body = raw.rstrip("\r\n")
        end = raw[len(body) :]
        words = changes.get(fields[place]) if number and fields else None
        if words is not None:
            body = _line(_changed(columns, fields + [""] * len(added), words))
        elif fields:  # a blank line has none
            body += "".join(f",{'' if number else name}" for name in added)
        out.append(body + end)
    return "".join(out).encode()


def _records(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each record's text, line end included, and its fields."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    for fields in csv.reader(lines(), strict=True):
        yield "".join(taken), fields
        taken.clear()


def _changed(columns: Sequence[str], fields: Sequence[str], words: Words) -> list[str]:
    cells = dict(zip(columns, fields, strict=True))
    new = list(fields)
    if split_objects(cells.get("objects", "")) != words.objects:
        new[columns.index("objects")] = ";".join(words.objects)
    if cells.get("scene", "").strip() != words.scene:
        new[columns.index("scene")] = words.scene
    return new


def _line(fields: Sequence[str]) -> str:
    # Which characters are quoted depends on the line end, and only that of spreadsheets covers them all.
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return line.getvalue().removesuffix("\r\n")


def _words_now(rows: Sequence[Row], sample: Sample) -> Words:
    row = next((row for row in rows if row.sample.id == sample.id), None)
    if row is None:
        raise Conflict(f"{METADATA} has no row of id '{sample.id}' any more, so nothing was saved")
    if (row.sample.first_frame, row.sample.reference) != (sample.first_frame, sample.reference):
        raise Conflict(f"the row of '{sample.id}' is about another clip now, so nothing was saved; start again")
    return Words.of(row.sample)


def _check(folder: Path, data: bytes, rows: Sequence[Row], id_: str, after: Words) -> None:
    """Hold what is about to be written to what it must say."""
    expected = [row if row.sample.id != id_ else _with(row, after) for row in rows]
    found, faults, _ = read_table(folder, data)
    if faults or found != expected:
        why = faults[0] if faults else "they read back otherwise"
        raise Conflict(f"{METADATA} would not be valid with these words: {why}")


def _with(row: Row, words: Words) -> Row:
    return replace(row, sample=replace(row.sample, objects=words.objects, scene=words.scene))


def _stamp(path: Path) -> tuple[int, int, int]:
    facts = os.stat(path)
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def _write(path: Path, data: bytes, seen: tuple[int, int, int]) -> None:
    with atomic_file(path) as file:
        file.write(data)
        shutil.copymode(path, file.name)
        if _stamp(path) != seen:
            raise _Changed
    sync_folder(path.parent)


def _shown(words: Words) -> str:
    return f"objects {'; '.join(words.objects) or '(none)'}, scene {words.scene or '(none)'}"
