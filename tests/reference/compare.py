"""One comparison: a tensor, number or text of ours against what was recorded, and how far off it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

UNSTATED = 1e-4
"""Of its standard deviation: what a tensor without a tolerance of its own may be off."""


@dataclass(frozen=True)
class Tolerance:
    """|ours - recorded| may be `atol + rtol * |recorded|`; `exact` asks for equality."""

    rtol: float = 0.0
    atol: float = 0.0
    exact: bool = False

    @classmethod
    def of(cls, stated: dict[str, float]) -> Tolerance:
        """From a sidecar's {"rtol": ..., "atol": ...}; one of them may be missing.

        Raises:
            ValueError: It says something else.
        """
        if not stated or set(stated) - {"rtol", "atol"}:
            raise ValueError(f"a tolerance gives rtol, atol or both; the sidecar gives {stated}")
        return cls(float(stated.get("rtol", 0.0)), float(stated.get("atol", 0.0)))

    @classmethod
    def unstated(cls, recorded: object) -> Tolerance:
        """1e-4 times the standard deviation; of a single number, times its size; of integers, none."""
        values = array(recorded)
        if not np.issubdtype(values.dtype, np.floating):
            return EXACT
        if values.size == 1:
            return cls(rtol=UNSTATED)
        return cls(atol=UNSTATED * float(np.nanstd(values.astype(np.float64))))


EXACT = Tolerance(exact=True)


@dataclass(frozen=True)
class Check:
    """What a kind yields: ours beside what was recorded under `name`.

    Attributes:
        name: The recorded tensor's name, or `sidecar: ...` for what stands in the sidecar.
        tolerance: None for the one that holds where none is stated.
        minor: It is about shapes alone. A case with nothing but such checks fails.
    """

    name: str
    ours: Any
    recorded: Any
    tolerance: Tolerance | None = None
    minor: bool = False


@dataclass(frozen=True)
class Outcome:
    """The element of a check that is farthest off.

    Attributes:
        error: |ours - recorded| there.
        allowed: The tolerance there.
        reason: Why the check fails, to be read after the name; empty where it passes.
    """

    name: str
    error: float
    allowed: float
    reason: str = ""

    @property
    def ratio(self) -> float:
        if math.isnan(self.error):
            return math.inf
        return self.error / self.allowed if self.allowed > 0 else (math.inf if self.error > 0 else 0.0)


def compare(check: Check) -> Outcome:
    """Measure one check. Different shapes, and NaN on one side alone, fail."""
    exact = check.tolerance is not None and check.tolerance.exact
    if (exact and isinstance(check.recorded, list)) or not (is_numeric(check.recorded) and is_numeric(check.ours)):
        return _compare_whole(check)
    ours, recorded = array(check.ours), array(check.recorded)
    if ours.shape != recorded.shape:
        reason = f": ours has shape {list(ours.shape)}, recorded is {list(recorded.shape)}"
        return Outcome(check.name, math.nan, 0.0, reason)
    if recorded.size == 0:
        return Outcome(check.name, math.nan, 0.0, ": it has no elements, so nothing was compared")
    tolerance = check.tolerance or Tolerance.unstated(recorded)
    if tolerance.exact:
        error = (ours != recorded).astype(np.float64)
        allowed = np.zeros(recorded.shape)
    else:
        error = _differences(ours.astype(np.float64), recorded.astype(np.float64))
        allowed = np.asarray(tolerance.atol + tolerance.rtol * np.abs(recorded.astype(np.float64)))
        allowed = np.where(np.isfinite(allowed), allowed, 0.0)
    index = np.unravel_index(int(_ratios(error, allowed).argmax()), recorded.shape)
    worst = Outcome(check.name, float(error[index]), float(allowed[index]))
    if worst.ratio <= 1:
        return worst
    place = f"[{', '.join(map(str, index))}]" if index else ""
    return Outcome(worst.name, worst.error, worst.allowed, f"{place} is {ours[index]}, recorded {recorded[index]}")


def array(value: Any) -> np.ndarray[Any, Any]:
    """A tensor, array, number or list of numbers as an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() and value.element_size() < 4 else value
    return np.asarray(value)


def is_numeric(value: Any) -> bool:
    """Whether it can be compared element by element."""
    try:
        return array(value).dtype.kind in "biuf"
    except ValueError:  # a ragged list
        return False


def _compare_whole(check: Check) -> Outcome:
    same = type(check.ours) is type(check.recorded) and check.ours == check.recorded
    reason = "" if same else f" is {_short(check.ours)}, recorded {_short(check.recorded)}"
    return Outcome(check.name, 0.0 if same else math.nan, 0.0, reason)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _differences(ours: np.ndarray[Any, Any], recorded: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """|ours - recorded|; 0 where both are NaN or the same infinity, infinite where only one is."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(ours - recorded)
    same = (np.isnan(ours) & np.isnan(recorded)) | (ours == recorded)
    difference = np.where(same, 0.0, difference)
    return np.where(np.isnan(difference), np.inf, difference)


def _ratios(error: np.ndarray[Any, Any], allowed: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = error / allowed
    return np.where(error == 0, 0.0, ratios)
