"""How alike two sides order clips or models, for all replicates of a bootstrap at once.

Arrays start with the replicates, b; each of the others is weighted by how often it was drawn, which is the same as
standing there as often. Two clips are compared by signs: 1, 0 or -1 as the first is above, level with or below the
second. Of these come both correlations: a rank, less the mean rank, is half the sum of a clip's signs, equal values
sharing their mean rank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.human.votes_per_clip import Array, Ballots, Positions, ratio

Signs = npt.NDArray[np.float32]

_BLOCK = 2_000_000
"""Numbers that are worked on at once."""


@dataclass(frozen=True, slots=True)
class Correlations:
    """Spearman's rho and Kendall's tau-b, [b] each; NaN where one side is all one value."""

    rho: Array
    tau: Array


def signs(values: Array) -> Signs:
    """How the values of each line compare, [..., models, models]; 0 where one of the two is NaN."""
    found: Signs = np.sign(values[..., :, None] - values[..., None, :]).astype(np.float32)
    found[np.isnan(found)] = 0
    return found


def by_line(some: Array, others: Array) -> Correlations:
    """Correlations over the models of each line, [...]; over those that both sides have a number for."""
    known = ~(np.isnan(some) | np.isnan(others))
    if known.all():
        a, b = signs(some), signs(others)
    else:
        a, b = (signs(np.where(known, side, np.nan)) for side in (some, others))
    ranks_a, ranks_b = a.sum(-1), b.sum(-1)
    rho = _cosine((ranks_a * ranks_b).sum(-1), (ranks_a**2).sum(-1), (ranks_b**2).sum(-1))
    tau = _cosine((a * b).sum((-2, -1)), (a * a).sum((-2, -1)), (b * b).sum((-2, -1)))
    return Correlations(rho, tau)


def within(some: Array, others: Array, times: Array) -> tuple[Correlations, int]:
    """The mean over lines of the correlations within each, over lines where both sides vary.

    Args:
        some: [lines, models], or [b, lines, models].
        others: [b, lines, models].
        times: How often each line counts; [b, lines].

    Returns:
        The means, and how many lines the first replicate's stand on.
    """
    rho, tau = np.empty(len(others)), np.empty(len(others))
    count = 0
    for part in _parts(len(others), others[0].size * others.shape[-1]):
        found = by_line(some[part] if some.ndim == others.ndim else some, others[part])
        weights = times[part] * np.isfinite(found.rho)
        if part.start == 0:
            count = int((weights[0] > 0).sum())
        rho[part], tau[part] = (
            ratio((weights * np.nan_to_num(one)).sum(-1), weights.sum(-1)) for one in (found.rho, found.tau)
        )
    return Correlations(rho, tau), count


def pooled(some: Array, others: Array, times: Array) -> Correlations:
    """The correlations over all clips of all lines; the arguments are those of `within`.

    Clips are counted in a grid of the values of one side by those of the other, so that it takes as long as the grid is
    large: human scores are few fractions, however many clips there are.
    """
    values, codes = np.unique(some, return_inverse=True)  # NaN is the last
    codes = codes.reshape(some.shape)
    found = np.empty((len(others), 2))
    for b, (theirs, weights) in enumerate(zip(others, times, strict=True)):
        there = ~(np.isnan(some) | np.isnan(theirs)) & (weights > 0)[:, None]
        levels, rows = np.unique(theirs[there], return_inverse=True)
        here = np.bincount(codes[there], minlength=len(values)) > 0
        columns = (np.cumsum(here) - 1)[codes[there]]
        shape = len(levels), int(here.sum())
        counted = np.broadcast_to(weights[:, None], there.shape)[there]
        grid = np.bincount(rows * shape[1] + columns, counted, shape[0] * shape[1]).astype(float)
        found[b] = _of_grid(grid.reshape(shape))
    return Correlations(found[:, 0], found[:, 1])


def agreement(ours: Signs, theirs: Signs) -> tuple[Array, Array]:
    """How many of their preferences between two models we share, a tie of ours counting half; and how many they have.

    Args:
        ours: [..., models, models].
        theirs: The same.
    """
    prefers = np.count_nonzero(theirs, axis=(-2, -1)) / 2.0  # each pair stands there twice
    return (prefers + (ours * theirs).sum((-2, -1)) / 2) / 2, prefers


def wins(points: Array) -> tuple[Array, Array]:
    """Of each model of each line: its score over all pairs of the line, and how many these are.

    As VBench has it (Huang et al., CVPR 2024, section 4.2): of two videos the better one scores 1 and the other 0, and
    both score 0.5 in a tie; a model's win ratio is its score over its comparisons.
    """
    shown = ~np.isnan(points)
    comparisons = shown * (shown.sum(-1, keepdims=True) - 1.0)
    return (comparisons + signs(points).sum(-1)) / 2, comparisons


def others_share(got: Array, could: Array, raters: Positions, rater_times: Array, item_times: Array) -> Correlations:
    """Each rater's share of each model against that of all other raters: the mean of the correlations over models.

    Args:
        got: What each response gives to each model; [R, models].
        could: What it could give.
        raters: Whose each response is; [R].
        rater_times: How often each rater was drawn; [b, raters].
        item_times: How often the item of each response was drawn; [b, R].
    """
    mine = (raters[:, None] == np.arange(rater_times.shape[1])).astype(float)  # [R, raters]
    own, others = [], []
    for what in (got, could):
        of_rater = np.einsum("br,ra,rm->bam", item_times, mine, what, optimize=True)
        drawn = of_rater * rater_times[..., None]
        own.append(of_rater)
        others.append(drawn.sum(1, keepdims=True) - drawn)
    return within(ratio(own[0], own[1]), ratio(others[0], others[1]), rater_times)[0]


def others_agreement(ballots: Ballots, rater_times: Array, item_times: Array) -> Array:
    """Of the preferences of other raters, the share that each response to the same item shares; [b].

    Args:
        ballots: The answers; two raters have answered to one of the items.
        rater_times: How often each rater was drawn; [b, raters].
        item_times: The same of items; [b, items].
    """
    firsts = np.searchsorted(ballots.items, np.arange(len(ballots.item_ids) + 1))
    pairs = [pair for ends in pairwise(firsts) for pair in permutations(range(*ends), 2)]
    ours, theirs = np.array(pairs).T
    different = ballots.raters[ours] != ballots.raters[theirs]
    ours, theirs = ours[different], theirs[different]
    shown, compared = ballots.shown[ours], signs(ballots.points)
    both = shown[:, :, None] & shown[:, None, :]  # no answer says anything of models that were not shown
    agreed, preferred = agreement(compared[ours], compared[theirs] * both)
    found = np.empty((2, len(rater_times)))
    for b, (raters, items) in enumerate(zip(rater_times, item_times, strict=True)):
        weights = raters[ballots.raters[ours]] * raters[ballots.raters[theirs]] * items[ballots.items[ours]]
        found[:, b] = weights @ agreed, weights @ preferred
    return ratio(found[0], found[1])


def _parts(replicates: int, numbers: int) -> Sequence[slice]:
    step = max(1, _BLOCK // max(1, numbers))
    return [slice(start, min(start + step, replicates)) for start in range(0, replicates, step)]


def _of_grid(grid: Array) -> tuple[float, float]:
    """rho and tau-b of clips counted by their two values, both ascending."""
    rows, columns = grid.sum(1), grid.sum(0)
    total = float(rows.sum())
    ranks = [np.cumsum(side) - side / 2 - total / 2 for side in (rows, columns)]  # less the mean rank
    squares = [float(side @ rank**2) for side, rank in zip((rows, columns), ranks, strict=True)]
    before = np.cumsum(grid, axis=1)[:, :-1]
    up = float((np.tri(len(rows), k=-1)[1:, :] @ before * grid[1:, 1:]).sum())
    untied = [(total**2 - float(side @ side)) / 2 for side in (rows, columns)]
    ordered = untied[0] + untied[1] - (total**2 - float((grid * grid).sum())) / 2
    return _cosine_of(float(ranks[0] @ grid @ ranks[1]), *squares), _cosine_of(2 * up - ordered, *untied)


def _cosine_of(product: float, a: float, b: float) -> float:
    return max(-1.0, min(1.0, product / math.sqrt(a * b))) if a * b > 0 else math.nan


def _cosine(product: npt.NDArray[Any], a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Array:
    found: Array = np.clip(ratio(product.astype(float), np.sqrt(a.astype(float) * b)), -1, 1)
    return found
