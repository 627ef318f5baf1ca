"""Reading a CSV table that people wrote: every row, or every fault with its row number; what ids may not share."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from i2vbench.texts import amount
from i2vbench.types import SAFE_ID

MOST_TOLD = 50
"""Faults of a table that a message lists."""

# C0, DEL, C1 and Unicode's line and paragraph separators: each breaks a line of a table, a log or a terminal.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):([0-5]?\d(?:\.\d{1,6})?)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where.

    Attributes:
        text: What was expected, what was found.
        row: As a spreadsheet counts: the header is row 1. None if no one row is at fault.
        id: As written in that row.
    """

    text: str
    row: int | None = None
    id: str = ""

    def __str__(self) -> str:
        where = ([f"row {self.row}"] if self.row else []) + ([f"id {shown(self.id)}"] if self.id else [])
        return ": ".join([*where, self.text])


def told(what: str, faults: Sequence[object], where: str = "") -> str:
    """All that is wrong with a table, a line each, up to `MOST_TOLD`: "WHAT: 2 faults in WHERE:"."""
    place = f" in {where}" if where else ""
    more = [f"and {len(faults) - MOST_TOLD:,} more"] if len(faults) > MOST_TOLD else []
    lines = [str(fault) for fault in faults[:MOST_TOLD]]
    return "\n  ".join([f"{what}: {amount(len(faults), 'fault')}{place}:", *lines, *more])


def read_rows(
    data: bytes, check_header: Callable[[list[str]], bool], faults: list[Fault]
) -> Iterator[tuple[int, list[str]]]:
    """(row number, fields) of each row that has as many fields as the header; the header is row 1.

    Args:
        data: The file.
        check_header: Is given the names of the columns; says whether there is sense in reading on.
        faults: What is wrong is added.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{data[error.start]:02x} in line {line}"
        faults.append(Fault(f"not UTF-8 ({found}); save the table as 'CSV UTF-8'"))
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    try:
        header = [name.strip() for name in next(reader, [])]
        number = 1
        if not check_header(header):
            return
        for number, fields in enumerate(reader, start=2):
            if len(fields) == len(header):
                yield number, fields
            elif fields:  # a blank line has none
                found = f"has {len(fields)} fields, the header has {len(header)}"
                faults.append(Fault(f"{found}; is a text with a comma not in quotation marks?", number))
    except csv.Error as error:
        hint = "is a quotation mark left open or not doubled?"
        faults.append(Fault(f"not valid CSV ({error}); {hint} Nothing from here on was read", number + 1))


def read_cells(data: bytes) -> dict[int, dict[str, str]]:
    """The cells of a table that was found valid, by row number and column, as they are written."""
    header: list[str] = []

    def keep_header(names: list[str]) -> bool:
        header.extend(names)
        return True

    return {number: dict(zip(header, fields, strict=True)) for number, fields in read_rows(data, keep_header, [])}


def header_faults(header: Sequence[str], required: Sequence[str], known: Sequence[str]) -> list[Fault]:
    """What is wrong with the names of the columns."""
    missing = [name for name in required if name not in header]
    twice = [name for name in known if header.count(name) > 1]
    faults = []
    if not any(header):
        faults.append(Fault(f"the header is empty; expected the columns {', '.join(required)}", 1))
    elif missing:
        found = shown(", ".join(header))
        faults.append(Fault(f"missing columns {', '.join(missing)}; found {found} (separated by commas?)", 1))
    if twice:
        faults.append(Fault(f"columns that stand there twice: {', '.join(twice)}", 1))
    return faults


class Names:
    """The ids and categories of a table, and what they must not share."""

    def __init__(self) -> None:
        self._ids: dict[str, tuple[str, int]] = {}  # folded -> as first written, row
        self._categories: dict[str, tuple[str, int]] = {}  # folded -> as first written, row
        self._spellings: set[str] = set()  # of categories

    def check_id(self, number: int, id_: str, faults: list[str]) -> None:
        allowed = "use letters, digits, '.', '_' and '-' only"
        if not id_:
            faults.append("id is empty")
        elif "/" in id_ or "\\" in id_:
            faults.append(f"holds a path separator, and ids become file names: {allowed}")
        elif len(id_) > 128:
            faults.append(f"is {len(id_)} characters long; expected at most 128")
        elif not SAFE_ID.fullmatch(id_):
            faults.append(f"is not safe as a file name: {allowed}, a letter or digit first")
        first, row = self._ids.setdefault(id_.lower(), (id_, number))
        if id_ and row != number:
            same = "is also that of" if first == id_ else f"differs only in case from {shown(first)} of"
            faults.append(f"{same} row {row}; expected each id once, as some file systems tell no case apart")

    def check_category(self, number: int, category: str, faults: list[str]) -> None:
        if not category.strip():
            faults.append("category is empty")
            return
        if category in self._spellings:
            return
        self._spellings.add(category)
        first, row = self._categories.setdefault(" ".join(category.split()).casefold(), (category, number))
        if row != number:
            faults.append(f"category {shown(category)} differs only in case or spaces from {shown(first)} of row {row}")


def number_of(name: str, text: str, faults: list[str]) -> float | None:
    """Seconds, or frames per second; None for an empty field, and after adding a fault."""
    if not text or text.isspace():
        return None
    try:
        value = float(text) if "_" not in text else math.nan  # float() takes "1_0"
    except ValueError:
        value = math.nan
    if math.isnan(value):
        faults.append(f"{name} {shown(text)} is not a number; expected one such as 2.5")
    elif math.isinf(value):
        faults.append(f"{name} {shown(text)} is infinite")
    elif value < 0:
        faults.append(f"{name} {shown(text)} is negative")
    elif name == "fps" and value == 0:
        faults.append("fps is 0")
    else:
        return value
    return None


def seconds_of(name: str, text: str, faults: list[str]) -> float | None:
    """Seconds, or [HH:]MM:SS[.mmm]."""
    text = text.strip()
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)
    if ":" in text:
        faults.append(f"{name} {shown(text)} is no time; expected seconds, or [HH:]MM:SS")
        return None
    return number_of(name, text, faults)


def shown(text: str) -> str:
    """Text in quotation marks, on one line, cut to 60 characters."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
