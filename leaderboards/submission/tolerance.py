"""How near a number that was measured again must come to the one that was handed in.

Networks compute in float32, without TF32. On one kind of device a clip that is measured alone, or in other company,
or by another number of threads, rounds otherwise in the last digits; on another kind, or under another version of
torch, in more of them. Networks that decide something (does it move, is the word there) may then decide otherwise
where it hung in the balance. `docs/submit.md` has the same table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from i2vbench.leaderboards.submission.arrays import Features
from i2vbench.metrics.dynamic_degree import DynamicDegree, is_dynamic

EXACT = 1e-9
"""Of numbers that no network makes: the same integers, added up."""

VALUE = {True: 2e-5, False: 5e-4}
"""Of a network's number, by whether it was measured on the same kind of device; relative to the larger of it and 1."""

FEATURES = {True: 2e-4, False: 5e-3}
"""Of a clip's features: the length of the difference over that of the features."""

FRAMES = {True: 1, False: 2}
"""Of sixteen, in which object or scene may be seen here and not there."""

BALANCE = {True: 0.01, False: 0.05}
"""How near to its threshold, as a part of it, motion hangs in the balance."""

DECISIONS = {True: 0.1, False: 0.25}
"""Of the clips of one metric that decides: how many, beside one, may have been decided otherwise."""

_COUNTED = ("object_consistency", "scene_consistency")


def fault_of_value(
    metric: str, theirs: float, ours: float, details: Mapping[str, Any], network: bool, same: bool
) -> str:
    """Why two numbers of one clip are not the same; "" if they are.

    Args:
        metric: Its id.
        theirs: As it was handed in.
        ours: As it was measured here.
        details: Of ours.
        network: Whether the metric looks through one.
        same: Whether it was measured on the same kind of device.
    """
    if metric == DynamicDegree.info.id:
        return (
            ""
            if theirs == ours or _hangs(details, BALANCE[same])
            else "the clip moves there and not here, or the other way round"
        )
    if metric.startswith(_COUNTED):
        most = FRAMES[same] / max(1, int(details.get("frames", 1)))
    else:
        most = (VALUE[same] if network else EXACT) * max(1.0, abs(ours))
    return "" if abs(theirs - ours) <= most + EXACT else f"they are {abs(theirs - ours):.3g} apart, {most:.3g} may be"


def fault_of_decisions(metric: str, others: int, clips: int, same: bool) -> str:
    """Why so many clips of a metric that decides cannot all have hung in the balance; "" if they can.

    One frame of every clip is too little to be seen in any, and six points of a hundred in their mean.
    """
    if metric != DynamicDegree.info.id and not metric.startswith(_COUNTED):
        return ""
    most = max(1, int(DECISIONS[same] * clips))
    return "" if others <= most else f"{metric} was decided otherwise of {others} of {clips} clips; of {most} it may be"


def fault_of_features(theirs: Features, ours: Features, same: bool) -> str:
    """Why the features of one clip are not the same; "" if they are."""
    if theirs.shape != ours.shape:
        return f"features of {list(theirs.shape)} there, of {list(ours.shape)} here"
    length = float(np.linalg.norm(ours.astype(np.float64)))
    apart = float(np.linalg.norm(theirs.astype(np.float64) - ours.astype(np.float64))) / (length or 1.0)
    if math.isfinite(apart) and apart <= FEATURES[same]:
        return ""
    return f"the features are {apart:.3g} apart, {FEATURES[same]:g} may be"


def _hangs(details: Mapping[str, Any], balance: float) -> bool:
    """Whether a clip moves or not by the threshold's last digits."""
    magnitudes, threshold, needed = (
        details["top5_magnitude_per_pair"], details["threshold"], details["pairs_needed"],
    )  # fmt: skip
    low, high = (is_dynamic(magnitudes, threshold * (1 + part), needed) for part in (-balance, balance))
    return low != high
