"""Each resample of `human correlate` is the study in which raters and samples stand as often as they were drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from i2vbench.human import correlate as module
from i2vbench.human.correlate_lines import OF_CLIPS, OF_MODELS, Columns, Counts, Line, Number, line_of
from i2vbench.human.counted import count_votes
from i2vbench.human.resampling import draws
from i2vbench.human.shares import points_of
from i2vbench.statistics import bootstrap_interval
from tests.human.judged import GOOD, responses_of, run_of, study_of

RATERS, ITEMS, MODELS, TIMES = 5, 6, ("static", "pan", "zoom"), 8
TRUTH = np.random.default_rng(0).random((ITEMS, len(MODELS)))  # models alike, so that draws change their order

Numbers = dict[str, float]


def both(some: Any, others: Any) -> tuple[float, float]:
    """rho and tau; NaN where one side is all one value."""
    there = ~np.isnan(np.ravel(others))
    sides = [np.ravel(side)[there] for side in (some, others)]
    if any(len({*side}) < 2 for side in sides):
        return np.nan, np.nan
    return float(stats.spearmanr(*sides).statistic), float(stats.kendalltau(*sides).statistic)


def mean(pairs: Sequence[tuple[float, float]], times: Sequence[float]) -> tuple[float, float]:
    kept = [(pair, n) for pair, n in zip(pairs, times, strict=True) if n and not np.isnan(pair[0])]
    found = np.average([pair for pair, _ in kept], axis=0, weights=[n for _, n in kept])
    return float(found[0]), float(found[1])


def average(points: np.ndarray, times: np.ndarray) -> np.ndarray:
    """NaN where none was drawn."""
    return np.average(points, axis=0, weights=times) if times.any() else np.full(points.shape[1], np.nan)


def wins(lines: np.ndarray) -> np.ndarray:
    """VBench's win ratios."""
    compared = (1 + np.sign(lines[:, :, None] - lines[:, None, :])) / 2
    return (compared.sum((0, 2)) - len(lines) / 2) / (len(lines) * (lines.shape[1] - 1))


def agree(pairs: Sequence[tuple[np.ndarray, np.ndarray, float]]) -> float:
    """Of the preferences of the second sides, the share that the first ones share."""
    got = could = 0.0
    for ours, theirs, times in pairs:
        for a, b in combinations(range(len(MODELS)), 2):
            if theirs[a] != theirs[b]:
                got += times * (1 + np.sign((ours[a] - ours[b]) * (theirs[a] - theirs[b]))) / 2
                could += times
    return got / could


def of_metric(points: np.ndarray, whose: np.ndarray, of: np.ndarray, rt: np.ndarray, it: np.ndarray) -> Numbers:
    scores = [average(points[of == i], rt[whose[of == i]]) for i in range(ITEMS)]
    times = rt[whose] * it[of]
    again, votes = np.repeat(TRUTH, it, axis=0), np.repeat(points, times, axis=0)
    inside = mean([both(TRUTH[i], scores[i]) for i in range(ITEMS)], it)
    everywhere = both(again, np.repeat(scores, it, axis=0))
    models = both(again.mean(0), votes.mean(0))
    agreed = agree([(TRUTH[i], line, n) for i, line, n in zip(of, points, times, strict=True)])
    return as_columns(inside, everywhere, models, both(wins(again), wins(votes))[0], agreed)


def of_people(points: np.ndarray, whose: np.ndarray, of: np.ndarray, rt: np.ndarray, it: np.ndarray) -> Numbers:
    times = rt[whose] * it[of]
    others = [(of == i) & (whose != r) for r, i in zip(whose, of, strict=True)]
    there = [(p, average(points[o], rt[whose[o]]), n) for p, o, n in zip(points, others, times, strict=True) if n]
    inside = mean([both(p, q) for p, q, _ in there], [n for *_, n in there])
    lines = [np.repeat([one[side] for one in there], [n for *_, n in there], axis=0) for side in (0, 1)]

    def over_models(count: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
        found = []
        for r in range(RATERS):
            mine, theirs = whose == r, whose != r
            own = np.repeat(points[mine], it[of[mine]], axis=0)
            found.append(both(count(own), count(np.repeat(points[theirs], times[theirs], axis=0))))
        return mean(found, rt)

    pairs = [(points[a], points[b], rt[whose[a]] * rt[whose[b]] * it[of[a]])
             for a in range(len(points)) for b in np.flatnonzero(others[a])]  # fmt: skip
    return as_columns(inside, both(*lines), over_models(lambda x: x.mean(0)), over_models(wins)[0], agree(pairs))


def as_columns(inside: Any, everywhere: Any, models: Any, vbench: float, agreed: float) -> Numbers:
    names = ("sample_rho", "sample_tau", "pooled_rho", "pooled_tau", "model_rho", "model_tau", "vbench_rho")
    return dict(zip(names, (*inside, *everywhere, *models, vbench), strict=True)) | {"agreement": agreed}


def test_a_resample_is_a_study_of_those_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Columns] = []

    def noted(info: Any, counts: Any, columns: Columns, *more: Any) -> Line:
        made.append(columns)
        return line_of(info, counts, columns, *more)

    monkeypatch.setattr(module, "line_of", noted)
    study = study_of(ITEMS, MODELS)
    responses = responses_of(study, TRUTH, RATERS, ITEMS - 1)
    run = run_of(tmp_path / "run", TRUTH, MODELS, metrics=(GOOD,))
    module.correlate(count_votes(study, responses), [run], [GOOD], replicates=TIMES, seed=3)
    points = points_of("choice", len(MODELS), responses, "appearance")
    whose, of = np.array([r.task.rater - 1 for r in responses]), np.array([r.task.item for r in responses])
    ((raters, items),) = draws(RATERS, ITEMS, TIMES, 3, TIMES)
    once = np.ones((1, RATERS)), np.ones((1, ITEMS))
    drawn = zip(np.r_[once[0], raters].astype(int), np.r_[once[1], items].astype(int), strict=True)
    for b, (rt, it) in enumerate(drawn):
        for columns, reference in zip(made, (of_metric, of_people), strict=False):
            expected = reference(points, whose, of, rt, it)
            found = {name: float(columns[name][b]) for name in expected}
            assert found == pytest.approx(expected, abs=1e-6, nan_ok=True), (b, reference.__name__)


def test_intervals_are_widened_for_few_raters_and_none_of_fewer_than_five() -> None:
    drawn, why = np.r_[0.5, np.linspace(0, 1, 999)], dict.fromkeys((*OF_CLIPS, *OF_MODELS), "for a reason")
    for counts in (Counts(6, 60, 60, 5), Counts(60, 6, 6, 5)):
        line = line_of(None, counts, {"sample_rho": drawn}, why)
        assert line.numbers["sample_rho"].interval == bootstrap_interval(0.5, drawn[1:], samples=6, bounds=(-1, 1))
        assert (line.too_few, line.why["sample_tau"]) == ("", "for a reason")
    for counts in (Counts(4, 60, 60, 5), Counts(60, 4, 4, 5)):
        line = line_of(None, counts, {"sample_rho": drawn}, why)
        assert line.numbers["sample_rho"] == Number(0.5, None)
        assert line.too_few.startswith("no interval: fewer than 5 ")
    drawn[1:150] = np.nan
    line = line_of(None, Counts(60, 60, 60, 5), {"sample_rho": drawn}, why)
    assert (line.numbers["sample_rho"], line.too_few) == (Number(0.5, None), "")
