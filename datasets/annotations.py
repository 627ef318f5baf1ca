"""Changing what a metadata.csv says is to be seen in a clip (prompt, object and scene words), and nothing else.

The table is read anew for every change, so what other programs have written into it since stays. Records that do not
change keep their bytes; of the others every other cell keeps its value. The byte-order mark and each record's line end
stay as they are.
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

from i2vbench.datasets.csv_table import shown
from i2vbench.datasets.metadata import METADATA, Contents, PromptState, Row, read_table, split_objects
from i2vbench.errors import UserError
from i2vbench.files import atomic_file, to_disk
from i2vbench.types import Sample

_MARK = "\ufeff"
_TRIES = 5


class Annotation(NamedTuple):
    """What a row says of a clip, by column."""

    prompt: str
    objects: tuple[str, ...] = ()
    scene: str = ""
    prompt_state: PromptState = ""

    @classmethod
    def of(cls, row: Row) -> Annotation:
        return cls(row.sample.prompt, row.sample.objects, row.sample.scene, row.prompt_state)

    @property
    def has_words(self) -> bool:
        return bool(self.objects or self.scene)

    def cells(self) -> dict[str, str]:
        return {**self._asdict(), "objects": ";".join(self.objects)}


class Conflict(UserError):
    """The table on disk is not what the change was made for; nothing was written."""


class _Changed(Exception):
    """Another program wrote the table between our reading and our writing."""


def save_annotation(folder: Path, sample: Sample, before: Annotation, after: Annotation) -> None:
    """Change the annotation of one row; on return the new table is on the disk, whole.

    Args:
        folder: Of the metadata.csv.
        sample: Whose row, as it was read; its file and section are looked at, its annotation is not.
        before: What the change was decided on.
        after: What the row is to say.

    Raises:
        Conflict: The table is not valid any more or names a file that is gone; the row is gone, is about another clip,
            or says neither `before` nor `after`.
        OSError: The file cannot be read or written.
    """
    path = Path(os.path.realpath(folder / METADATA))  # a link stays a link
    for _ in range(_TRIES):
        seen = _stamp(path)
        data = path.read_bytes()
        table = read_table(folder, data)
        if table.faults:
            raise Conflict(f"the folder is not valid any more, so nothing was saved: {table.faults[0]}")
        found = _now(table.rows, sample)
        if found not in (before, after):
            raise Conflict(f"another program has changed '{sample.id}' to {_difference(before, found)}")
        if found == after:
            return
        changed = with_annotations(data, {sample.id: after})
        _check(folder, changed, table, sample.id, after)
        try:
            _write(path, changed, seen)
        except _Changed:
            continue
        return
    raise Conflict(f"{METADATA} is being changed by another program all the time, so nothing was saved")


def with_annotations(data: bytes, changes: Mapping[str, Annotation]) -> bytes:
    """A valid table with other annotations for these ids; a column that is missing is added if it has to be."""
    text = data.decode("utf-8")
    mark = _MARK if text.startswith(_MARK) else ""
    records = list(_records(text.removeprefix(mark)))
    header = [name.strip() for name in records[0][1]]
    wanted = [name for name in Annotation._fields if any(getattr(change, name) for change in changes.values())]
    added = [name for name in wanted if name not in header]
    columns, place = header + added, header.index("id")
    out = [mark]
    for number, (raw, fields) in enumerate(records):
        body = raw.rstrip("\r\n")
        end = raw[len(body) :]
        change = changes.get(fields[place]) if number and fields else None
        if change is not None:
            body = _line(_changed(columns, fields + [""] * len(added), change))
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


def _changed(columns: Sequence[str], fields: Sequence[str], change: Annotation) -> list[str]:
    """The fields with the change in them; cells that say the same already stay as they are written."""
    new = list(fields)
    for name, text in change.cells().items():
        place = columns.index(name) if name in columns else None
        if place is not None and _read(name, fields[place]) != _read(name, text):
            new[place] = text
    return new


def _read(name: str, cell: str) -> str | tuple[str, ...]:
    """What a cell says, as metadata.py reads it."""
    return split_objects(cell) if name == "objects" else cell if name == "prompt" else cell.strip()


def _line(fields: Sequence[str]) -> str:
    # Which characters are quoted depends on the line end, and only that of spreadsheets covers them all.
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return line.getvalue().removesuffix("\r\n")


def _now(rows: Sequence[Row], sample: Sample) -> Annotation:
    row = next((row for row in rows if row.sample.id == sample.id), None)
    if row is None:
        raise Conflict(f"{METADATA} has no row of id '{sample.id}' any more, so nothing was saved")
    if (row.sample.first_frame, row.sample.reference) != (sample.first_frame, sample.reference):
        raise Conflict(f"the row of '{sample.id}' is about another clip now, so nothing was saved; start again")
    return Annotation.of(row)


def _check(folder: Path, data: bytes, before: Contents, id_: str, after: Annotation) -> None:
    """Hold what is about to be written to what it must say."""
    rows = [row if row.sample.id != id_ else _with(row, after) for row in before.rows]
    found = read_table(folder, data)
    if found != before._replace(rows=rows):
        why = found.faults[0] if found.faults else "it reads back otherwise"
        raise Conflict(f"{METADATA} would not be valid with this, so nothing was saved: {why}")


def _with(row: Row, change: Annotation) -> Row:
    sample = replace(row.sample, prompt=change.prompt, objects=change.objects, scene=change.scene)
    return replace(row, sample=sample, prompt_state=change.prompt_state)


def _stamp(path: Path) -> tuple[int, int, int]:
    facts = os.stat(path)
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def _write(path: Path, data: bytes, seen: tuple[int, int, int]) -> None:
    with atomic_file(path) as file:
        file.write(data)
        shutil.copymode(path, file.name)
        if _stamp(path) != seen:
            raise _Changed
    to_disk(path.parent)


def _difference(before: Annotation, found: Annotation) -> str:
    """What is there now, where it differs: "objects 'cat;dog', scene ''"."""
    old, new = before.cells(), found.cells()
    return ", ".join(f"{name} {shown(new[name])}" for name in new if new[name] != old[name])
