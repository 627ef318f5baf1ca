"""One cell: the clips that it stands on, its number, and why it has none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from i2vbench.attempt import describe
from i2vbench.metrics.base import Metric
from i2vbench.rows import MeasurementRow
from i2vbench.statistics import Interval
from i2vbench.store import REFERENCE, Store
from i2vbench.tables import clip_notes
from i2vbench.tables.intervals import Resampling
from i2vbench.tables.kept_cells import kept_cell
from i2vbench.tables.runs import Column, Record, Run, clip_records
from i2vbench.types import Cell, Measurement


@dataclass(frozen=True, slots=True)
class Entry:
    """A cell of the tables.

    Attributes:
        cell: The number.
        planned: How many clips were planned for it.
        failed: Whether its metric failed to make it.
        interval: Where it lies over resampled samples, in the unit of `cell.value`; None if nobody asked, or where it
            has none.
        no_interval: Why a number has none, though somebody asked; "" otherwise.
    """

    cell: Cell
    planned: int
    failed: bool = False
    interval: Interval | None = None
    no_interval: str = ""


@dataclass(frozen=True, slots=True)
class _Lazy:
    """Measurements whose features are read when they are asked for, one at a time, as often as asked."""

    store: Store
    rows: Sequence[MeasurementRow]

    def __iter__(self) -> Iterator[Measurement]:
        return map(self.store.load_measurement, self.rows)


def aggregate_column(
    id_: str,
    metric: Metric,
    run: Run,
    column: Column,
    categories: Sequence[str],
    small_categories: bool,
    resampling: Resampling | None,
) -> tuple[list[Entry], list[str]]:
    """One metric's cells of one model, categories first and the total last; and what happened to its clips."""
    skipped = run.settings["metrics"].get(id_, {}).get("skipped", "")
    if id_ not in run.settings["metrics"] or skipped:
        planned = Counter(run.samples[clip.sample_id].category for clip in run.clips[column.model])
        empty = Cell(None, 0, note=f"not measured: {skipped}" if skipped else "this run has no such metric")
        return [Entry(empty, n) for n in [*(planned[c] for c in categories), planned.total()]], []
    source = metric.info.features_of or id_
    with Store.open(run.folder) as store:
        records = list(clip_records(run, column.model, store.measurements(source, column.model)))
        done = [r.row for r in records if r.state == "done" and r.row is not None]
        compares = "reference" in metric.info.reads and any(row.features for row in done)
        reference = _reference_rows(store, source) if compares else None
        groups: dict[str | None, list[Record]] = {category: [] for category in (*categories, None)}
        for record in records:
            groups[record.sample.category].append(record)
            groups[None].append(record)
        least = 0 if small_categories else metric.info.least_per_category
        entries = [
            _aggregate(metric, store, some, reference, 0 if category is None else least, resampling)
            for category, some in groups.items()
        ]
    found = clip_notes.clip_counts(column.label, records)
    if reference is not None:
        found += clip_notes.reference_counts(column.label, [r.sample_id for r in done], reference)
    return entries, found


def _reference_rows(store: Store, id_: str) -> dict[str, MeasurementRow]:
    """The record of each sample's real clip, by sample."""
    rows: dict[str, MeasurementRow] = {}
    for row in store.measurements(id_, REFERENCE):
        rows.setdefault(row.sample_id, row)
    return rows


def _aggregate(
    metric: Metric,
    store: Store,
    records: Sequence[Record],
    reference: Mapping[str, MeasurementRow] | None,
    least: int,
    resampling: Resampling | None,
) -> Entry:
    """The cell of some clips; empty where they are fewer than `least`."""
    planned = len(records)
    rows = [r.row for r in records if r.state == "done" and r.row is not None]
    if not rows:
        return Entry(Cell(None, 0, note=_why_empty(records)), planned)
    real: list[MeasurementRow] | None = None
    if reference is not None:
        # A real clip that failed takes its generated one with it: both sides are of the same samples.
        there = {id_ for id_, row in reference.items() if row.state == "done"}
        rows = [row for row in rows if row.sample_id in there]
        found = [reference[id_] for id_ in dict.fromkeys(row.sample_id for row in rows) if id_ in reference]
        real = [row for row in found if row.state == "done"]
    if len(rows) < least:
        note = f"of fewer than {least} clips it would be mostly bias (table --small-categories shows it)"
        return Entry(Cell(None, len(rows), note=note), planned)
    try:
        cell = kept_cell(
            metric,
            store.folder,
            [*rows, *(real or ())],
            lambda: metric.aggregate(_Lazy(store, rows), None if real is None else _Lazy(store, real)),
        )
        if not isinstance(cell, Cell):
            raise TypeError(f"expected a Cell, got {type(cell).__name__}")
        if cell.value is not None and not math.isfinite(cell.value):
            raise ValueError(f"the value is {cell.value}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a metric raises empties its cell, not the table
        return Entry(Cell(None, 0, note=f"aggregate failed: {describe(error)}"), planned, failed=True)
    spread = float(cell.spread) if cell.spread is not None and math.isfinite(cell.spread) else None
    # float and int because a metric may hand in numpy's, which JSON does not know
    value = None if cell.value is None else float(cell.value)
    note = cell.note or ("aggregate gave no number" if value is None else "")
    interval, no_interval = (
        resampling.interval(metric, store, rows, real, value)
        if resampling is not None and value is not None
        else (None, "")
    )
    return Entry(Cell(value, int(cell.n), spread, note), planned, interval=interval, no_interval=no_interval)


def _why_empty(records: Sequence[Record]) -> str:
    if not records:
        return "this run has no clips of this category"
    states = Counter(record.state for record in records)
    words = {"failed": "failed", "not_applicable": "not applicable", "owed": "not measured yet"}
    return "no clip was measured: " + ", ".join(f"{states[s]} {text}" for s, text in words.items() if states[s])  # type: ignore[index]
