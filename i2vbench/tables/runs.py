"""Runs, their columns and their clips, as the tables see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.rows import ClipRow, ClipState, MeasurementRow, SampleRow
from i2vbench.run_file import read_settings
from i2vbench.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A run as the tables see it: what it was made with, its samples and its plan."""

    folder: Path
    settings: Mapping[str, Any]
    samples: Mapping[str, SampleRow]
    clips: Mapping[str, Sequence[ClipRow]]

    def without_paths(self, reason: str) -> str:
        """The reason as it reads wherever the run lies."""
        for folder in {str(self.folder), str(self.folder.resolve())} - {"."}:
            reason = reason.replace(f"{folder}/", "")
        return reason


@dataclass(frozen=True, slots=True)
class Column:
    """One model of one run. `run` is a position in `Results.runs`; `label` is unique."""

    label: str
    run: int
    model: str


@dataclass(frozen=True, slots=True)
class Record:
    """One clip of the plan and what one metric says of it."""

    clip: ClipRow
    sample: SampleRow
    state: ClipState
    reason: str
    row: MeasurementRow | None


def open_run(folder: Path) -> Run:
    settings = read_settings(folder)
    with Store.open(folder) as store:
        samples = {sample.id: sample for sample in store.samples()}
        clips: dict[str, list[ClipRow]] = {model: [] for model in settings["models"]}
        for clip in store.clips():
            if clip.sample_id not in samples or clip.seed not in settings["seeds"]:
                raise UserError(f"{folder / 'run.sqlite'} is damaged: its plan and run.json do not fit each other")
            if clip.model in clips:
                clips[clip.model].append(clip)
    return Run(folder, settings, samples, clips)


def columns_of(runs: Sequence[Run]) -> list[Column]:
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


def records_of(run: Run, model: str, metric: str) -> list[Record]:
    """What a metric says of each clip of one model, in the order of the plan; none if the run has it not."""
    if metric not in run.settings["metrics"]:
        return []
    metric = run.settings["metrics"][metric]["info"].get("features_of") or metric
    with Store.open(run.folder) as store:
        return list(clip_records(run, model, store.measurements(metric, model)))


def clip_records(run: Run, model: str, rows: Iterable[MeasurementRow]) -> Iterator[Record]:
    """Every clip of the plan with what `rows`, the measurements of one metric, say of it."""
    measured = {(row.sample_id, row.seed): row for row in rows}
    for clip in run.clips[model]:
        row = measured.get((clip.sample_id, clip.seed)) if clip.state == "done" else None
        state: ClipState = clip.state if clip.state != "done" else row.state if row else "owed"
        reason = (row.reason if row else clip.reason) or ("not measured yet" if state == "owed" else "")
        yield Record(clip, run.samples[clip.sample_id], state, run.without_paths(reason), row)
