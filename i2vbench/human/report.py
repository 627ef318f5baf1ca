"""What a study's votes say: shares and scores with intervals, agreement, and what leaving raters out changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from i2vbench.errors import UserError
from i2vbench.human.agreement import Agreement, agreement
from i2vbench.human.bradley_terry import score_estimates
from i2vbench.human.counted import Counted, count_votes
from i2vbench.human.shares import Array, Draws, Estimate, points_of, preferences_of, share_estimates, shares
from i2vbench.human.study import Question, Study
from i2vbench.human.votes import Response
from i2vbench.texts import clean


@dataclass(frozen=True, slots=True)
class Answered:
    """What the responses to one question say.

    Attributes:
        question: The question.
        shares: Of each model: responses that chose it by responses; in pairs comparisons won, ties half.
        scores: In pairs, of each model: Bradley and Terry's; [] in choice.
        agreement: How far raters agree.
        everybody: The shares with nobody left out, of each model; NaN where there is none.
        categories: The shares in each category, if asked for.
        preferred: By model and other model, the share of the responses of both that prefer the first; [] unasked.
    """

    question: Question
    shares: Sequence[Estimate]
    scores: Sequence[Estimate]
    agreement: Agreement
    everybody: Sequence[float]
    categories: Mapping[str, Sequence[Estimate]]
    preferred: Sequence[Sequence[Estimate]]


@dataclass(frozen=True, slots=True)
class Report:
    """What a study's votes say.

    Attributes:
        counted: The votes.
        all_counted: The votes with nobody left out.
        failed: By rater who fails the checks, why; they are left out of `counted` unless everybody is kept.
        names: What raters are called, by their ids.
        draws: Of the resamples.
        answered: By question.
    """

    counted: Counted
    all_counted: Counted
    failed: Mapping[int, str]
    names: Mapping[int, str]
    draws: Draws
    answered: Sequence[Answered]

    @property
    def study(self) -> Study:
        return self.counted.study


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report has beside the shares over all items.

    Attributes:
        keep_all: Nobody is left out.
        categories: The shares in each category.
        pairs: Who is preferred to whom.
    """

    keep_all: bool = False
    categories: bool = False
    pairs: bool = False


def make_report(
    study: Study,
    responses: Sequence[Response],
    names: Mapping[int, str],
    wanted: Wanted,
    draws: Draws,
) -> Report:
    """Count, estimate and compare.

    Args:
        study: What was asked.
        responses: All there are, checks too.
        names: What raters are called, by their ids; also of those who answered nothing.
        wanted: What is in it.
        draws: Of the resamples.

    Raises:
        UserError: No responses count, or they are of another study.
    """
    by_rule, everybody = count_votes(study, responses), count_votes(study, responses, keep_all=True)
    counted = everybody if wanted.keep_all else by_rule
    if not everybody.responses:
        said = f"{len(names)} raters, {len(responses)} answers to checks" if responses else f"{len(names)} raters"
        raise UserError(f"the study has no responses yet ({said}): there is nothing to report")
    if not counted.responses:
        why = "; ".join(f"{names.get(rater, f'rater {rater}')} {why}" for rater, why in by_rule.left_out.items())
        raise UserError(f"no responses count, since all raters fail the checks: {why}. --keep-all counts them")
    answered = [_answered(counted, everybody, question, wanted, draws) for question in study.questions]
    return Report(counted, everybody, by_rule.left_out, names, draws, answered)


def _answered(counted: Counted, everybody: Counted, question: Question, wanted: Wanted, draws: Draws) -> Answered:
    study, responses = counted.study, counted.responses
    raters = [response.task.rater for response in responses]
    items = [response.task.item for response in responses]
    points = _points(counted, question)
    preferences = preferences_of(points)
    all_points = _points(everybody, question)
    pairs: list[list[Estimate]] = []
    if wanted.pairs:
        flat = share_estimates(preferences.reshape(len(points), -1), raters, items, draws)
        width = len(study.models)
        pairs = [flat[start : start + width] for start in range(0, len(flat), width)]
    scores = score_estimates(preferences, raters, items, study.models, draws) if study.mode == "pairs" else []
    return Answered(
        question,
        share_estimates(points, raters, items, draws),
        scores,
        agreement(study.mode, points, items, draws),
        shares(all_points, np.ones((1, len(all_points))))[0].tolist(),
        _by_category(study, points, raters, items, draws) if wanted.categories else {},
        pairs,
    )


def _points(counted: Counted, question: Question) -> Array:
    return points_of(counted.study.mode, len(counted.study.models), counted.responses, question.id)


def _by_category(
    study: Study, points: Array, raters: Sequence[int], items: Sequence[int], draws: Draws
) -> dict[str, list[Estimate]]:
    """Of each category, in the order of the study; one that nobody was shown has empty cells."""
    found = {}
    for category in dict.fromkeys(item.category for item in study.items):
        chosen = [place for place, item in enumerate(items) if study.items[item].category == category]
        some = [raters[place] for place in chosen], [items[place] for place in chosen]
        found[category] = share_estimates(points[chosen], *some, draws)
    return found


def as_json(report: Report, notes: Sequence[str]) -> dict[str, Any]:
    """All of a report, unrounded; shares are from 0 to 1."""
    study, counted = report.study, report.counted
    return {
        "mode": study.mode,
        "models": [clean(name) for name in study.models],
        "profile": clean(study.profile),
        "responses": len(counted.responses),
        "raters": len(counted.raters),
        "items": len(counted.items),
        "resamples": report.draws.replicates,
        "seed": report.draws.seed,
        "checks": [
            {"rater": rater, "name": clean(report.names.get(rater, f"rater {rater}"))}
            | asdict(checks)
            | {"failed": report.failed.get(rater), "counts": rater not in counted.left_out}
            for rater, checks in counted.checks.items()
        ],
        "questions": [_answered_as_json(study, one) for one in report.answered],
        "notes": [clean(note) for note in notes],
    }


def _answered_as_json(study: Study, one: Answered) -> dict[str, Any]:
    names = [clean(name) for name in study.models]

    def by_model(estimates: Sequence[Estimate]) -> dict[str, Any]:
        return dict(zip(names, map(_estimate_as_json, estimates), strict=True))

    about = {name: clean(getattr(one.question, name)) for name in ("id", "title", "text")}
    everybody = [None if np.isnan(share) else share for share in one.everybody]
    found: dict[str, Any] = {**about, "shares": by_model(one.shares)}
    if one.scores:
        found["scores"] = by_model(one.scores)
    found["shares_with_everybody_kept"] = dict(zip(names, everybody, strict=True))
    found["agreement"] = asdict(one.agreement) | {"interval": _ends(one.agreement)}
    if one.categories:
        found["categories"] = {clean(category): by_model(some) for category, some in one.categories.items()}
    if one.preferred:
        found["preferred"] = dict(zip(names, map(by_model, one.preferred), strict=True))
    return found


def _estimate_as_json(one: Estimate) -> dict[str, Any]:
    return asdict(one) | {"interval": _ends(one)}


def _ends(one: Estimate | Agreement) -> list[float] | None:
    return None if one.interval is None else [one.interval.low, one.interval.high]
