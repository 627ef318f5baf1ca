"""What a run's database holds, as rows; checked as they are read, for a run may come from somebody else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from i2vbench.types import SAFE_ID

ClipState = Literal["owed", "done", "failed", "not_applicable"]

_STATES = frozenset(get_args(ClipState))


@dataclass(frozen=True, slots=True)
class ClipRow:
    """One clip of the plan and what became of it. `video` is relative to the run's folder."""

    model: str
    sample_id: str
    seed: int
    request_seed: int
    position: int
    batch: int
    video: str
    state: ClipState
    reason: str | None

    def __post_init__(self) -> None:
        texts = isinstance(self.model, str) and isinstance(self.sample_id, str) and isinstance(self.video, str)
        wholes = isinstance(self.seed, int) and isinstance(self.request_seed, int)
        places = isinstance(self.position, int) and isinstance(self.batch, int)
        _check_kinds(texts and wholes and places and self.state in _STATES, self.reason)
        _check_inside(self.video)


@dataclass(frozen=True, slots=True)
class SampleRow:
    """What the tables need of a sample. `first_frame` is relative to the run's folder."""

    id: str
    position: int
    category: str
    prompt: str
    objects: tuple[str, ...]
    scene: str
    first_frame: str | None

    def __post_init__(self) -> None:
        texts = (self.id, self.category, self.prompt, self.scene, *self.objects)
        _check_kinds(all(isinstance(text, str) for text in texts) and isinstance(self.position, int), None)
        if not SAFE_ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r:.80} is no id of a sample")
        _check_inside(self.first_frame)


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """One metric's record of one clip. `features` is relative to the run's folder."""

    metric: str
    model: str
    sample_id: str
    seed: int
    state: ClipState
    value: float | None
    features: str | None
    details: Mapping[str, Any]
    reason: str | None

    def __post_init__(self) -> None:
        texts = isinstance(self.metric, str) and isinstance(self.model, str) and isinstance(self.sample_id, str)
        _check_kinds(texts and isinstance(self.seed, int) and self.state in _STATES, self.reason)
        _check_inside(self.features)
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"the value of {self.sample_id} by {self.metric} is {self.value}")


@dataclass(frozen=True, slots=True, eq=False)
class MeasurementLot:
    """Records of one model's clips as columns: what tables read of a hundred thousand clips.

    Attributes:
        positions: Of the clips in the plan.
        metrics: Their ids.
        states: As `MeasurementRow.state`.
        values: float64, NaN where there is none.
        reasons: As `MeasurementRow.reason`.
        details: By place in the lot, of those records alone whose details were asked for.
    """

    positions: Sequence[int]
    metrics: Sequence[str]
    states: Sequence[ClipState]
    values: npt.NDArray[np.float64]
    reasons: Sequence[str | None]
    details: Mapping[int, Mapping[str, Any]]

    def __post_init__(self) -> None:
        wholes = all(type(position) is int for position in self.positions)
        known = {*self.states} <= _STATES and {*map(type, self.metrics)} <= {str}
        _check_kinds(wholes and known and {*map(type, self.reasons)} <= {str, type(None)}, None)
        if np.isinf(self.values).any():
            place = int(np.isinf(self.values).argmax())
            raise ValueError(f"a value by {self.metrics[place]} is {self.values[place]}")


def parse_details(text: str) -> dict[str, Any]:
    """The details of a measurement.

    Raises:
        ValueError: If they are no JSON object, hold a number that is not finite, or something else where the tables'
            notes look for texts.
    """

    if text == "{}":
        return {}
    try:
        details = _DETAILS.decode(text)
    except RecursionError as error:  # of a store that somebody else made
        raise ValueError("details are nested too deeply") from error
    if not isinstance(details, dict):
        raise ValueError("details are no JSON object")
    if fault := fault_of_details(details):
        raise ValueError(fault)
    return details


def fault_of_details(details: Mapping[str, Any]) -> str:
    """What the tables' notes could not tell of details; "" if nothing is wrong with them."""
    if details.keys().isdisjoint(_TOLD):
        return ""
    notes = [details.get("brought", ""), details.get("made_as", "")]
    doubts = details.get("doubts", [])
    if not isinstance(doubts, list) or not all(isinstance(text, str) for text in [*notes, *doubts]):
        return "brought, made_as or doubts of details are no texts"
    if "brought" in details and "made_as" not in details:
        return "details say that a clip was brought to the protocol, and not what it was made as"
    return ""


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number:.40} is not finite")
    return value


def _whole(number: str) -> int:
    _finite(number)  # what no float holds ends those who print it
    return int(number)


_DETAILS = json.JSONDecoder(parse_float=_finite, parse_constant=_finite, parse_int=_whole)
_TOLD = frozenset({"brought", "made_as", "doubts"})


def _check_kinds(fine: bool, reason: object) -> None:
    """A database states what its columns hold, and may be made to hold something else."""
    if not fine or not isinstance(reason, str | None):
        raise ValueError("a value is of another kind than a run writes")


def _check_inside(path: str | None) -> None:
    """Refuse a path that leaves the run's folder."""
    # A path is taken apart only where two dots stand in it: these are as many as a run has clips.
    if path is not None and (
        path.startswith("/") or "\\" in path or (".." in path and ".." in PurePosixPath(path).parts)
    ):
        raise ValueError(f"the path {path!r} leaves the run's folder")
