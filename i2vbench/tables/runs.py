"""Runs, their columns and their clips, as the tables see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
