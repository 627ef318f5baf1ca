"""Scores of models of comparisons of two: the model of Bradley and Terry (Biometrika 39, 1952).

    P(i is preferred to j) = 1 / (1 + exp(score_j - score_i))

A tie is half a win for both. The scores of maximum likelihood have mean 0; they are finite if and only if however the
models are parted in two groups, some model of each group has won, or tied, against one of the other (Ford, American
Mathematical Monthly 64, 1957).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from i2vbench.human.shares import Array, Draws, Estimate, resampled, too_few
from i2vbench.statistics import bootstrap_interval

MOST_INFINITE = 0.025
"""Of the resamples: of more that have no finite scores the ends of a 95% interval are not known."""

_STEPS = 100
_CONVERGED = 1e-9
"""The largest step, in log-odds, after which scores are not improved any more."""


def scores(wins: Array) -> Array:
    """Scores of maximum likelihood, in log-odds with mean 0: [k, models].

    Args:
        wins: How often the row's model was preferred to the column's, [k, models, models]; ties half.

    Returns:
        NaN where the likelihood has no finite maximum.
    """
    found = np.full(wins.shape[:2], np.nan)
    finite = are_finite(wins)
    if finite.any():
        found[finite] = _newton(wins[finite])
    return found


def are_finite(wins: Array) -> npt.NDArray[np.bool_]:
    """Whether scores are finite, [k]: every model beat every other, if only by way of others."""
    return np.asarray(_reached(wins).all(axis=(1, 2)))


def why_infinite(wins: Array, names: Sequence[str]) -> str:
    """Why comparisons have no finite scores, "" if they have some.

    Args:
        wins: [models, models].
        names: The models'.
    """
    beats = _reached(wins[None])[0]
    if beats.all():
        return ""
    met = _reached((wins + wins.T)[None])[0]
    if not met.all():
        return f"{_listed(names, met[0])} and {_listed(names, ~met[0])} were never compared, nor by way of others"
    together = beats & beats.T  # the groups within which there are scores
    others_beat = (beats.T & ~together).any(axis=1)
    top = together[int(np.argmin(others_beat))]
    return f"{_listed(names, top)} won every comparison with {_listed(names, ~top)}"


def score_estimates(
    preferences: Array, raters: Sequence[int], items: Sequence[int], names: Sequence[str], draws: Draws
) -> list[Estimate]:
    """The scores of all models with intervals over raters and items.

    Args:
        preferences: From `shares.preferences_of`, [responses, models, models].
        raters: Whose each response is.
        items: What each is of.
        names: The models'.
        draws: Of the resamples.

    Returns:
        Without numbers, and with the reason, where there are no finite scores.
    """
    wins = np.nan_to_num(preferences)
    total = wins.sum(axis=0)
    if why := why_infinite(total, names):
        return [Estimate(None, note=f"no scores: {why}")] * len(names)
    flat = wins.reshape(len(wins), -1)
    drawn = resampled(lambda w: scores((w @ flat).reshape(len(w), *total.shape)), raters, items, draws)
    counts = len({*raters}), len({*items})
    infinite = float(np.isnan(drawn[:, 0]).mean())
    note = too_few(*counts)
    if not note and infinite > MOST_INFINITE:
        note = f"no interval: {infinite:.1%} of the resamples have no finite scores"
    return [
        Estimate(float(value), None if note else bootstrap_interval(float(value), numbers, samples=min(counts)), note)
        for value, numbers in zip(scores(total[None])[0], drawn.T, strict=True)
    ]


def _newton(wins: Array) -> Array:
    """Newton's method on the log-likelihood, which is concave; a step that does not improve it is halved."""
    count, models = wins.shape[:2]
    compared = wins + wins.transpose(0, 2, 1)
    found = np.zeros((count, models))
    likelihood = _likelihood(wins, found)
    for _ in range(_STEPS):
        expected = 1 / (1 + np.exp(found[:, None, :] - found[:, :, None]))
        gradient = (wins - compared * expected).sum(axis=2)
        information = -compared * expected * (1 - expected)
        information[:, range(models), range(models)] -= information.sum(axis=2)
        # A constant does not change the likelihood; that of mean 0 is taken.
        step = np.linalg.solve(information + 1 / models, gradient[..., None])[..., 0]
        step *= np.minimum(1, 2 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
        for _ in range(30):
            worse = _likelihood(wins, found + step) < likelihood - 1e-12 * np.abs(likelihood)
            if not worse.any():
                break
            step[worse] /= 2
        found = found + step
        found -= found.mean(axis=1, keepdims=True)
        likelihood = _likelihood(wins, found)
        if np.abs(step).max() < _CONVERGED:
            break
    return found


def _likelihood(wins: Array, found: Array) -> Array:
    """Its logarithm, [k]."""
    return np.asarray(-(wins * np.logaddexp(0, found[:, None, :] - found[:, :, None])).sum(axis=(1, 2)))


def _reached(wins: Array) -> npt.NDArray[np.bool_]:
    """Whether the row's model won against the column's, or against one that did, and so on; itself always."""
    models = wins.shape[-1]
    reached = (wins > 0) | np.eye(models, dtype=bool)
    for _ in range(max(1, models - 1).bit_length()):
        reached = (reached.astype(np.float32) @ reached.astype(np.float32)) > 0
    return reached


def _listed(names: Sequence[str], chosen: npt.NDArray[np.bool_]) -> str:
    return ", ".join(name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen)
