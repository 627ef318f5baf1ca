"""Responses as arrays: what each gives to the models that it was shown, and the human score of each clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.human.shares import points_of
from i2vbench.human.study import Study
from i2vbench.human.votes import Response

Array = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ballots:
    """The answers to one question, a line for each of R responses, ordered by item.

    Attributes:
        raters: Whose each is, as a position in `rater_ids`; [R].
        items: What each is of, as a position in `item_ids`; [R], ascending.
        points: What each gives to each model, as `shares.points_of` has it; [R, models].
        rater_ids: As the votes have them.
        item_ids: Positions in `Study.items`; those that have a response.
    """

    raters: Positions
    items: Positions
    points: Array
    rater_ids: Positions
    item_ids: Positions

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """Whether each model was shown; [R, models]."""
        return ~np.isnan(self.points)


def ballots_of(study: Study, responses: Sequence[Response], question: str) -> Ballots:
    """The answers to a question.

    Args:
        study: What was asked.
        responses: Those that count, at least one.
        question: Its id.
    """
    ordered = sorted(responses, key=lambda response: (response.task.item, response.task.rater, response.task.number))
    points = points_of(study.mode, len(study.models), ordered, question)
    rater_ids, raters = np.unique([response.task.rater for response in ordered], return_inverse=True)
    item_ids, items = np.unique([response.task.item for response in ordered], return_inverse=True)
    return Ballots(raters, items, points, rater_ids, item_ids)


def clip_scores(ballots: Ballots, times: Array) -> Array:
    """The human score of each clip: the points that it has of those that it could have, for each replicate.

    Of a choice this is the share of the item's responses that chose it; of pairs the share of its comparisons that it
    won, ties half.

    Args:
        ballots: The answers.
        times: How often each response counts; [b, R].

    Returns:
        [b, items, models]; NaN where nobody was shown the clip.
    """
    firsts = np.searchsorted(ballots.items, np.arange(len(ballots.item_ids)))
    weights = times[..., None]
    got = np.add.reduceat(weights * np.nan_to_num(ballots.points), firsts, axis=1)
    could = np.add.reduceat(weights * ballots.shown, firsts, axis=1)
    return ratio(got, could)


def scores_by_others(ballots: Ballots, times: Array) -> Array:
    """For each response the human score of its clips without what its own rater says of the item.

    Args:
        ballots: The answers.
        times: As `clip_scores` takes them.

    Returns:
        [b, R, models]; NaN where no other rater was shown the clip, and for clips that the response itself was not.
    """
    _, group = np.unique(np.stack([ballots.items, ballots.raters]), axis=1, return_inverse=True)
    by_item = np.searchsorted(ballots.items, np.arange(len(ballots.item_ids)))
    order = np.argsort(group, kind="stable")
    own_firsts = np.searchsorted(group[order], np.arange(group.max() + 1))
    sides = []
    for what in (np.nan_to_num(ballots.points), ballots.shown.astype(float)):
        counted = times[..., None] * what
        everybody = np.add.reduceat(counted, by_item, axis=1)[:, ballots.items]
        own = np.add.reduceat(counted[:, order], own_firsts, axis=1)[:, group]
        sides.append(everybody - own)
    found = ratio(sides[0], sides[1])
    found[:, ~ballots.shown] = np.nan
    return found


def ratio(got: npt.NDArray[Any], could: npt.NDArray[Any]) -> Array:
    """A share, NaN of nothing; equal shares of whole and half counts are equal to the bit."""
    found = np.full(np.broadcast_shapes(got.shape, could.shape), np.nan)
    np.divide(got, could, out=found, where=could > 0)
    return found
