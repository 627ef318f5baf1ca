"""Store -> cells: every metric's number per category and over all, for the models of one or several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from i2vbench.errors import UserError
from i2vbench.first_frames.record import KEY, identity, title_of
from i2vbench.progress import Progress
from i2vbench.statistics import Interval
from i2vbench.tables import intervals, notes
from i2vbench.tables.cells import Entry, aggregate_column
from i2vbench.tables.intervals import Resampling
from i2vbench.tables.runs import Column, Record, Run, columns_of, open_run, records_of
from i2vbench.tables.scores import Scores, scores_of
from i2vbench.tables.wanted import NotRun, Wanted, wanted_metrics
from i2vbench.types import MetricInfo

TOTAL = "All"
"""The row over all clips."""


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
        intervals: Whether somebody asked for them.
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
    intervals: bool = False

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
        run = self.runs[column.run]
        settings, label = run.settings, run.profile.label
        return f"{label}; first frames: {title_of(settings)}" if KEY in settings else label

    def records(self, metric: str, column: Column) -> list[Record]:
        """What a metric says of each clip of one column, in the order of the plan; none if the run has it not."""
        return records_of(self.runs[column.run], column.model, metric)

    def scores(self, metric: str, column: Column) -> Scores | None:
        """The states and numbers alone, for very many clips; None if the run has no such metric."""
        return scores_of(self.runs[column.run], column.model, metric)


def collect(
    runs: Sequence[Path],
    metrics: Sequence[str] | None = None,
    trusted: Sequence[str] | None = None,
    small_categories: bool = False,
    replicates: int = 0,
    models: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Results:
    """Aggregate the measurements of one or several runs; finished or not, they are only read.

    Args:
        runs: Folders of runs; their models become columns in this order.
        metrics: Ids of the metrics wanted; None takes all.
        trusted: The FILE.py:Class whose code may run: a run's folder may be somebody else's. None trusts every run.
        small_categories: Whether categories of fewer clips than a metric asks for (`MetricInfo.least_per_category`)
            have numbers.
        replicates: How many resamples of the samples stand behind each cell's interval (a tenth for metrics that are
            slow to resample, but at least 100); 0 for no intervals.
        models: The models wanted; None takes all.
        progress: Is told how far the intervals are.

    Raises:
        UserError: If a folder is no run, or no run has a metric of that id.
    """
    if not runs:
        raise UserError("no run given: name at least one run's folder")
    opened = [open_run(folder) for folder in runs]
    made = wanted_metrics(opened, metrics, trusted)
    columns = [column for column in columns_of(opened) if models is None or column.model in models]
    categories = list(dict.fromkeys(s.category for run in opened for s in run.samples.values()))
    resampling = Resampling.begin(replicates, progress, len(made) * len(columns) * (len(categories) + 1))
    cells: list[tuple[int, int, int, Entry]] = []
    metric_notes: list[list[str]] = []
    for m, (id_, (metric, _)) in enumerate(made.items()):
        by_column, remarks = [], []
        for column in columns:
            entries, own = aggregate_column(
                id_, metric, opened[column.run], column, categories, small_categories, resampling
            )
            by_column.append(entries)
            remarks += own
            if resampling is not None:
                resampling.progress.advance(resampling.stage, len(entries))
        cells += [(m, row, c, entry) for c, entries in enumerate(by_column) for row, entry in enumerate(entries)]
        above = [] if resampling is None else intervals.note(metric, replicates, _intervals_of(by_column))
        metric_notes.append([*above, *_made_with(id_, made, columns, opened), *remarks])
    return Results(
        runs=opened,
        columns=columns,
        categories=[*categories, TOTAL if TOTAL not in categories else f"{TOTAL} (total)"],
        metrics=[metric.info for metric, _ in made.values()],
        cells=pd.DataFrame(cells, columns=["metric", "row", "column", "entry"]),
        notes=metric_notes,
        run_notes=notes.run_notes(columns, opened),
        differing=frozenset(id_ for id_ in made if len(notes.metric_groups(id_, columns, opened)) > 1),
        intervals=resampling is not None,
        not_run={id_: metric.reason for id_, (metric, _) in made.items() if isinstance(metric, NotRun)},
    )


def _made_with(id_: str, made: Wanted, columns: Sequence[Column], runs: Sequence[Run]) -> list[str]:
    """Where runs differ in a metric, and what it looked through."""
    metric, spec = made[id_]
    looked = dict.fromkeys(filter(None, (notes.checkpoints_line(id_, run) for run in runs)))
    differ = notes.metric_differences(id_, columns, runs, None if isinstance(metric, NotRun) else spec)
    return [*differ, *(f"Looked through {text}." for text in looked)]


def _intervals_of(by_column: Sequence[Sequence[Entry]]) -> list[Interval]:
    return [entry.interval for entries in by_column for entry in entries if entry.interval is not None]
