"""Tables as CSV, Markdown, plain text and JSON (LaTeX: latex.py); text from data sets and models is escaped in each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

from i2vbench.tables.cells import Entry
from i2vbench.tables.latex import to_latex
from i2vbench.tables.latex_text import latex_text
from i2vbench.tables.layout import all_tables, metric_grid, print_value
from i2vbench.tables.printed import Direction, Mark, PrintedCell, Table, brackets, notes_apart
from i2vbench.tables.results import Results
from i2vbench.texts import csv_lines, csv_text, one_line
from i2vbench.types import MetricInfo

__all__ = [
    "latex_text",
    "markdown_text",
    "print_aligned",
    "print_tables",
    "results_as_json",
    "to_aligned",
    "to_csv",
    "to_latex",
    "to_markdown",
]

EMPTY = "\N{EN DASH}"

# -- CSV ----------------------------------------------------------------------------------------------------------


def to_csv(table: Table) -> str:
    """The printed numbers, so that the file says what the table says; an empty cell is an empty field."""
    keys = [heading.key for heading in table.headings]
    corner = ["metric", table.corner.lower()] if table.metric else [table.corner.lower()]
    counted = _counted_columns(table)
    footed = [i for i in range(len(keys)) if any(row.cells[i].footnotes for row in table.rows)]
    header = [*corner, *(["n"] if table.measured else []), *keys, *(f"n {keys[i]}" for i in counted)]
    header += [f"footnotes {keys[i]}" for i in footed]
    header += [f"spread {key}" for key in keys if table.measured]
    between = [i for i in range(len(keys)) if table.intervals or any(row.cells[i].interval for row in table.rows)]
    header += [f"{end} {keys[i]}" for i in between for end in ("low", "high")]
    header += ["profile"] * table.measured
    rows: list[Sequence[object]] = [_distinct([csv_text(name) for name in header])]
    for row in table.rows:
        start: list[object] = [csv_text(table.metric)] if table.metric else []
        start += [csv_text(row.label), *([row.n] if table.measured else [])]
        numbers: list[object] = [*(c.text for c in row.cells), *(row.cells[i].n for i in counted)]
        numbers += [csv_text(row.cells[i].footnotes) for i in footed]
        numbers += [c.spread for c in row.cells if table.measured]
        numbers += [end for i in between for end in row.cells[i].interval or ("", "")]
        numbers += [csv_text(row.profile)] * table.measured
        rows.append([*start, *numbers])
    return csv_lines(rows)


def _counted_columns(table: Table) -> list[int]:
    """Which columns have one of their own for n: of counts, those that do not stand on everything in the row."""
    return [i for i in range(len(table.headings)) if table.measured or any(row.cells[i].short for row in table.rows)]


def _distinct(names: Sequence[str]) -> list[str]:
    """The same names; one that is there already (a model called "n") gets a number, or a reader would lose it."""
    found: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in found:
            number += 1
            candidate = f"{name} ({number})"
        found.append(candidate)
    return found


# -- Markdown and plain text --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Style:
    """How a grid of texts writes labels and cells, marks, footnotes, and what stands over several columns."""

    label: Callable[[str], str]
    cell: Callable[[str], str]
    marks: Mapping[Mark, str]
    footnotes: str
    groups: bool = False


_MARKDOWN = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {c: f"\\{c}" for c in "\\`*_{}[]|~$#"}


def markdown_text(text: str) -> str:
    """Text as Markdown shows it, on one line: no markup, no tag, no new cell."""
    # At the start of a line these would open a list or underline a heading.
    text = "".join(_MARKDOWN.get(c, c) for c in one_line(text))
    return re.sub(r"^(\d+(?=[.)])|(?=[-+=]))", r"\1\\", text)


def _markdown_cell(text: str) -> str:
    """Numbers stay as they are."""
    if not set(text) - set("0123456789+-., []"):
        return text
    return "".join(_MARKDOWN.get(c, c) for c in one_line(text))


def to_markdown(table: Table) -> str:
    styles: dict[Mark, str] = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}
    grid = _grid(table, _Style(markdown_text, _markdown_cell, styles, "<sup>{}</sup>", groups=True))
    rule = [":---", *["---:"] * table.measured, *(":---" if h.left else "---:" for h in table.headings)]
    lines = [f"### {_title(table, markdown_text)}", "", _pipes(grid[0]), _pipes(rule)]
    lines += [_pipes(row) for row in grid[1:]]
    return "\n".join([*lines, "", *(f"- {markdown_text(note)}" for note in table.notes), ""])


def print_tables(results: Results) -> str:
    """Every metric's table and then the summary, aligned for a terminal; best is marked **x**, second best _x_."""
    summary, *by_metric = all_tables(results)
    return print_aligned([*by_metric, summary])


def print_aligned(tables: Sequence[Table]) -> str:
    """Tables aligned for a terminal; what several of them note is said once, at the end."""
    own, shared = notes_apart(tables)
    parts = [to_aligned(table, notes) for table, notes in zip(tables, own, strict=True)]
    return "\n".join([*parts, *(f"- {one_line(note)}" for note in shared)])


def to_aligned(table: Table, notes: Sequence[str]) -> str:
    """One table with these notes, its columns aligned for a terminal."""
    grid = _grid(table, _ALIGNED)
    widths = [max(cell_len(row[i]) for row in grid) for i in range(len(grid[0]))]
    lines = [_title(table, one_line), "", *_groups_aligned(table, widths)]
    left = [True, *[False] * table.measured, *(heading.left for heading in table.headings)]
    for r, row in enumerate(grid):
        pads = [" " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)]
        texts = [text + pad if at_left else pad + text for text, pad, at_left in zip(row, pads, left, strict=True)]
        lines.append("  ".join(texts).rstrip())
        if r == 0:
            lines.append("  ".join("-" * width for width in widths))
    if notes:
        lines += ["", *(f"- {one_line(note)}" for note in notes)]
    return "\n".join([*lines, ""])


def _groups_aligned(table: Table, widths: list[int]) -> list[str]:
    """The line of groups over the header, [] without any; `widths` grow where a group is wider than its columns."""
    first = 1 + table.measured
    line, at = "  ".join(" " * width for width in widths[:first]), first
    for group, count in table.groups:
        text = one_line(group)
        here = widths[at : at + count]
        widths[at + count - 1] += max(0, cell_len(text) - (sum(here) + 2 * (count - 1)))
        width = sum(widths[at : at + count]) + 2 * (count - 1)
        spare = width - cell_len(text)
        line += "  " + " " * (spare - spare // 2) + text + " " * (spare // 2)
        at += count
    return [line.rstrip()] if at > first else []


_ALIGNED = _Style(one_line, one_line, {"best": "**{}**", "second": "_{}_", "": "{}"}, "^{}")


def _grid(table: Table, style: _Style) -> list[list[str]]:
    """Header and rows as text."""

    def cell(c: PrintedCell) -> str:
        if not c.text:
            return EMPTY
        raised = style.footnotes.format(style.cell(c.footnotes)) if c.footnotes else ""
        interval = f" {style.label(brackets(c))}" if c.interval else ""
        return style.marks[c.mark].format(style.cell(c.text)) + raised + interval + (f" (n={c.n})" if c.short else "")

    def n(text: object) -> list[str]:
        return [str(text)] if table.measured else []

    labels = [f"{h.group}: {h.label}" if style.groups and h.group else h.label for h in table.headings]
    heads = (_head(text, h.unit, h.direction, style.label) for text, h in zip(labels, table.headings, strict=True))
    header = [table.corner, *n("n"), *heads]
    return [header, *([style.label(row.label), *n(row.n), *map(cell, row.cells)] for row in table.rows)]


def _title(table: Table, escape: Callable[[str], str]) -> str:
    return _head(table.title, table.unit, table.direction, escape)


def _head(text: str, unit: str, direction: Direction | None, escape: Callable[[str], str]) -> str:
    arrow = {"higher": " ↑", "lower": " ↓", None: ""}[direction]
    return escape(text) + (f" ({escape(unit)})" if unit else "") + arrow


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


# -- JSON ---------------------------------------------------------------------------------------------------------


def results_as_json(results: Results) -> dict[str, Any]:
    """Summary and cells with unrounded, unscaled numbers; `printed` is what the tables show."""
    tables = all_tables(results)
    labels = [column.label for column in results.columns]
    grids = [metric_grid(results, m) for m in range(len(results.metrics))]
    last = len(results.categories) - 1
    metrics = []
    for m, (info, table) in enumerate(zip(results.metrics, tables[1:], strict=True)):
        rows = [
            {
                "category": category,
                "total": r == last,
                "n": table.rows[r].n,
                "cells": {label: _json_cell(grids[m][r][c], info, results.intervals) for c, label in enumerate(labels)},
            }
            for r, category in enumerate(results.categories)
        ]
        facts = {name: getattr(info, name) for name in ("id", "title", "direction", "unit", "scale", "decimals")}
        metrics.append(facts | {"rows": rows, "notes": list(table.notes)})
    summary = [
        {
            "model": label,
            "n": tables[0].rows[c].n,
            "cells": {
                info.id: _json_cell(grids[m][last][c], info, results.intervals)
                for m, info in enumerate(results.metrics)
            },
        }
        for c, label in enumerate(labels)
    ]
    return {"summary": summary, "metrics": metrics, "notes": list(tables[0].notes)}


def _json_cell(entry: Entry, info: MetricInfo, intervals: bool) -> dict[str, Any]:
    cell = entry.cell
    interval = None if entry.interval is None else [entry.interval.low, entry.interval.high]
    return {
        "value": cell.value,
        "printed": print_value(info, cell.value),
        "n": cell.n,
        "planned": entry.planned,
        "spread": cell.spread,
        "note": cell.note,
    } | ({"interval": interval, "no_interval": entry.no_interval} if intervals else {})
