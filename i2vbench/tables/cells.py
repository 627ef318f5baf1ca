"""One cell: the clips that it stands on, its number, and why it has none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from i2vbench.attempt import describe
from i2vbench.metrics.base import Metric, mean_cell
from i2vbench.rows import MeasurementRow
from i2vbench.statistics import Interval
from i2vbench.store import REFERENCE, Store
from i2vbench.tables import clip_notes
from i2vbench.tables.intervals import Resampling, details_read
from i2vbench.tables.kept_cells import kept_cell
from i2vbench.tables.runs import Column, Run
from i2vbench.tables.scores import DONE, FAILED, NOT_APPLICABLE, OWED, STATES, Positions, Scores, scores_of
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
    scores = scores_of(run, column.model, id_)
    assert scores is not None
    groups = [(scores.members(category), category) for category in (*categories, None)]
    least = 0 if small_categories else metric.info.least_per_category
    found = clip_notes.clip_counts(column.label, scores.telling(), scores.clips)
    if _is_mean(metric) and resampling is None:
        entries = [_mean(scores, positions, 0 if category is None else least) for positions, category in groups]
        return entries, found
    with Store.open(run.folder) as store:
        rows = _rows(store, scores, metric)
        compares = "reference" in metric.info.reads and any(row.features for row in rows.values())
        reference = _reference_rows(store, scores.metric) if compares else None
        entries = [
            _aggregate(metric, store, scores, positions, rows, reference, 0 if category is None else least, resampling)
            for positions, category in groups
        ]
    if reference is not None:
        found += clip_notes.reference_counts(column.label, [row.sample_id for row in rows.values()], reference)
    return entries, found


def _is_mean(metric: Metric) -> bool:
    """Whether its cells are what every metric inherits: the numbers are enough for them."""
    return type(metric).aggregate is Metric.aggregate and "reference" not in metric.info.reads


def _mean(scores: Scores, positions: Positions, least: int) -> Entry:
    """The mean over some clips."""
    done = int((scores.states[positions] == DONE).sum())
    if why := _why_not(scores, positions, done, least):
        return why
    return _entry(len(positions), lambda: mean_cell(scores.numbers(positions)))


def _why_not(scores: Scores, positions: Positions, done: int, least: int) -> Entry | None:
    """The empty cell of clips of which so many can be counted; None if it need not be empty."""
    planned = len(positions)
    if not (scores.states[positions] == DONE).any():
        return Entry(Cell(None, 0, note=_why_empty(scores.states[positions])), planned)
    if done < least:
        note = f"of fewer than {least} clips it would be mostly bias (table --small-categories shows it)"
        return Entry(Cell(None, done, note=note), planned)
    return None


def _rows(store: Store, scores: Scores, metric: Metric) -> dict[int, MeasurementRow]:
    """The records of the clips that are done, by position and in the order of the plan."""
    done = {scores.clips[i].position: i for i in np.flatnonzero(scores.states == DONE).tolist()}
    rows = store.planned_measurements(scores.metric, scores.model, details_read(metric))
    return {done[position]: row for position, row in rows if position in done and row.state == "done"}


def _reference_rows(store: Store, id_: str) -> dict[str, MeasurementRow]:
    """The record of each sample's real clip, by sample."""
    rows: dict[str, MeasurementRow] = {}
    for row in store.measurements(id_, REFERENCE):
        rows.setdefault(row.sample_id, row)
    return rows


def _aggregate(
    metric: Metric,
    store: Store,
    scores: Scores,
    positions: Positions,
    by_position: Mapping[int, MeasurementRow],
    reference: Mapping[str, MeasurementRow] | None,
    least: int,
    resampling: Resampling | None,
) -> Entry:
    """The cell of some clips; empty where they are fewer than `least`."""
    rows = [by_position[position] for position in positions.tolist() if position in by_position]
    real: list[MeasurementRow] | None = None
    if reference is not None:
        # A real clip that failed takes its generated one with it: both sides are of the same samples.
        there = {id_ for id_, row in reference.items() if row.state == "done"}
        rows = [row for row in rows if row.sample_id in there]
        real = [reference[id_] for id_ in dict.fromkeys(row.sample_id for row in rows)]
    if why := _why_not(scores, positions, len(rows), least):
        return why

    def aggregate() -> Cell:
        return metric.aggregate(_Lazy(store, rows), None if real is None else _Lazy(store, real))

    entry = _entry(len(positions), lambda: kept_cell(metric, store.folder, [*rows, *(real or ())], aggregate))
    value = entry.cell.value
    if resampling is None or value is None:
        return entry
    interval, no_interval = resampling.interval(metric, store, rows, real, value)
    return replace(entry, interval=interval, no_interval=no_interval)


def _entry(planned: int, compute: Callable[[], Cell]) -> Entry:
    """The entry of a cell as a metric makes it; empty if it cannot."""
    try:
        cell = compute()
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
    return Entry(Cell(value, int(cell.n), spread, note), planned)


def _why_empty(states: npt.NDArray[np.uint8]) -> str:
    if not len(states):
        return "this run has no clips of this category"
    counts = np.bincount(states, minlength=len(STATES)).tolist()
    words = {FAILED: "failed", NOT_APPLICABLE: "not applicable", OWED: "not measured yet"}
    return "no clip was measured: " + ", ".join(f"{counts[s]} {text}" for s, text in words.items() if counts[s])
