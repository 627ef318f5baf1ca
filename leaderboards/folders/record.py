"""`cells.json`: every cell of a model with its interval, what it was made with, and which of its clips are shown."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from i2vbench.admission import BOARDS
from i2vbench.leaderboards.folders.layout import CELLS
from i2vbench.leaderboards.submission.archive import Refused
from i2vbench.leaderboards.submission.lines import is_text, is_whole
from i2vbench.leaderboards.submission.strict_json import dumps, loads
from i2vbench.types import SAFE_ID

FORMAT = 1

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_MOST_CELLS, _MOST_CLIPS, _MOST_LINES, _MOST_LINE = 50_000, 50, 1000, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLine:
    """A cell as the tables print it.

    Attributes:
        metric: Its id.
        category: None is over all clips.
        value: "" is none.
        n: How many clips it stands on.
        planned: How many there are of the category.
        low: Where its 95% bootstrap interval begins, "" if it has none.
        high: Where it ends.
        note: What a reader must know beside it, or why it is empty.
    """

    metric: str
    category: str | None
    value: str
    n: int
    planned: int
    low: str
    high: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """A clip that lies in clips/, with its printed numbers by metric."""

    sample: str
    category: str
    prompt: str
    seed: int
    scores: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the file says; all of it follows from the archive.

    Attributes:
        board: The board.
        model: As the archive calls it.
        i2vbench: The version that made the folder.
        reasons: Why it may not go on the board; none if it may.
        facts: What it was made with, by what it is.
        notes: What the tables say under all numbers.
        clips: Those that are shown.
        cells: By metric and category, each metric's total last.
    """

    board: str
    model: str
    i2vbench: str
    reasons: Sequence[str]
    facts: Mapping[str, str]
    notes: Sequence[str]
    clips: Sequence[ClipFacts]
    cells: Sequence[CellLine]

    def as_bytes(self) -> bytes:
        """The file: one cell and one clip a line, so that a change can be read."""
        parts = [f' "format": {FORMAT}']
        for name in (field.name for field in dataclasses.fields(self)):
            value = getattr(self, name)
            if name in ("clips", "cells"):
                rows = ",\n".join(f"  {dumps(dataclasses.asdict(row))}" for row in value)
                parts.append(f' "{name}": [\n{rows}\n ]' if rows else f' "{name}": []')
            else:
                parts.append(f' "{name}": {dumps(value)}')
        return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def parse_record(text: bytes) -> Record:
    """What a file of bounded size says.

    Raises:
        Refused: It is no such file, naming the place.
    """
    data = loads(text, CELLS)
    names = [field.name for field in dataclasses.fields(Record)]
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise Refused(f"{CELLS} is none of layout {FORMAT}, which this version of i2vbench reads")
    if list(data) != ["format", *names]:
        raise Refused(f"{CELLS}: expected the fields format, {', '.join(names)}")
    for name, fits in _PARTS.items():
        if not fits(data[name]):
            raise Refused(f"{CELLS}, {name}: of another kind than `leaderboard add` writes, or too much of it")
    clips = [_row(ClipFacts, row, f"clips, {number}") for number, row in enumerate(data["clips"], start=1)]
    cells = [_row(CellLine, row, f"cells, {number}") for number, row in enumerate(data["cells"], start=1)]
    record = Record(**{**{name: data[name] for name in names}, "clips": clips, "cells": cells})
    if fault := _fault(record):
        raise Refused(f"{CELLS}: {fault}")
    return record


def _row(kind: type, data: Any, where: str) -> Any:
    fields = _ROWS[kind]
    if not isinstance(data, dict) or list(data) != list(fields):
        raise Refused(f"{CELLS}, {where}: expected the fields {', '.join(fields)}")
    if wrong := [name for name, fits in fields.items() if not fits(data[name])]:
        raise Refused(f"{CELLS}, {where}: {', '.join(wrong)} of another kind than `leaderboard add` writes")
    return kind(**data)


def _fault(record: Record) -> str:
    """What its parts say against each other and the board; "" if nothing."""
    metrics = BOARDS[record.board].metrics
    keys = [(cell.metric, cell.category) for cell in record.cells]
    for cell in record.cells:
        where = f"{cell.metric}, {'all clips' if cell.category is None else cell.category}"
        if cell.metric not in metrics:
            return f"{where}: the board {record.board} has no such metric; it has {', '.join(metrics)}"
        if bool(cell.low) != bool(cell.high) or (cell.low and not cell.value):
            return f"{where}: an interval has two ends, and a number"
        if cell.low and float(cell.low) > float(cell.high):
            return f"{where}: its interval ends before it begins"
        if cell.n > cell.planned:
            return f"{where}: more clips than there are"
    if len(set(keys)) < len(keys):
        return "a cell is there twice"
    if without := [id_ for id_ in dict.fromkeys(metric for metric, _ in keys) if (id_, None) not in keys]:
        return f"{without[0]} has no number over all clips"
    if len({clip.sample for clip in record.clips}) < len(record.clips):
        return "a clip is there twice"
    return ""


def settle_intervals(ours: Record, theirs: Record) -> Record:
    """Our record with their intervals, where the two are equal but for rounding on another machine.

    Values follow from the rows digit for digit. An interval is made of a thousand of them, by sums of which another
    processor may round the last digit.
    """
    known = {(cell.metric, cell.category): cell for cell in theirs.cells}
    cells = []
    for cell in ours.cells:
        other = known.get((cell.metric, cell.category))
        near = other is not None and _near(cell.low, other.low) and _near(cell.high, other.high)
        cells.append(dataclasses.replace(cell, low=other.low, high=other.high) if near and other else cell)
    return dataclasses.replace(ours, cells=cells)


def _near(ours: str, theirs: str) -> bool:
    """Whether two printed numbers are one step of the last digit apart, or a millionth."""
    if not ours or not theirs:
        return ours == theirs
    digits = len(ours.partition(".")[2])
    if len(theirs.partition(".")[2]) != digits:
        return False
    return math.isclose(float(ours), float(theirs), rel_tol=1e-6, abs_tol=1.01 * 10.0**-digits)


def difference(ours: Record, theirs: Record) -> list[str]:
    """In what their record is another than ours, a sentence for every part and cell."""
    found = []
    for name in (field.name for field in dataclasses.fields(Record)):
        mine, other = getattr(ours, name), getattr(theirs, name)
        if name != "cells" and mine != other:
            found.append(f"{CELLS}, {name}: {_shown(other)} there; its archive makes {_shown(mine)}")
    known = {(cell.metric, cell.category): cell for cell in theirs.cells}
    for cell in ours.cells:
        there = known.pop((cell.metric, cell.category), None)
        if there != cell:
            where = f"{CELLS}, {cell.metric}, {'all clips' if cell.category is None else cell.category}"
            found.append(f"{where}: {_cell(there)} there; its archive makes {_cell(cell)}")
    found += [f"{CELLS}: its archive makes no cell of {metric}, {category}" for metric, category in known]
    return found or [f"{CELLS}: its parts stand in another order, or are written otherwise, than its archive makes"]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _cell(cell: CellLine | None) -> str:
    if cell is None:
        return "nothing"
    interval = f" ({cell.low} to {cell.high})" if cell.low else ""
    return f"{cell.value or 'no number'}{interval} of {cell.n} clips of {cell.planned}" + (
        f" [{cell.note[:100]}]" if cell.note else ""
    )


def _is_line(value: object) -> bool:
    return is_text(value, _MOST_LINE)


def _are_lines(value: object) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_LINES and all(map(_is_line, value))


def _are_named(value: object) -> bool:
    return isinstance(value, dict) and len(value) <= _MOST_LINES and all(map(_is_line, (*value, *value.values())))


def _is_printed(value: object) -> bool:
    return isinstance(value, str) and (not value or _NUMBER.fullmatch(value) is not None)


def _is_rows(most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and len(value) <= most


_PARTS: Mapping[str, Callable[[Any], bool]] = {
    "board": lambda value: isinstance(value, str) and value in BOARDS,
    "model": _is_line,
    "i2vbench": _is_line,
    "reasons": _are_lines,
    "facts": _are_named,
    "notes": _are_lines,
    "clips": _is_rows(_MOST_CLIPS),
    "cells": _is_rows(_MOST_CELLS),
}
_ROWS: Mapping[type, Mapping[str, Callable[[Any], bool]]] = {
    ClipFacts: {
        "sample": lambda value: isinstance(value, str) and SAFE_ID.fullmatch(value) is not None,
        "category": is_text,
        "prompt": is_text,
        "seed": is_whole,
        "scores": lambda value: _are_named(value) and all(map(_is_printed, value.values())),
    },
    CellLine: {
        "metric": _is_line,
        "category": lambda value: value is None or is_text(value),
        "value": _is_printed,
        "n": is_whole,
        "planned": is_whole,
        "low": _is_printed,
        "high": _is_printed,
        "note": is_text,
    },
}
