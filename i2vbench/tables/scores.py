"""What metrics say of very many clips, as columns: a record of its own for each number would take most of the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.rows import ClipRow, ClipState, MeasurementRow
from i2vbench.store import Store
from i2vbench.tables.runs import Record, Run, source_of

STATES: tuple[ClipState, ...] = ("owed", "done", "failed", "not_applicable")
OWED, DONE, FAILED, NOT_APPLICABLE = range(len(STATES))

NOTED_DETAILS = ("repeated_frames", "brought", "doubts")
"""What notes under the tables are made of."""

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What one metric says of each clip of one model: [n] clips in the order of the plan.

    Attributes:
        run: The run.
        model: As its column is called.
        metric: The id that its records are under.
        by_category: The positions of each category's clips.
        states: uint8 [n], positions in `STATES`.
        values: float64 [n]; NaN where there is none.
        reasons: Those that records state, by position.
        details: By position, of those records that have some of `NOTED_DETAILS`.
    """

    run: Run
    model: str
    metric: str
    by_category: Mapping[str, Positions]
    states: npt.NDArray[np.uint8]
    values: npt.NDArray[np.float64]
    reasons: Mapping[int, str]
    details: Mapping[int, Mapping[str, Any]]

    @property
    def clips(self) -> Sequence[ClipRow]:
        return self.run.clips[self.model]

    def members(self, category: str | None) -> Positions:
        """The positions of a category's clips; None takes all."""
        return np.arange(len(self.clips)) if category is None else self.by_category.get(category, _NONE)

    def numbers(self, positions: Positions) -> list[float]:
        """The values of these clips, without those that have none."""
        values = self.values[positions]
        found: list[float] = values[(self.states[positions] == DONE) & ~np.isnan(values)].tolist()
        return found

    def reason(self, position: int) -> str:
        """Why a clip has no number."""
        stated = self.reasons.get(position) or self.clips[position].reason
        return self.run.reason(stated, STATES[self.states[position]])

    def not_done(self) -> list[int]:
        """The positions of clips that have no number, or a reason in spite of it."""
        return sorted({*np.flatnonzero(self.states != DONE).tolist(), *self.reasons})

    def telling(self) -> list[Record]:
        """The records of clips that notes under the tables may tell of; their rows hold nothing but the details."""
        return [self._record(position) for position in sorted({*self.not_done(), *self.details})]

    def _record(self, position: int) -> Record:
        clip, state = self.clips[position], STATES[self.states[position]]
        details = self.details.get(position)
        row = details and MeasurementRow(
            self.metric, self.model, clip.sample_id, clip.seed, state, None, None, details, None
        )
        return Record(clip, self.run.samples[clip.sample_id], state, self.reason(position), row or None)


def scores_of(run: Run, model: str, metric: str) -> Scores | None:
    """What a metric says of each clip of one model; None if the run has it not."""
    if metric not in run.settings["metrics"]:
        return None
    if model not in run.scores:
        run.scores[model] = _read(run, model)
    found: Scores = run.scores[model][source_of(run, metric)]
    return found


def _read(run: Run, model: str) -> dict[str, Scores]:
    """Everything that was measured of a model, in one go: each metric by itself would go through all of it."""
    clips = run.clips[model]
    sources = dict.fromkeys(source_of(run, metric) for metric in run.settings["metrics"])
    places = {metric: place for place, metric in enumerate(sources)}
    unknown = len(places)
    states = np.full((unknown + 1, len(clips)), OWED, np.uint8)
    values = np.full((unknown + 1, len(clips)), np.nan)
    reasons: list[dict[int, str]] = [{} for _ in range(unknown + 1)]
    details: list[dict[int, Mapping[str, Any]]] = [{} for _ in range(unknown + 1)]
    planned = np.array([clip.position for clip in clips], np.int64)
    same: dict[str, str] = {}
    with Store.open(run.folder) as store:
        for lot in store.measurement_lots(model, NOTED_DETAILS) if clips else ():
            metrics = np.array([places.get(metric, unknown) for metric in lot.metrics], np.int64)
            positions = np.searchsorted(planned, lot.positions)
            all_done = lot.states.count("done") == len(lot.states)
            states[metrics, positions] = DONE if all_done else [_CODES[state] for state in lot.states]
            values[metrics, positions] = lot.values
            if any(lot.reasons):
                for place, reason in enumerate(lot.reasons):
                    if reason:  # one object for all those that are alike
                        reasons[metrics[place]][int(positions[place])] = same.setdefault(reason, reason)
            for place, some in lot.details.items():
                details[metrics[place]][int(positions[place])] = some
    _leave_to_clips(clips, states, values, [*reasons, *details])
    by_category = _by_category(run, model)
    return {
        metric: Scores(run, model, metric, by_category, states[place], values[place], reasons[place], details[place])
        for metric, place in places.items()
    }


def _by_category(run: Run, model: str) -> dict[str, Positions]:
    found: dict[str, list[int]] = {}
    for position, clip in enumerate(run.clips[model]):
        found.setdefault(run.samples[clip.sample_id].category, []).append(position)
    return {category: np.array(some, np.int64) for category, some in found.items()}


def _leave_to_clips(
    clips: Sequence[ClipRow],
    states: npt.NDArray[np.uint8],
    values: npt.NDArray[np.float64],
    rest: Sequence[dict[int, Any]],
) -> None:
    """Where a clip is not there, it says why; whatever was measured of an earlier one does not count."""
    there = np.array([clip.state == "done" for clip in clips], bool)
    if there.all():
        return
    missing = np.flatnonzero(~there)
    states[:, missing] = np.array([_CODES[clips[i].state] for i in missing.tolist()], np.uint8)
    values[:, missing] = np.nan
    for some in rest:
        for position in missing.tolist():
            some.pop(position, None)


_NONE: Positions = np.empty(0, np.int64)
_CODES = {state: code for code, state in enumerate(STATES)}
