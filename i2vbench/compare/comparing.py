"""Runs -> a comparison."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from i2vbench.attempt import describe
from i2vbench.compare.comparison import NO_NOISE, Comparison, Difference, Draws, MetricComparison, Noises
from i2vbench.compare.distances import Distances
from i2vbench.compare.paired import effect_size, holm, resampled_means, sign_flip_p
from i2vbench.compare.seeds import Noise, noise
from i2vbench.compare.sides import Scores, Sides, scores
from i2vbench.metrics.base import Metric
from i2vbench.statistics import SAME_MEAN, bootstrap_interval
from i2vbench.tables import clip_notes, notes
from i2vbench.tables.intervals import LEAST_SAMPLES
from i2vbench.tables.results import TOTAL
from i2vbench.tables.runs import Record
from i2vbench.tables.wanted import NotRun, wanted_metrics
from i2vbench.types import Measurement, MetricInfo


def compare(
    sides: Sides,
    metrics: Sequence[str] | None = None,
    trusted: Sequence[str] | None = None,
    by_category: bool = True,
    draws: Draws = Draws(),  # noqa: B008 - frozen
    tell: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Compare A and B, sample by sample.

    Args:
        sides: Both.
        metrics: Ids of the metrics wanted; None takes all.
        trusted: As `collect` takes it.
        by_category: Whether each category is compared too.
        draws: How much is drawn.
        tell: Is told what takes long.

    Raises:
        UserError: If neither run has a metric of that id.
    """
    categories = sides.categories if by_category else []
    found = []
    for id_, (metric, spec) in wanted_metrics(sides.runs, metrics, trusted).items():
        found.append(_compare_metric(sides, id_, metric, spec, categories, draws, tell))
    total = TOTAL if TOTAL not in categories else f"{TOTAL} (total)"
    return Comparison(
        sides=sides,
        categories=[*categories, total],
        metrics=_corrected(found),
        draws=draws,
        notes=notes.run_notes(sides.columns, sides.runs),
    )


def seed_noise(
    sides: Sides, metrics: Sequence[str] | None = None, trusted: Sequence[str] | None = None
) -> list[tuple[MetricInfo, Noise | None]]:
    """What the seeds of a single model say, for each metric that has a number a clip.

    Raises:
        UserError: If the run has no metric of that id.
    """
    found = []
    for id_, (metric, _) in wanted_metrics(sides.runs, metrics, trusted).items():
        records = sides.records(0, id_)
        if (values := scores(records)) and not _why_distance(metric, records):
            found.append((metric.info, noise([list(some.values()) for some in values.values()])))
    return found


def _compare_metric(
    sides: Sides,
    id_: str,
    metric: Metric,
    spec: str,
    categories: Sequence[str],
    draws: Draws,
    tell: Callable[[str], None],
) -> MetricComparison:
    used = None if isinstance(metric, NotRun) else spec
    records = (sides.records(0, id_), sides.records(1, id_))
    remarks = list(notes.metric_differences(id_, sides.columns, sides.runs, used))
    for column, some in zip(sides.columns, records, strict=True):
        remarks += clip_notes.clip_counts(column.label, some, [record.clip for record in some])
    planned = {category: _planned(sides, category) for category in (*categories, None)}
    if why := _why_not(sides, id_, metric, records):
        rows = [Difference(planned=counts, note=why) for counts in planned.values()]
        return MetricComparison(metric.info, False, rows, NO_NOISE, remarks)
    if reason := next(filter(None, (_why_distance(metric, some) for some in records)), ""):
        made = Distances(sides, metric, records, draws, tell)
        rows = [made.difference(category, counts) for category, counts in planned.items()]
        if reason is not _FEATURES:
            remarks.append(reason)
        return MetricComparison(metric.info, True, rows, NO_NOISE, remarks + made.remarks)
    a, b = scores(records[0]), scores(records[1])
    category_of = {record.sample.id: record.sample.category for record in records[0]}
    rows = []
    for category, counts in planned.items():
        chosen = sorted(s for s in a if s in b and category in (None, category_of[s]))
        rows.append(_paired(metric.info, a, b, chosen, counts, draws))
    return MetricComparison(metric.info, False, rows, _noise(a, b), remarks)


def _planned(sides: Sides, category: str | None) -> tuple[int, int]:
    """How many samples A and B were to be shown."""
    counts = []
    for side, column in enumerate(sides.columns):
        run = sides.run_of(side)
        shown = {clip.sample_id for clip in run.clips[column.model]}
        counts.append(sum(category in (None, run.samples[id_].category) for id_ in shown))
    return counts[0], counts[1]


def _why_not(sides: Sides, id_: str, metric: Metric, records: Sequence[Sequence[Record]]) -> str:
    """Why a metric has no comparison; "" if it has."""
    if isinstance(metric, NotRun):
        return metric.reason
    for side, column in enumerate(sides.columns):
        made = sides.run_of(side).settings["metrics"].get(id_)
        if made is None or "skipped" in made:
            return f"{column.label} was not measured: {made['skipped'] if made else 'its run has no such metric'}"
    if len(notes.metric_groups(id_, sides.columns, sides.runs)) > 1:
        return "the metric differs between the runs, in its code or its checkpoints"
    for column, some in zip(sides.columns, records, strict=True):
        if not any(record.state == "done" for record in some):
            return f"no clip of {column.label} was measured"
    return ""


_FEATURES = "features"


def _why_distance(metric: Metric, records: Sequence[Record]) -> str:
    """Why a metric's number is one of all clips together; "" if it is the mean over clips."""
    rows = [record.row for record in records if record.state == "done" and record.row is not None]
    values = [row.value for row in rows if row.value is not None]
    if len(values) < len(rows):
        return _FEATURES
    measured = [Measurement(row.sample_id, row.metric, value=row.value, details=row.details) for row in rows]
    try:
        cell = metric.aggregate(measured).value if measured else None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a metric raises is said of it
        return f"Its number for all clips cannot be made: {describe(error)}"
    mean = math.fsum(values) / len(values) if values else 0.0
    if cell is None or math.isclose(cell, mean, rel_tol=SAME_MEAN, abs_tol=SAME_MEAN):
        return ""
    return "Its number is not the mean over clips, so it is made again for each resample."


def _paired(
    info: MetricInfo, a: Scores, b: Scores, samples: Sequence[str], planned: tuple[int, int], draws: Draws
) -> Difference:
    """Of a metric that has a number a clip; a sample's is the mean over its seeds."""
    if len(samples) < 2:
        return Difference(planned=planned, n=len(samples), note="fewer than two samples that both measured")
    ours, theirs = (np.array([math.fsum(s[i].values()) / len(s[i]) for i in samples]) for s in (a, b))
    differences = ours - theirs
    # The mean of 0.1, 0.2 and 0.3 is 0.2 but for rounding, and a sign must not hang on that.
    differences[np.isclose(ours, theirs, rtol=1e-12, atol=0)] = 0
    mean_a, mean_b = (math.fsum(some) / len(samples) for some in (ours, theirs))
    means = resampled_means(differences, draws.replicates, draws.seed)
    p, exact = sign_flip_p(differences, draws.replicates, draws.seed)
    gains = differences * info.scale * (1 if info.direction == "higher" else -1)
    least = 0.5 * 10**-info.decimals  # less than this prints as 0
    enough = len(samples) >= LEAST_SAMPLES
    wins, losses = int((gains >= least).sum()), int((gains <= -least).sum())
    return Difference(
        planned=planned,
        n=len(samples),
        a=mean_a,
        b=mean_b,
        interval=bootstrap_interval(mean_a - mean_b, means, samples=len(samples)) if enough else None,
        effect=effect_size(differences),
        wins=wins,
        ties=len(samples) - wins - losses,
        losses=losses,
        p=p,
        exact=exact,
        draws=0 if exact else draws.replicates,
        note="" if enough else f"no interval of fewer than {LEAST_SAMPLES} samples",
    )


def _noise(a: Scores, b: Scores) -> Noises:
    """Of A, of B, and of the differences under the seeds that both have."""
    differences = [[a[s][seed] - b[s][seed] for seed in a[s] if seed in b[s]] for s in a if s in b]
    own = [noise([list(seeds.values()) for seeds in some.values()]) for some in (a, b)]
    return own[0], own[1], noise(differences)


def _corrected(metrics: Sequence[MetricComparison]) -> list[MetricComparison]:
    """With Holm's correction: one family over all clips, the metrics; another of all cells of all categories."""
    rows = [list(one.rows) for one in metrics]
    totals = [(m, len(some) - 1) for m, some in enumerate(rows)]
    categories = [(m, r) for m, some in enumerate(rows) for r in range(len(some) - 1)]
    for family in (totals, categories):
        for (m, r), p in zip(family, holm([rows[m][r].p for m, r in family]), strict=True):
            rows[m][r] = replace(rows[m][r], corrected=p)
    return [replace(one, rows=some) for one, some in zip(metrics, rows, strict=True)]
