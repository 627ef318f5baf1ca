"""Tables as CSV, LaTeX, Markdown, plain text and JSON; text from data sets and models is escaped in each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rich.cells import cell_len

from i2vbench.tables.layout import Direction, PrintedCell, Table, all_tables, metric_grid, print_value
from i2vbench.tables.results import Entry, Results
from i2vbench.texts import csv_lines, csv_text, one_line
from i2vbench.types import MetricInfo

EMPTY = "\N{EN DASH}"

# -- CSV ----------------------------------------------------------------------------------------------------------


def to_csv(table: Table) -> str:
    """The printed numbers, so that the file says what the table says; an empty cell is an empty field."""
    keys = [heading.key for heading in table.headings]
    corner = ["metric", table.corner.lower()] if table.metric else [table.corner.lower()]
    counted = _counted_columns(table)
    header = [*corner, *(["n"] if table.measured else []), *keys, *(f"n {keys[i]}" for i in counted)]
    if table.measured:
        header += [*(f"spread {key}" for key in keys), "profile"]
    rows: list[Sequence[object]] = [_distinct([csv_text(name) for name in header])]
    for row in table.rows:
        start: list[object] = [csv_text(table.metric)] if table.metric else []
        start += [csv_text(row.label), *([row.n] if table.measured else [])]
        numbers: list[object] = [*(c.text for c in row.cells), *(row.cells[i].n for i in counted)]
        if table.measured:
            numbers += [*(c.spread for c in row.cells), csv_text(row.profile)]
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


# -- LaTeX --------------------------------------------------------------------------------------------------------

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "^": r"\textasciicircum{}",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "%": r"\%",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"{\char96}",  # no quotation mark, no inverted ? or !
    '"': r"{\char34}",  # babel gives it a meaning in some languages
    "[": r"{[}",  # after \\ it would open an argument
    "]": r"{]}",
    "*": r"{*}",
}


def latex_text(text: str) -> str:
    """Text as LaTeX sets it, on one line; letters that pdflatex has no font for stay as they are."""
    escaped = "".join(_LATEX.get(c, c) for c in one_line(text))
    return re.sub(r"([-',])(?=\1)", r"\1{}", escaped)  # two of them would join into another sign


def to_latex(table: Table) -> str:
    """A `table` that needs the package booktabs and nothing else."""
    arrows: dict[Direction | None, str] = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", None: ""}

    def head(text: str, unit: str, direction: Direction | None) -> str:
        return latex_text(text) + (f" ({latex_text(unit)})" if unit else "") + arrows[direction]

    def cell(c: PrintedCell) -> str:
        if not c.text:
            return "--"
        text = {"best": rf"\textbf{{{c.text}}}", "second": rf"\underline{{{c.text}}}", "": c.text}[c.mark]
        return f"{text} {{\\scriptsize($n$={c.n})}}" if c.short else text

    headings = [head(h.label, h.unit, h.direction) for h in table.headings]
    lines = [
        r"\begin{table}[htbp]",
        r"  \centering",
        rf"  \caption{{{head(table.title, table.unit, table.direction)}}}",
        rf"  \label{{tab:{re.sub('[^A-Za-z0-9._:-]', '-', table.name)}}}",
        rf"  \begin{{tabular}}{{l{'r' * (len(headings) + table.measured)}}}",
        r"    \toprule",
        "    " + " & ".join([table.corner, *(["$n$"] if table.measured else []), *headings]) + r" \\",
        r"    \midrule",
    ]
    for row in table.rows:
        if row.total and len(table.rows) > 1:
            lines.append(r"    \midrule")
        n = [str(row.n)] if table.measured else []
        lines.append("    " + " & ".join([latex_text(row.label), *n, *map(cell, row.cells)]) + r" \\")
    lines += [r"    \bottomrule", r"  \end{tabular}", "", r"  \medskip", r"  \parbox{\linewidth}{\footnotesize"]
    lines += [f"    {latex_text(note)}\\par" for note in table.notes]
    return "\n".join([*lines, "  }", r"\end{table}", ""])


# -- Markdown and plain text --------------------------------------------------------------------------------------

_MARKDOWN = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {c: f"\\{c}" for c in "\\`*_{}[]|~$#"}


def markdown_text(text: str) -> str:
    """Text as Markdown shows it, on one line: no markup, no tag, no new cell."""
    text = "".join(_MARKDOWN.get(c, c) for c in one_line(text))
    # At the start of a line these would open a list or underline a heading.
    return re.sub(r"^(\d+(?=[.)])|(?=[-+=]))", r"\1\\", text)


def to_markdown(table: Table) -> str:
    styles = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}
    grid = _grid(table, markdown_text, styles)
    columns = len(grid[0])
    lines = [f"### {_title(table, markdown_text)}", "", _pipes(grid[0]), _pipes([":---", *["---:"] * (columns - 1)])]
    lines += [_pipes(row) for row in grid[1:]]
    return "\n".join([*lines, "", *(f"- {markdown_text(note)}" for note in table.notes), ""])


def print_tables(results: Results) -> str:
    """Every metric's table and then the summary, aligned for a terminal; best is marked **x**, second best _x_.

    What several tables note is said once, at the end.
    """
    tables = all_tables(results)
    noted = Counter(note for table in tables for note in table.notes)
    shared = [f"- {one_line(note)}" for note, times in noted.items() if times > 1]
    parts = [
        to_aligned(table, [note for note in table.notes if noted[note] == 1]) for table in (*tables[1:], tables[0])
    ]
    return "\n".join([*parts, *shared])


def to_aligned(table: Table, notes: Sequence[str]) -> str:
    """One table with these notes, its columns aligned for a terminal."""
    grid = _grid(table, one_line, {"best": "**{}**", "second": "_{}_", "": "{}"})
    widths = [max(cell_len(row[i]) for row in grid) for i in range(len(grid[0]))]
    lines = [_title(table, one_line), ""]
    for r, row in enumerate(grid):
        pads = [" " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)]
        texts = [text + pad if i == 0 else pad + text for i, (text, pad) in enumerate(zip(row, pads, strict=True))]
        lines.append("  ".join(texts).rstrip())
        if r == 0:
            lines.append("  ".join("-" * width for width in widths))
    if notes:
        lines += ["", *(f"- {one_line(note)}" for note in notes)]
    return "\n".join([*lines, ""])


def _grid(table: Table, escape: Callable[[str], str], styles: dict[str, str]) -> list[list[str]]:
    """Header and rows as text."""

    def cell(c: PrintedCell) -> str:
        return (styles[c.mark].format(c.text) + (f" (n={c.n})" if c.short else "")) if c.text else EMPTY

    def n(text: object) -> list[str]:
        return [str(text)] if table.measured else []

    header = [table.corner, *n("n"), *(_head(h.label, h.unit, h.direction, escape) for h in table.headings)]
    return [header, *([escape(row.label), *n(row.n), *map(cell, row.cells)] for row in table.rows)]


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
                "cells": {label: _json_cell(grids[m][r][c], info) for c, label in enumerate(labels)},
            }
            for r, category in enumerate(results.categories)
        ]
        facts = {name: getattr(info, name) for name in ("id", "title", "direction", "unit", "scale", "decimals")}
        metrics.append(facts | {"rows": rows, "notes": list(table.notes)})
    summary = [
        {
            "model": label,
            "n": tables[0].rows[c].n,
            "cells": {info.id: _json_cell(grids[m][last][c], info) for m, info in enumerate(results.metrics)},
        }
        for c, label in enumerate(labels)
    ]
    return {"summary": summary, "metrics": metrics, "notes": list(tables[0].notes)}


def _json_cell(entry: Entry, info: MetricInfo) -> dict[str, Any]:
    cell = entry.cell
    return {
        "value": cell.value,
        "printed": print_value(info, cell.value),
        "n": cell.n,
        "planned": entry.planned,
        "spread": cell.spread,
        "note": cell.note,
    }
