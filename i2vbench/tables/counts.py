"""What a data set holds, as a table: Table 4 of any data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from i2vbench.datasets.counts import CategoryCount, Counts
from i2vbench.store import folder_name
from i2vbench.tables.printed import Heading, PrintedCell, Row, Table

ALL = "All"


def count_table(counts: Counts) -> Table:
    """Rows are categories and all of them; a column that says nothing of any row is left out."""
    total = counts.total
    columns: list[tuple[Heading, Callable[[CategoryCount], PrintedCell]]] = [
        (Heading("Clips", "clips"), lambda row: _whole(row.clips)),
    ]
    if total.missing:
        columns.append((Heading("of which missing", "missing"), lambda row: _whole(row.missing)))
    columns.append((Heading("With objects", "with_objects"), lambda row: _whole(row.with_objects)))
    columns.append((Heading("With scene", "with_scene"), lambda row: _whole(row.with_scene)))
    if total.timed:
        columns.append((Heading("Length", "seconds", "s"), lambda row: _of(row.seconds, row.timed, row, ".1f")))
    if total.sized:
        columns.append((Heading("Median height", "height_px", "px"), lambda row: _of(row.height_px, row.sized, row)))
    if total.published is not None:
        columns.append((Heading("Paper", "paper"), lambda row: _whole(row.published)))

    def printed(row: CategoryCount, label: str, is_total: bool) -> Row:
        return Row(label, row.clips, tuple(cell(row) for _, cell in columns), total=is_total)

    rows = [printed(row, row.category, False) for row in counts.rows]
    return Table(
        name=f"stats-{folder_name(counts.name)}",
        metric="",
        title=counts.name,
        unit="",
        direction=None,
        corner="Category",
        headings=tuple(heading for heading, _ in columns),
        rows=(*rows, printed(total, ALL, True)),
        notes=tuple(_notes(counts)),
        measured=False,
    )


def counts_as_json(counts: Counts) -> dict[str, Any]:
    """The same, unrounded; null is what is not stated."""
    table = count_table(counts)
    rows = [asdict(row) | {"total": False} for row in counts.rows]
    total = asdict(counts.total) | {"category": ALL, "total": True}
    return {"name": counts.name, "title": counts.title, "rows": [*rows, total], "notes": list(table.notes)}


def _whole(number: int | None) -> PrintedCell:
    return PrintedCell("" if number is None else str(number))


def _of(number: float | None, stands_on: int, row: CategoryCount, form: str = "g") -> PrintedCell:
    """A number that is known of some clips; printed with how many where these are not all that are here."""
    if number is None:
        return PrintedCell("")
    return PrintedCell(format(number, form), n=stands_on, short=stands_on != row.clips - row.missing)


def _notes(counts: Counts) -> Sequence[str]:
    total = counts.total
    notes = [f"{counts.name}: {counts.title}."] if counts.title else []
    if counts.note:
        notes.append(f"{counts.note}.")
    if total.missing:
        notes.append("Missing: rows that say why their clip is not here; the other columns are of those that are.")
    if total.timed or total.sized:
        notes.append("Lengths and heights are as stated; (n=...) says of how many clips, where not of all.")
    if total.published is not None:
        notes.append(f"Paper: Table 4 of Ren et al., {len(_published(counts))} categories; their text says 16.")
    return notes


def _published(counts: Counts) -> list[CategoryCount]:
    return [row for row in counts.rows if row.published is not None]
