"""Which metrics agree with people: correlations and agreement, with intervals, for each question of a study.

Everything is computed for the responses as they are and for resamples of raters and items at once: the first of the
replicates counts each response once, and is the number; the others are what its interval is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from i2vbench.errors import UserError
from i2vbench.human.correlate_lines import OF_CLIPS, OF_MODELS, OF_SAMPLES, Columns, Counts, Line, line_of
from i2vbench.human.correlation import (
    Correlations,
    agreement,
    by_line,
    others_agreement,
    others_share,
    pooled,
    signs,
    wins,
    within,
)
from i2vbench.human.counted import Counted
from i2vbench.human.matching import Matched, match
from i2vbench.human.metric_values import MetricValues, metric_values
from i2vbench.human.resampling import draws
from i2vbench.human.study import Question
from i2vbench.human.votes_per_clip import Array, Ballots, ballots_of, clip_scores, ratio, scores_by_others
from i2vbench.statistics import REPLICATES


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, and who agrees with its answers.

    Attributes:
        question: What was asked.
        metrics: A line for each.
        people: One rater against the others.
    """

    question: Question
    metrics: Sequence[Line]
    people: Line


@dataclass(frozen=True, slots=True)
class Correlated:
    """What there is to say of a study's metrics.

    Attributes:
        matched: The study's clips in the runs.
        counted: The responses that count.
        answers: By question, in the study's order.
        replicates: How many resamples the intervals are of.
    """

    matched: Matched
    counted: Counted
    answers: Sequence[Answered]
    replicates: int


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    """How often raters and items were drawn: [b, raters] and [b, items]; in the first replicate once each."""

    raters: Array
    items: Array

    def responses(self, ballots: Ballots) -> Array:
        """How often each response counts: as often as its rater times as often as its item; [b, R]."""
        return self.raters[:, ballots.raters] * self.items[:, ballots.items]


@dataclass(frozen=True, slots=True, eq=False)
class _Human:
    """What people say, as all metrics are compared with it."""

    ballots: Ballots
    draws: _Draws
    scores: Array
    times: Array


def correlate(
    counted: Counted,
    folders: Sequence[Path],
    metrics: Sequence[str] | None = None,
    trusted: Sequence[str] = (),
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Correlated:
    """Compare metrics with the answers to each question.

    Args:
        counted: The responses that count.
        folders: Of runs in which the clips were measured.
        metrics: Ids of the metrics wanted; None takes all.
        trusted: The FILE.py:Class whose code may run.
        replicates: How many resamples stand behind the intervals; 0 for none.
        seed: Of the drawing.

    Raises:
        UserError: No response counts; `match` or `metric_values` refuse the runs.
    """
    if not counted.responses:
        out = f"; {len(counted.left_out)} raters are left out (--keep-all keeps them)" if counted.left_out else ""
        raise UserError(f"no response of this study counts yet{out}")
    matched = match(counted.study, folders, counted.items)
    values = metric_values(matched, counted.items, metrics, trusted)
    answers = []
    for question in counted.study.questions:
        ballots = ballots_of(counted.study, counted.responses, question.id)
        drawn = _draw(ballots, replicates, seed)
        scores = clip_scores(ballots, drawn.raters[:, ballots.raters])  # an item's own draws cancel
        human = _Human(ballots, drawn, scores, drawn.responses(ballots))
        answers.append(Answered(question, [_of_metric(human, one) for one in values], _of_people(human)))
    return Correlated(matched, counted, answers, replicates)


def _draw(ballots: Ballots, replicates: int, seed: int) -> _Draws:
    """The draws of `weight_blocks`, raters and items apart: an average over items needs the items' own."""
    counts = len(ballots.rater_ids), len(ballots.item_ids)
    made = list(draws(*counts, replicates, seed, max(1, replicates)))
    once = [np.ones((1, count)) for count in counts]
    rater_times, item_times = (np.concatenate([first, *(one[side] for one in made)]) for side, first in enumerate(once))
    return _Draws(rater_times, item_times)


def _of_metric(human: _Human, one: MetricValues) -> Line:
    """A metric's line."""
    columns: dict[str, Array] = {}
    varying = 0
    if one.values is not None:
        found, varying = _of_clips(human, one, one.values)
        columns |= found
    if one.numbers is not None:
        columns |= _over_models(human, one, one.numbers)
    why = dict.fromkeys(OF_CLIPS, one.why_no_values) | dict.fromkeys(OF_MODELS, one.why_no_numbers)
    why["agreement"] = one.why_no_values or "no answer prefers one video to another"
    raters = human.ballots.raters[np.isin(human.ballots.items, one.items)]
    counts = Counts(len({*raters.tolist()}), len(one.items), varying, len(one.models))
    return line_of(one.info, counts, columns, why, one.notes)


def _of_clips(human: _Human, one: MetricValues, values: Array) -> tuple[Columns, int]:
    """What needs a number a clip, and on how many items both sides vary."""
    theirs = human.scores[:, one.items][:, :, one.models]
    times = human.draws.items[:, one.items]
    inside, varying = within(values, theirs, times)
    everywhere = pooled(values, theirs, times)
    ballots = human.ballots
    ours = np.full((len(ballots.item_ids), *[len(one.models)] * 2), 0, np.float32)
    ours[one.items] = signs(values)
    here = np.isin(ballots.items, one.items)
    points = ballots.points[here][:, one.models]
    weights = human.times[:, here]
    agreed, preferred = agreement(ours[ballots.items[here]], signs(points))
    columns = {
        "sample_rho": inside.rho,
        "sample_tau": inside.tau,
        "pooled_rho": everywhere.rho,
        "pooled_tau": everywhere.tau,
        "vbench_rho": by_line(_shares(wins(values), times), _shares(wins(points), weights)).rho,
        "agreement": ratio(weights @ agreed, weights @ preferred),
    }
    return columns, varying


def _over_models(human: _Human, one: MetricValues, numbers: Array) -> Columns:
    """The models' numbers against their shares of the votes; means over clips are made again in each resample."""
    here = np.isin(human.ballots.items, one.items)
    points = human.ballots.points[here][:, one.models]
    shares = _shares((np.nan_to_num(points), ~np.isnan(points)), human.times[:, here])
    ours = np.broadcast_to(numbers, shares.shape)
    if one.mean and one.values is not None:
        times = human.draws.items[:, one.items]
        ours = ratio(times @ one.values, times.sum(axis=1, keepdims=True))
        ours[0] = numbers
    found = by_line(ours, shares)
    return {"model_rho": found.rho, "model_tau": found.tau}


def _of_people(human: _Human) -> Line:
    """Each response against what the other raters say of the same item, in place of a metric."""
    ballots, times = human.ballots, human.draws
    others = scores_by_others(ballots, times.raters[:, ballots.raters])
    judged = (~np.isnan(others[0])).sum(axis=-1)  # of each response, the clips that others have judged
    raters, items = (len({*side[judged > 0].tolist()}) for side in (ballots.raters, ballots.items))
    models = ballots.points.shape[1]
    if not items:
        why = dict.fromkeys((*OF_CLIPS, *OF_MODELS), "no item was judged by two raters")
        return line_of(None, Counts(0, 0, 0, models), {}, why)
    why = {"agreement": "no rater preferred one of two videos that another was shown too"}
    if judged.max() < 2:
        why |= dict.fromkeys(OF_SAMPLES, "no response has two videos that other raters judged")
    inside, varying = within(ballots.points, others, human.times)
    everywhere = pooled(ballots.points, others, human.times)
    item_times = times.items[:, ballots.items]

    def shares(got: Array, could: Array) -> Correlations:
        return others_share(got, could, ballots.raters, times.raters, item_times)

    of_models = shares(np.nan_to_num(ballots.points), ballots.shown.astype(float))
    columns = {
        "sample_rho": inside.rho,
        "sample_tau": inside.tau,
        "pooled_rho": everywhere.rho,
        "pooled_tau": everywhere.tau,
        "model_rho": of_models.rho,
        "model_tau": of_models.tau,
        "vbench_rho": shares(*wins(ballots.points)).rho,
        "agreement": others_agreement(ballots, times.raters, times.items),
    }
    return line_of(None, Counts(raters, items, varying, models), columns, why)


def _shares(parts: tuple[Array, Array], times: Array) -> Array:
    got, could = parts
    return ratio(times @ got, times @ could)
