"""Results -> printed tables: the one place where numbers become text, marks and notes, for all formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from i2vbench.statistics import Interval
from i2vbench.store import folder_name
from i2vbench.tables.cells import Entry
from i2vbench.tables.printed import Heading, Mark, PrintedCell, Row, Table, cell_notes, marks
from i2vbench.tables.results import Results
from i2vbench.types import MetricInfo


def all_tables(results: Results) -> list[Table]:
    """The summary and one table per metric."""
    return [summary_table(results), *(metric_table(results, m) for m in range(len(results.metrics)))]


def metric_table(results: Results, position: int) -> Table:
    """Rows are categories, columns are models; marks go along rows."""
    info = results.metrics[position]
    grid = metric_grid(results, position)
    last = len(results.categories) - 1
    profiles = {column.label: results.profile_of(column) for column in results.columns}
    several = len(set(profiles.values())) > 1
    profile = (
        "; ".join(f"{label}: {said}" for label, said in profiles.items()) if several else next(iter(profiles.values()))
    )
    rows = []
    for r, entries in enumerate(grid):
        printed = [print_value(info, entry.cell.value) for entry in entries]
        planned = max((entry.planned for entry in entries), default=0)
        cells = [
            _cell(entry, info, mark, planned)
            for entry, mark in zip(entries, _marks(results, printed, info), strict=True)
        ]
        rows.append(Row(results.categories[r], planned, tuple(cells), total=r == last, profile=profile))
    labels = [column.label for column in results.columns]
    headings = tuple(Heading(label, label) for label in labels)
    notes = [
        f"{info.title} ({info.id}): {info.direction} is better{scale_text(info)}.",
        *([info.hides] if info.hides else []),
        *_reading_help([cell for row in rows for cell in row.cells]),
        *results.notes[position],
        *_cell_notes(results.categories, labels, grid),
        *results.run_notes,
    ]
    return Table(
        name=_file_stem(info.id),
        metric=info.id,
        title=info.title,
        unit=info.unit,
        direction=info.direction,
        corner="Category",
        headings=headings,
        rows=tuple(rows),
        notes=tuple(dict.fromkeys(notes)),
        intervals=results.intervals,
    )


def metric_grid(results: Results, position: int) -> list[list[Entry]]:
    """One metric's cells: a list per category (the total last), with one entry per column."""
    return _pivot(results.cells[results.cells["metric"] == position], "row", "column")


def summary_table(results: Results) -> Table:
    """Rows are models, columns are metrics, over all clips; marks go along columns."""
    last = len(results.categories) - 1
    grid = _pivot(results.cells[results.cells["row"] == last], "column", "metric")
    labels = [column.label for column in results.columns]
    by_metric = []
    for m, info in enumerate(results.metrics):
        printed = [print_value(info, entries[m].cell.value) for entries in grid]
        by_metric.append(_marks(results, printed, info))
    rows = []
    for c, entries in enumerate(grid):
        planned = max((entry.planned for entry in entries), default=0)
        cells = [_cell(e, results.metrics[m], by_metric[m][c], planned) for m, e in enumerate(entries)]
        rows.append(Row(labels[c], planned, tuple(cells), profile=results.profile_of(results.columns[c])))
    notes = [
        "Over all clips of each model; the tables by category say more.",
        *(f"{i.title} ({i.id}): {i.direction} is better{scale_text(i)}." for i in results.metrics),
        *_reading_help([cell for row in rows for cell in row.cells]),
        *_model_titles(results),
        *metric_notes(results),
        *_cell_notes(labels, [info.title for info in results.metrics], grid),
        *results.run_notes,
    ]
    return Table(
        name="summary",
        metric="",
        title="Summary",
        unit="",
        direction=None,
        corner="Model",
        headings=tuple(Heading(i.title, i.id, i.unit, i.direction) for i in results.metrics),
        rows=tuple(rows),
        notes=tuple(dict.fromkeys(notes)),
        intervals=results.intervals,
    )


def _marks(results: Results, printed: Sequence[str], info: MetricInfo) -> list[Mark]:
    comparable = results.comparable and info.id not in results.differing
    return marks(printed, info.direction) if comparable else ["" for _ in printed]


def print_value(info: MetricInfo, value: float | None) -> str:
    return "" if value is None else info.print(value)


def _pivot(cells: pd.DataFrame, index: str, columns: str) -> list[list[Entry]]:
    wide = cells.pivot(index=index, columns=columns, values="entry")
    grid: list[list[Entry]] = wide.sort_index(axis=0).sort_index(axis=1).to_numpy().tolist()
    return grid


def _cell(entry: Entry, info: MetricInfo, mark: Mark, planned: int) -> PrintedCell:
    cell = entry.cell
    return PrintedCell(
        text=print_value(info, cell.value),
        mark=mark,
        n=cell.n,
        short=cell.value is not None and cell.n != planned,
        spread=print_value(info, cell.spread),
        note=cell.note,
        interval=print_interval(info, entry.interval),
    )


def own_cell(entry: Entry, info: MetricInfo) -> PrintedCell:
    """A cell as `metric_table` prints it, unmarked: for tables that decide themselves what can be the best."""
    cell = _cell(entry, info, "", entry.planned)
    return replace(cell, note="; ".join(filter(None, (cell.note, _no_interval(entry)))))


def _no_interval(entry: Entry) -> str:
    return f"no interval, {entry.no_interval}" if entry.no_interval else ""


def print_interval(info: MetricInfo, interval: Interval | None) -> tuple[str, str] | tuple[()]:
    """The ends as the metric's numbers are printed; () if it has none."""
    return () if interval is None else (info.print(interval.low), info.print(interval.high))


def scale_text(info: MetricInfo) -> str:
    """What goes on after "higher is better": how the printed number comes of the value."""
    unit = f", in {info.unit}" if info.unit else ""
    return f"; printed is the value times {info.scale:g}{unit}" if info.scale != 1 else unit


def _reading_help(cells: Sequence[PrintedCell]) -> list[str]:
    found = []
    if any(cell.mark for cell in cells):
        found.append("Bold is the best, underlined the second best, at the printed precision; ties share the mark.")
    if any(cell.short for cell in cells):
        found.append("n is the number of clips planned; (n=...) says on how many a number stands where it is another.")
    return found


def _cell_notes(rows: Sequence[str], columns: Sequence[str], grid: Sequence[Sequence[Entry]]) -> list[str]:
    """What cells have to say, by column."""
    said = [
        (text, column, row)
        for row, entries in zip(rows, grid, strict=True)
        for column, entry in zip(columns, entries, strict=True)
        for text in (_why(entry), _no_interval(entry))
        if text
    ]
    return cell_notes(said, dict.fromkeys(columns, len(rows)))


def _why(entry: Entry) -> str:
    cell = entry.cell
    return f"empty, {cell.note}" if cell.note and cell.value is None else cell.note


def metric_notes(results: Results) -> list[str]:
    """The notes of all metrics; one that is not said of all of them says of which."""
    said_of: dict[str, list[str]] = {}
    for info, some in zip(results.metrics, results.notes, strict=True):
        for note in some:
            said_of.setdefault(note, []).append(info.title)
    return [
        note if len(titles) == len(results.metrics) else f"{', '.join(titles)}: {note}"
        for note, titles in said_of.items()
    ]


def _model_titles(results: Results) -> list[str]:
    found = []
    for column in results.columns:
        title = results.runs[column.run].settings["models"][column.model]["info"].get("title", "")
        if title:
            found.append(f"{column.label}: {title}.")
    return found


def _file_stem(metric: str) -> str:
    stem = folder_name(metric)
    return f"metric-{stem}" if stem.lower() in ("summary", "clips", "tables") else stem
