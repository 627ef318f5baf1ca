"""Resampled responses: raters and items are both drawn, since another study would have had other people and pictures.

Responses of one rater are alike, and so are those to one item; drawing single responses would take them for
independent. Both are drawn with replacement, and a response counts as often as its rater was drawn times as often as
its item was (the pigeonhole bootstrap: Owen, Annals of Applied Statistics 1, 2007). What raters and items add to the
variance is found in full; what is neither's counts up to three times, so the intervals err to the wide side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from i2vbench.statistics import REPLICATES

Weights = npt.NDArray[np.float64]

_BLOCK = 2_000_000
"""Weights that are made at once."""


def weight_blocks(
    raters: Sequence[int], items: Sequence[int], replicates: int = REPLICATES, seed: int = 0
) -> Iterator[Weights]:
    """The weight of each response, several replicates at a time: [k, n], the k of all blocks adding up to `replicates`.

    Args:
        raters: Whose each response is.
        items: What each is of, as many.
        replicates: How many; in one of them all weights may be 0.
        seed: Of the draws; equal ones give equal weights.
    """
    whose, of = (np.unique(np.asarray(side, dtype=np.int64), return_inverse=True)[1] for side in (raters, items))
    most = max(1, _BLOCK // max(1, len(raters)))
    for rater_times, item_times in draws(len(set(raters)), len(set(items)), replicates, seed, most):
        yield rater_times[:, whose] * item_times[:, of]


def draws(raters: int, items: int, replicates: int, seed: int, at_once: int) -> Iterator[tuple[Weights, Weights]]:
    """How often each rater and each item is drawn: [k, raters] and [k, items], the k adding up to `replicates`.

    Args:
        raters: How many there are.
        items: The same.
        replicates: How many.
        seed: Of the draws; equal ones give equal draws, however many are made at once.
        at_once: The largest k.
    """
    # One generator a side, so that blocks of another size would give the same draws.
    randoms = [np.random.default_rng([seed, side]) for side in range(2)]
    for start in range(0, replicates, at_once):
        count = min(at_once, replicates - start)
        rater_times, item_times = (
            _times_drawn(random, number, count) for random, number in zip(randoms, (raters, items), strict=True)
        )
        yield rater_times, item_times


def _times_drawn(random: np.random.Generator, count: int, replicates: int) -> Weights:
    if not count:
        return np.ones((replicates, 0))
    return random.multinomial(count, np.full(count, 1 / count), size=replicates).astype(np.float64)
