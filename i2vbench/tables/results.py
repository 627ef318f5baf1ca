"""Store -> cells: every metric's number per category and over all, for the models of one or several runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from i2vbench.attempt import describe
from i2vbench.errors import UserError
from i2vbench.first_frames.record import KEY, identity, title_of
from i2vbench.metrics.base import Metric
from i2vbench.profiles import parse_profile
from i2vbench.registry import METRICS
from i2vbench.rows import ClipState, MeasurementRow
from i2vbench.store import REFERENCE, Store
from i2vbench.tables import clip_notes, notes
from i2vbench.tables.kept_cells import kept_cell
from i2vbench.tables.runs import Column, Record, Run, open_run
from i2vbench.types import Cell, Clip, Measurement, MetricInfo

TOTAL = "All"
"""The row over all clips."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A cell of the tables with the number of clips planned for it, and whether its metric failed to make it."""

    cell: Cell
    planned: int
    failed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What `collect` found.

    Attributes:
        runs: In the order given.
        columns: One per model and run.
        categories: The rows of every metric's table in the order of their first samples, and the total last.
        metrics: In the order of the tables.
        cells: Long form: `metric`, `row` and `column` are positions in the three above, `entry` is an `Entry`.
        notes: Per metric, what happened to its clips.
        run_notes: What stands under every table: what the numbers were made with, and where runs differ.
        not_run: Per id of a metric whose code did not run, why; its cells are empty.
        differing: Ids of metrics that are not the same in all runs: other code, other checkpoints.
    """

    runs: Sequence[Run]
    columns: Sequence[Column]
    categories: Sequence[str]
    metrics: Sequence[MetricInfo]
    cells: pd.DataFrame
    notes: Sequence[Sequence[str]]
    run_notes: Sequence[str]
    not_run: Mapping[str, str]
    differing: frozenset[str]

    @property
    def comparable(self) -> bool:
        """Whether all columns stand on one data set, its first frames and one profile, so that one can be the best."""
        made_with = [
            (run.settings["dataset"]["fingerprint"], identity(run.settings), run.settings["profile"])
            for run in self.runs
        ]
        return all(one == made_with[0] for one in made_with)

    @property
    def failed_cells(self) -> int:
        """How many cells are empty because their metric failed on them."""
        return sum(entry.failed for entry in self.cells["entry"])

    def profile_of(self, column: Column) -> str:
        """What a column was made under, as `Profile.label` says it; and of which first frames, if of others."""
        settings = self.runs[column.run].settings
        label = parse_profile(settings["profile"]).label
        return f"{label}; first frames: {title_of(settings)}" if KEY in settings else label

    def records(self, metric: str, column: Column) -> list[Record]:
        """What a metric says of each clip of one column, in the order of the plan; none if the run has it not."""
        run = self.runs[column.run]
        if metric not in run.settings["metrics"]:
            return []
        metric = run.settings["metrics"][metric]["info"].get("features_of") or metric
        with Store.open(run.folder) as store:
            return list(_records(run, column.model, store.measurements(metric, column.model)))


def collect(
    runs: Sequence[Path],
    metrics: Sequence[str] | None = None,
    trusted: Sequence[str] | None = None,
    small_categories: bool = False,
) -> Results:
    """Aggregate the measurements of one or several runs; finished or not, they are only read.

    Args:
        runs: Folders of runs; their models become columns in this order.
        metrics: Ids of the metrics wanted; None takes all.
        trusted: The FILE.py:Class whose code may run: a run's folder may be somebody else's. None trusts every run.
        small_categories: Whether categories of fewer clips than a metric asks for (`MetricInfo.least_per_category`)
            have numbers.

    Raises:
        UserError: If a folder is no run, or no run has a metric of that id.
    """
    if not runs:
        raise UserError("no run given: name at least one run's folder")
    opened = [open_run(folder) for folder in runs]
    made = _wanted_metrics(opened, metrics, trusted)
    columns = _columns(opened)
    categories = list(dict.fromkeys(s.category for run in opened for s in run.samples.values()))
    cells: list[tuple[int, int, int, Entry]] = []
    metric_notes: list[list[str]] = []
    for m, (id_, (metric, spec)) in enumerate(made.items()):
        used = None if isinstance(metric, _NotRun) else spec
        found: list[str] = notes.metric_differences(id_, columns, opened, used)
        looked = dict.fromkeys(filter(None, (notes.checkpoints_line(id_, run) for run in opened)))
        found += [f"Looked through {text}." for text in looked]
        for c, column in enumerate(columns):
            run = opened[column.run]
            entries, remarks = _aggregate_column(id_, metric, run, column, categories, small_categories)
            cells += [(m, row, c, entry) for row, entry in enumerate(entries)]
            found += remarks
        metric_notes.append(found)
    return Results(
        runs=opened,
        columns=columns,
        categories=[*categories, TOTAL if TOTAL not in categories else f"{TOTAL} (total)"],
        metrics=[metric.info for metric, _ in made.values()],
        cells=pd.DataFrame(cells, columns=["metric", "row", "column", "entry"]),
        notes=metric_notes,
        run_notes=notes.run_notes(columns, opened),
        differing=frozenset(id_ for id_ in made if len(notes.metric_groups(id_, columns, opened)) > 1),
        not_run={id_: metric.reason for id_, (metric, _) in made.items() if isinstance(metric, _NotRun)},
    )


def _wanted_metrics(
    runs: Sequence[Run], wanted: Sequence[str] | None, trusted: Sequence[str] | None
) -> dict[str, tuple[Metric, str]]:
    """Metrics with what named their code, by id, in the order asked for, else in the order of the runs."""
    own = {METRICS.create(spec).info.id: spec for spec in trusted or ()}
    records: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        for id_, record in run.settings["metrics"].items():
            if id_ not in records or "skipped" in records[id_]:
                records[id_] = record
    for id_ in wanted or ():
        if id_ not in records:
            raise UserError(f"no metric '{id_}' in these runs: they have {', '.join(records) or 'none'}")
    metrics: dict[str, tuple[Metric, str]] = {}
    for id_ in records if wanted is None else wanted:
        record = records[id_]
        spec = own.get(id_, record["spec"])
        metric: Metric
        if METRICS.is_file(spec) and trusted is not None and id_ not in own:
            metric = _NotRun(
                spec, record["info"], "not aggregated: its code was not asked to run (--trust FILE.py:Class)"
            )
        else:
            try:
                metric = METRICS.create(spec)
            except UserError as error:  # the numbers of the other metrics are there all the same
                metric = _NotRun(spec, record["info"], f"not aggregated: {describe(error)}")
        metrics[id_] = metric, spec
    return metrics


class _NotRun(Metric):
    """Stands for a metric whose code cannot or may not run, so that its column says why it is empty."""

    def __init__(self, spec: str, info: Mapping[str, Any], reason: str) -> None:
        bounds = info.get("range")
        try:
            facts = {**info, "reads": frozenset(info["reads"]), "checkpoints": tuple(info["checkpoints"])}
            self.info = MetricInfo(**(facts | {"range": tuple(bounds) if bounds else None}))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"a run's record of the metric {spec} is damaged: {error}") from error
        self.reason = reason

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        raise NotImplementedError

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        return Cell(None, 0, note=self.reason)


def _columns(runs: Sequence[Run]) -> list[Column]:
    """Every model of every run; a name that occurs in several runs is numbered."""
    models = [(i, model) for i, run in enumerate(runs) for model in run.settings["models"]]
    times = Counter(model for _, model in models)
    taken = {model for model, count in times.items() if count == 1}
    columns = []
    for run, model in models:
        label, number = model, 0
        while times[model] > 1 and (number == 0 or label in taken):
            number += 1
            label = f"{model} #{number}"
        taken.add(label)
        columns.append(Column(label, run, model))
    return columns


def _records(run: Run, model: str, rows: Iterable[MeasurementRow]) -> Iterator[Record]:
    measured = {(row.sample_id, row.seed): row for row in rows}
    for clip in run.clips[model]:
        row = measured.get((clip.sample_id, clip.seed)) if clip.state == "done" else None
        state: ClipState = clip.state if clip.state != "done" else row.state if row else "owed"
        reason = (row.reason if row else clip.reason) or ("not measured yet" if state == "owed" else "")
        yield Record(clip, run.samples[clip.sample_id], state, run.without_paths(reason), row)


@dataclass(frozen=True, slots=True)
class _Lazy:
    """Measurements whose features are read when they are asked for, one at a time, as often as asked."""

    store: Store
    rows: Sequence[MeasurementRow]

    def __iter__(self) -> Iterator[Measurement]:
        return map(self.store.load_measurement, self.rows)


def _aggregate_column(
    id_: str, metric: Metric, run: Run, column: Column, categories: Sequence[str], small_categories: bool
) -> tuple[list[Entry], list[str]]:
    """One metric's cells of one model, categories first and the total last; and what happened to its clips."""
    skipped = run.settings["metrics"].get(id_, {}).get("skipped", "")
    if id_ not in run.settings["metrics"] or skipped:
        planned = Counter(run.samples[clip.sample_id].category for clip in run.clips[column.model])
        empty = Cell(None, 0, note=f"not measured: {skipped}" if skipped else "this run has no such metric")
        return [Entry(empty, n) for n in [*(planned[c] for c in categories), planned.total()]], []
    source = metric.info.features_of or id_
    with Store.open(run.folder) as store:
        records = list(_records(run, column.model, store.measurements(source, column.model)))
        done = [r.row for r in records if r.state == "done" and r.row is not None]
        compares = "reference" in metric.info.reads and any(row.features for row in done)
        reference = _reference_rows(store, source) if compares else None
        groups: dict[str | None, list[Record]] = {category: [] for category in (*categories, None)}
        for record in records:
            groups[record.sample.category].append(record)
            groups[None].append(record)
        least = 0 if small_categories else metric.info.least_per_category
        entries = [
            _aggregate(metric, store, some, reference, 0 if category is None else least)
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
    metric: Metric, store: Store, records: Sequence[Record], reference: Mapping[str, MeasurementRow] | None, least: int
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
    return Entry(Cell(value, int(cell.n), spread, note), planned)


def _why_empty(records: Sequence[Record]) -> str:
    if not records:
        return "this run has no clips of this category"
    states = Counter(record.state for record in records)
    words = {"failed": "failed", "not_applicable": "not applicable", "owed": "not measured yet"}
    return "no clip was measured: " + ", ".join(f"{states[s]} {text}" for s, text in words.items() if states[s])  # type: ignore[index]
