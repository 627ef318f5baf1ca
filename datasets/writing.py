"""Writing a metadata.csv: one order of columns, and nothing that the reader would refuse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from i2vbench.datasets.metadata import COLUMNS, METADATA, REQUIRED, read_table
from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.texts import csv_lines, csv_text, one_line

SOURCE_COLUMNS = ("source", "source_start", "source_end", "title", "author", "licence")
"""Where a clip comes from: an address, seconds in it, and what its site says. No reader of samples looks at them."""


def write_metadata(folder: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write folder/metadata.csv, which appears whole or not at all.

    Columns come in the reader's order, then `SOURCE_COLUMNS`, then others as they are met; those that no row has
    anything in are left out. In other columns than the reader's, text is brought to one line, and what a spreadsheet
    would take for a formula gets an apostrophe.

    Args:
        folder: Where the files are that the rows name.
        rows: Values by column; None and "" are nothing.

    Raises:
        UserError: The table would not be valid, with its first faults.
    """
    data = metadata_bytes(list(rows))
    faults = read_table(folder, data).faults
    if faults:
        listed = "; ".join(str(fault) for fault in faults[:5])
        raise UserError(f"{folder / METADATA} would not be valid, so it was not written: {listed}")
    write_bytes(folder / METADATA, data)


def metadata_bytes(rows: Sequence[Mapping[str, object]]) -> bytes:
    """The table of these rows, unchecked."""
    used = {name for row in rows for name, value in row.items() if value not in (None, "")}
    others = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    ordered = [*COLUMNS, *SOURCE_COLUMNS, *(name for name in others if name not in SOURCE_COLUMNS)]
    columns = [name for name in ordered if name in REQUIRED or name in used]
    lines: list[list[str]] = [columns, *([_cell(name, row.get(name)) for name in columns] for row in rows)]
    return csv_lines(lines).encode()


def _cell(column: str, value: object) -> str:
    text = "" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)
    return text if column in COLUMNS else csv_text(one_line(text))
