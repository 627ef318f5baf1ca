"""How a table is laid out so that LaTeX sets it within its lines and pages, with no package to shrink or turn it.

Widths are estimated, since LaTeX alone knows them: those of Computer Modern at 10 points, on lines of 345 and pages of
550 points, as the class article has them. A table that is too wide gets headings on several lines, then smaller
letters, then blocks of columns one below the other; one that is too tall goes on in further floats, and notes that are
too long stand behind it, where pages can break them.

The paper's tables are one block in the paper (`Table.whole`), so they may not be cut: where they are too wide, LaTeX is
told to measure them and to take the largest letters at which they fit. Only where even the smallest would not do are
they cut as all others. Others are not measured, since blocks cannot be made by LaTeX and are better read than tiny
letters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from i2vbench.tables.latex_text import shown, word_parts
from i2vbench.tables.printed import Heading, PrintedCell, Row, Table, brackets
from i2vbench.texts import one_line

LINE_PT, COLUMN_PT, BODY_PT, PAGE_PT = 345, 220, 440, 500
"""A line; a line of two columns; what tabulars of one float may have of a page; and what these and the notes may have
together."""

LABEL_SHARE = 0.3
"""Of the line, at most, for the labels of rows; longer ones go on over several lines."""


@dataclass(frozen=True, slots=True)
class Size:
    """A size of letters: its command, its width beside that of 10 points, space around columns, height of a line."""

    command: str
    factor: float
    gap_pt: float
    line_pt: float


SIZES = (Size("", 1, 6, 12), Size(r"\small", 0.93, 4.5, 11), Size(r"\footnotesize", 0.85, 3.5, 9.5))

LONGEST_NAME = 12
"""Letters of a heading's word that are kept together."""

_NOTE = SIZES[2]
_TINY = 0.68
"""Width of letters of \\tiny beside that of 10 points."""

_SCRIPT = 0.94
"""Width of letters of \\scriptsize beside those around them, where these are smallest: they do not shrink with them."""

_NARROW, _MIDDLE, _WIDE = frozenset("ijl.,:;'!|"), frozenset("frst()[]/-I "), frozenset("mwMW%@+=<>#&")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is set.

    Attributes:
        size: Of its letters.
        stacked: Whether headings may be on several lines.
        label_pt: Width of the labels of rows, where these must be broken; None for their own.
        floats: Per float its tabulars, each a table of some columns and rows.
        measures: Whether LaTeX is to find the largest letters at which a tabular fits: `size` then is none.
        notes_behind: Whether the notes stand behind the floats and not in the last one.
        spans: Whether it is over both columns where the document has two: one is too narrow for it.
    """

    size: Size
    stacked: bool
    label_pt: float | None
    floats: Sequence[Sequence[Table]]
    notes_behind: bool
    measures: bool = False
    spans: bool = True


@dataclass(frozen=True, slots=True)
class _Widths:
    """Of columns at 10 points: labels, n (0 if there is none), and numbers, by whether headings are stacked."""

    labels: float
    n: float
    columns: dict[bool, list[float]]


def lay_out(table: Table) -> Layout:
    """How a table is to be set: as it is where it fits, else with as few blocks of columns as can be."""
    widths = _measure(table)
    if table.whole and _least_pt(table) <= LINE_PT:
        return _lay_out_whole(table, widths)
    ways = [(size, stacked) for size in SIZES for stacked in (False, True)]
    size, stacked = min(ways, key=lambda way: len(_blocks(table.headings, widths, *way)))
    broken = LABEL_SHARE * LINE_PT if widths.labels * size.factor > LABEL_SHARE * LINE_PT else None
    tabulars = [
        replace(part, headings=part.headings[start:end], rows=tuple(_cut(row, start, end) for row in part.rows))
        for start, end in _blocks(table.headings, widths, size, stacked)
        for part in _row_parts(table, size, stacked, broken)
    ]
    floats = _pages(tabulars, size, stacked, broken)
    height = sum(_height_pt(part, size, stacked, broken) for part in floats[-1])
    behind = height + notes_pt(table.notes) > PAGE_PT or len(floats) > 1
    return Layout(size, stacked, broken, floats, behind, spans=not _fits_a_column(table, widths, height))


def _lay_out_whole(table: Table, widths: _Widths) -> Layout:
    """All columns side by side, in letters of whatever size that takes."""
    inner = [widths.labels, *([widths.n] if widths.n else []), *widths.columns[False]]
    fits = sum(inner) + 2 * SIZES[0].gap_pt * len(inner) <= LINE_PT
    height = _height_pt(table, SIZES[0], not fits, None)
    behind = height + notes_pt(table.notes) > PAGE_PT
    spans = not fits or not _fits_a_column(table, widths, height)
    return Layout(SIZES[0], not fits, None, [[table]], behind, measures=not fits, spans=spans)


def _fits_a_column(table: Table, widths: _Widths, height: float) -> bool:
    """Whether a table as it is, and its notes, have room in one of two columns."""
    inner = [widths.labels, *([widths.n] if widths.n else []), *widths.columns[False]]
    wide = sum(inner) + 2 * SIZES[0].gap_pt * len(inner)
    return wide <= COLUMN_PT and height + notes_pt(table.notes, COLUMN_PT) <= PAGE_PT


def _least_pt(table: Table) -> float:
    """About how wide all columns are side by side in the smallest letters, with intervals and n under the numbers."""
    cells = [
        max(
            max(text_pt(cell.text + cell.footnotes), text_pt(brackets(cell)) if cell.interval else 0) for cell in column
        )
        for column in zip(*(row.cells for row in table.rows), strict=True)
    ]
    return _TINY * (max(text_pt(row.label) for row in table.rows) + sum(cells)) + 3 * len(cells)


def heading_lines(heading: Heading, cells: Sequence[PrintedCell], stacked: bool) -> list[str]:
    """A heading's label on lines that are no wider than its widest number or word; on one if it is not `stacked`."""
    if not stacked:
        return [one_line(heading.label)]
    pieces = [
        piece
        for word in re.split(r"(?<! -) (?!- )", one_line(heading.label))  # "A - B" stays together
        for piece in [*word_parts(word, LONGEST_NAME + 1), " "]
    ]
    words = [piece for piece in pieces if piece != " "]
    widest = max([*(_cell_pt(cell) for cell in cells), *map(text_pt, words), _tail_pt(heading)], default=0)
    lines, line = [], ""
    for piece in pieces:
        if line.strip() and text_pt((line + piece).rstrip()) > widest:
            lines.append(line.strip())
            line = ""
        line += piece
    if line.strip():
        lines.append(line.strip())
    if heading.unit and lines and text_pt(lines[-1]) + _tail_pt(heading) > widest:
        lines.append("")  # an arrow alone stays beside the last word
    return lines or [""]


def text_pt(text: str) -> float:
    """About how wide text is at 10 points."""
    return sum(map(_letter_pt, shown(text)))


def notes_pt(notes: Sequence[str], line_pt: float = LINE_PT) -> float:
    """About how tall notes are, in their size and over the whole line."""
    lines = sum(math.ceil(1.05 * text_pt(note) * _NOTE.factor / line_pt) for note in notes)
    return lines * _NOTE.line_pt


def _letter_pt(letter: str) -> float:
    if letter in _NARROW:
        return 2.8
    if letter in _MIDDLE:
        return 3.9
    if letter in _WIDE:
        return 9
    if letter.isdecimal():
        return 5
    return 7.5 if letter.isupper() else 5.4


def _cell_pt(cell: PrintedCell) -> float:
    if not cell.text:
        return 10
    width = text_pt(cell.text) * (1.15 if cell.mark == "best" else 1)
    small = f" (n={cell.n})" if cell.short else ""
    width += _SCRIPT * text_pt(small + cell.footnotes)
    return max(width, _SCRIPT * text_pt(brackets(cell))) if cell.interval else width


def _tail_pt(heading: Heading) -> float:
    """What stands behind a heading's label: its unit and arrow."""
    return (text_pt(f" ({heading.unit})") if heading.unit else 0) + (9 if heading.direction else 0)


def _heading_pt(heading: Heading, cells: Sequence[PrintedCell], stacked: bool) -> float:
    *lines, last = heading_lines(heading, cells, stacked)
    return max([*map(text_pt, lines), text_pt(last) + _tail_pt(heading)])


def _measure(table: Table) -> _Widths:
    columns: dict[bool, list[float]] = {False: [], True: []}
    for i, heading in enumerate(table.headings):
        cells = [row.cells[i] for row in table.rows]
        numbers = max(map(_cell_pt, cells), default=0)
        for stacked, found in columns.items():
            found.append(max(numbers, _heading_pt(heading, cells, stacked)))
    n = max((text_pt(str(row.n)) for row in table.rows), default=0) if table.measured else 0
    return _Widths(max(map(text_pt, [table.corner, *(row.label for row in table.rows)])), n, columns)


def _blocks(headings: Sequence[Heading], measured: _Widths, size: Size, stacked: bool) -> list[tuple[int, int]]:
    """Columns in as few blocks as fit on the line, and of widths as equal as can be, each as (first, end)."""
    room = LINE_PT - min(measured.labels * size.factor, LABEL_SHARE * LINE_PT) - 2 * size.gap_pt
    if measured.n:
        room -= measured.n * size.factor + 2 * size.gap_pt
    widths = [width * size.factor + 2 * size.gap_pt for width in measured.columns[stacked]]
    ends = _ends(headings, widths, room)
    best: dict[int, tuple[int, float, list[tuple[int, int]]]] = {0: (0, 0.0, [])}
    for place, end in enumerate(ends):
        starts = [0, *ends[:place]]
        fitting = [start for start in starts if sum(widths[start:end]) <= room] or starts[-1:]
        best[end] = min(
            (count + 1, squares + sum(widths[start:end]) ** 2, [*blocks, (start, end)])
            for start in fitting
            for count, squares, blocks in [best[start]]
        )
    return best[len(widths)][2]


def _ends(headings: Sequence[Heading], widths: Sequence[float], room: float) -> list[int]:
    """Where a block may end: behind any column, but not within a group that fits on the line."""
    ends: list[int] = []
    for group, found in groupby(range(len(headings)), key=lambda i: headings[i].group):
        columns = list(found)
        together = group and sum(widths[i] for i in columns) <= room
        ends += [columns[-1] + 1] if together else [i + 1 for i in columns]
    return ends


def _cut(row: Row, start: int, end: int) -> Row:
    return replace(row, cells=row.cells[start:end])


def _label_lines(label: str, size: Size, label_pt: float | None) -> int:
    return 1 if label_pt is None else max(1, math.ceil(1.2 * text_pt(label) * size.factor / label_pt))


def _height_pt(table: Table, size: Size, stacked: bool, label_pt: float | None) -> float:
    """About how tall a tabular is."""
    lines = [
        len(heading_lines(heading, [row.cells[i] for row in table.rows], stacked))
        for i, heading in enumerate(table.headings)
    ]
    lines.append(2)  # a heading over several columns
    below = sum(any(cell.interval for cell in row.cells) for row in table.rows)
    rows = sum(_label_lines(row.label, size, label_pt) for row in table.rows)
    return (max(lines) + rows + below) * size.line_pt + 20


def _row_parts(table: Table, size: Size, stacked: bool, label_pt: float | None) -> list[Table]:
    """The table in parts of about as many rows as fit on a page."""
    parts = math.ceil(_height_pt(table, size, stacked, label_pt) / BODY_PT)
    if parts == 1:
        return [table]
    each = math.ceil(len(table.rows) / parts)
    return [replace(table, rows=table.rows[i : i + each]) for i in range(0, len(table.rows), each)]


def _pages(tabulars: Sequence[Table], size: Size, stacked: bool, label_pt: float | None) -> list[list[Table]]:
    """Tabulars in floats, in their order, as many in each as a page holds."""
    floats: list[list[Table]] = [[]]
    used = 0.0
    for table in tabulars:
        height = _height_pt(table, size, stacked, label_pt)
        if floats[-1] and used + height > BODY_PT:
            floats.append([])
            used = 0.0
        floats[-1].append(table)
        used += height
    return floats
