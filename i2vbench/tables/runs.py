"""Runs, their columns and their clips, as the tables see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.profiles import Profile, parse_profile
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
    scores: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """By model and metric, the `Scores` that `scores_of` has read already."""

    @property
    def profile(self) -> Profile:
        """What it was made under."""
        return parse_profile(self.settings["profile"])

    def without_paths(self, reason: str) -> str:
        """The reason as it reads wherever the run lies."""
        if "/" in reason:
            for folder in {str(self.folder), str(self.folder.resolve())} - {"."}:
                reason = reason.replace(f"{folder}/", "")
        return reason

    def reason(self, stated: str | None, state: ClipState) -> str:
        """What is said of a clip in that state for which the store states this."""
        return self.without_paths(stated) if stated else "not measured yet" if state == "owed" else ""


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
            if clip.sample_id not in samples or clip.seed not in settings["seeds"] or _has_double(clip, clips):
                raise UserError(f"{folder / 'run.sqlite'} is damaged: its plan and run.json do not fit each other")
            if clip.model in clips:
                clips[clip.model].append(clip)
    return Run(folder, settings, samples, clips)


def _has_double(clip: ClipRow, before: Mapping[str, Sequence[ClipRow]]) -> bool:
    """Whether its place in the plan is another's too; clips come in the order of the plan."""
    some = before.get(clip.model, ())
    return len(some) > 0 and some[-1].position == clip.position


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


def source_of(run: Run, metric: str) -> str:
    """The id that the records of one of the run's metrics are under."""
    source: str = run.settings["metrics"][metric]["info"].get("features_of") or metric
    return source


def records_of(run: Run, model: str, metric: str, clips: Sequence[ClipRow] | None = None) -> list[Record]:
    """What a metric says of each clip of one model, in the order of the plan; none if the run has it not.

    Args:
        run: The run.
        model: As its column is called.
        metric: Its id.
        clips: A few of them; None for all.
    """
    if metric not in run.settings["metrics"]:
        return []
    source = source_of(run, metric)
    with Store.open(run.folder) as store:
        if clips is None:
            return list(clip_records(run, run.clips[model], store.measurements(source, model)))
        rows = store.measurements_of(source, model, [(clip.sample_id, clip.seed) for clip in clips])
        return list(clip_records(run, clips, rows))


def clip_records(run: Run, clips: Sequence[ClipRow], rows: Iterable[MeasurementRow]) -> Iterator[Record]:
    """Each of these clips with what `rows`, the measurements of one metric, say of it."""
    measured = {(row.sample_id, row.seed): row for row in rows}
    for clip in clips:
        row = measured.get((clip.sample_id, clip.seed)) if clip.state == "done" else None
        state: ClipState = clip.state if clip.state != "done" else row.state if row else "owed"
        reason = run.reason(row.reason if row else clip.reason, state)
        yield Record(clip, run.samples[clip.sample_id], state, reason, row)
