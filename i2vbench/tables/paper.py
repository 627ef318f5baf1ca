"""The paper's tables as it lays them out, of its own numbers and of what stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from i2vbench.leaderboards.published import METRIC_IDS, numbers
from i2vbench.leaderboards.published.facts import SHORT, TOTALS, Facts, facts
from i2vbench.tables.plain import Plain
from i2vbench.tables.printed import Direction, Heading, PrintedCell, Row, Table, marks
from i2vbench.texts import csv_text

MARKED = "Bold is the best, underlined the second best."
EMPTY = PrintedCell("")

_DIRECTIONS: Mapping[bool | None, Direction | None] = {True: "higher", False: "lower", None: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a table has of one model: a row of Tables 1, 2, 3 and 5, a column of Tables 6 to 13.

    Attributes:
        label: The model.
        cells: By `Column.key`, or by category; unmarked.
        cited: Whose it is, "" if the paper's table names nobody.
        extra: As `Number.extra`.
        profile: Under which profile a run made it; "" for what is printed in the paper.
    """

    label: str
    cells: Mapping[str, PrintedCell]
    cited: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""


Rivals = Callable[[Line, str], bool]
"""Whether a cell takes part where the best and second best are marked, by its line and key."""


def paper_table(table: int) -> Plain:
    """One of the paper's tables, with the digits that it prints.

    Raises:
        ValueError: The paper has no such table.
    """
    about = facts(table)
    notes = (*about.abbreviations, *([MARKED] if about.marked else []), *about.notes)
    if table == 4:
        return _counts(about, notes)
    title = f"{about.title} ({about.cited})"
    return lay_out(about, published_lines(about), title, notes, lambda line, key: about.marked)


def published_lines(about: Facts) -> list[Line]:
    """The models of a table in the order of its rows, or of its columns."""
    cells: dict[str, dict[str, PrintedCell]] = {}
    extra: dict[str, Mapping[str, str]] = {}
    keys = {(column.of, column.metric): column.key for column in about.columns}
    for number in numbers(about.table):
        key = keys[number.dataset, number.metric] if keys else number.category
        sign = about.marks.get(number.metric, {}).get(number.method, "")
        cells.setdefault(number.method, {})[key] = PrintedCell(number.text, footnotes=sign)
        extra[number.method] = number.extra
    return [
        Line(label=method, cells=some, cited=about.citations.get(method, ""), extra=extra[method])
        for method, some in cells.items()
    ]


def lay_out(about: Facts, lines: Sequence[Line], title: str, notes: Sequence[str], rivals: Rivals) -> Plain:
    """These models as the table has them: each a row, or each a column where rows are categories.

    Args:
        about: The table.
        lines: The models.
        title: What stands over it.
        notes: What stands under it.
        rivals: Which cells are compared.
    """
    make = _by_model if about.columns else _by_category
    shown, data = make(about, lines, rivals)
    both = [
        Table(
            name=f"table-{about.table:02}",
            metric="",
            title=title,
            unit="",
            direction=None,
            corner=corner,
            headings=tuple(headings),
            rows=tuple(rows),
            notes=tuple(dict.fromkeys(notes)),
            measured=False,
            # A number with its interval under it is too wide for all columns to stand side by side.
            whole=not any(cell.interval for row in rows for cell in row.cells),
        )
        for corner, (headings, rows) in ((about.corner, shown), (about.corner or "Method", data))
    ]
    return Plain(*both)


Body = tuple[list[Heading], list[Row]]


def _by_model(about: Facts, lines: Sequence[Line], rivals: Rivals) -> tuple[Body, Body]:
    directions = {(n.dataset, n.metric): _DIRECTIONS[n.higher_is_better] for n in numbers(about.table)}
    columns = [(column, directions[column.of, column.metric]) for column in about.columns]
    cells = [_marked(lines, column.key, direction, rivals) for column, direction in columns]
    rows, data = [], []
    for r, line in enumerate(lines):
        own = [column[r] for column in cells]
        label = f"{line.label} ({line.cited})" if line.cited else line.label
        suffixed = [_suffixed(cell, column.suffix) for cell, (column, _) in zip(own, columns, strict=True)]
        rows.append(Row(label, 0, tuple(suffixed)))
        data.append(Row(line.label, 0, (*map(_bare, own), *_more(about, line, own, lines))))
    headings = [
        Heading(column.label, column.key, direction=direction if column.arrow else None, group=column.group)
        for column, direction in columns
    ]
    keys = [heading.key for heading in headings]
    more = [*about.extra, *(["citation"] if about.citations else [])]
    if _has_own(lines):
        more += ["profile", *(f"n {column.key}" for column in about.columns if column.metric in METRIC_IDS)]
    return (headings, rows), ([Heading(key, key) for key in [*keys, *more]], data)


def _more(about: Facts, line: Line, own: Sequence[PrintedCell], lines: Sequence[Line]) -> list[PrintedCell]:
    """What a program reads beside a model's numbers."""
    more = [PrintedCell(line.extra.get(name, "")) for name in about.extra]
    if about.citations:
        more.append(PrintedCell(line.cited))
    if _has_own(lines):
        more.append(PrintedCell(_profile(line)))
        measured = [cell for cell, column in zip(own, about.columns, strict=True) if column.metric in METRIC_IDS]
        more += [PrintedCell(str(cell.n) if line.profile and cell.text else "") for cell in measured]
    return more


def _by_category(about: Facts, lines: Sequence[Line], rivals: Rivals) -> tuple[Body, Body]:
    direction = _DIRECTIONS[numbers(about.table)[0].higher_is_better]
    categories = dict.fromkeys(category for line in lines for category in line.cells if category not in TOTALS)
    rows, data = [], []
    for category in [*categories, TOTALS[0]]:
        cells = _marked(lines, category, direction, rivals)
        short = SHORT[category] if category in about.short else category
        rows.append(Row(short, 0, tuple(cells), total=category in TOTALS))
        bare = [_bare(cell) for cell in cells]
        if _has_own(lines):
            some = [(line, cell) for line, cell in zip(lines, cells, strict=True) if line.profile]
            bare += [PrintedCell(str(cell.n) if cell.text else "") for _, cell in some]
            bare += [PrintedCell(_profile(line)) for line, _ in some]
        data.append(Row(category, 0, tuple(bare), total=category in TOTALS))
    headings = [Heading(line.label, line.label) for line in lines]
    keys = [f"{word} {line.label}" for word in ("n", "profile") for line in lines if line.profile]
    return (headings, rows), ([*headings, *(Heading(key, key) for key in keys)], data)


def _counts(about: Facts, notes: Sequence[str]) -> Plain:
    """Table 4: its categories in two columns, side by side; for programs in one."""
    rows = [Row(n.category, 0, (PrintedCell(n.text),), total=n.category in TOTALS) for n in numbers(about.table)]
    words = Heading("Category", "category", left=True)
    count = Heading("Count", "count")
    pairs = [
        Row(left.label, 0, (*left.cells, PrintedCell(right.label), *right.cells))
        for left, right in zip(rows[::2], rows[1::2], strict=True)
    ]
    data = Table(
        name=f"table-{about.table:02}",
        metric="",
        title=f"{about.title} ({about.cited})",
        unit="",
        direction=None,
        corner=about.corner,
        headings=(count,),
        rows=tuple(rows),
        notes=tuple(notes),
        measured=False,
        whole=True,
    )
    return Plain(replace(data, headings=(count, words, count), rows=tuple(pairs)), data)


def _marked(lines: Sequence[Line], key: str, direction: Direction | None, rivals: Rivals) -> list[PrintedCell]:
    """What the lines have there, the best and second best of the rivals marked."""
    cells = [line.cells.get(key, EMPTY) for line in lines]
    if direction is None:
        return cells
    texts = [cell.text if rivals(line, key) else "" for line, cell in zip(lines, cells, strict=True)]
    return [replace(cell, mark=mark) for cell, mark in zip(cells, marks(texts, direction), strict=True)]


def _suffixed(cell: PrintedCell, suffix: str) -> PrintedCell:
    return replace(cell, text=cell.text + suffix) if cell.text else cell


def _bare(cell: PrintedCell) -> PrintedCell:
    """For programs, which find n in a column of its own."""
    return replace(cell, short=False)


def _profile(line: Line) -> str:
    return csv_text(line.profile) or "published"


def _has_own(lines: Sequence[Line]) -> bool:
    return any(line.profile for line in lines)
