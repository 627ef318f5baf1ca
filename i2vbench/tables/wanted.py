"""Which metrics the tables are of, and whose code may not run for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from i2vbench.attempt import describe
from i2vbench.errors import UserError
from i2vbench.metrics.base import Metric
from i2vbench.registry import METRICS
from i2vbench.tables.runs import Run
from i2vbench.types import Cell, Clip, Measurement, MetricInfo

Wanted = Mapping[str, tuple[Metric, str]]
"""Metrics with what named their code, by id."""


def wanted_metrics(runs: Sequence[Run], wanted: Sequence[str] | None, trusted: Sequence[str] | None) -> Wanted:
    """Metrics with what named their code, by id, in the order asked for, else in the order of the runs.

    A metric whose code cannot or may not run is a `NotRun`; the arguments are those of `collect`.

    Raises:
        UserError: If no run has a metric of that id.
    """
    own = {METRICS.create(spec).info.id: spec for spec in trusted or ()}
    records: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        for id_, record in run.settings["metrics"].items():
            if id_ not in records or "skipped" in records[id_]:
                records[id_] = record
    for id_ in wanted or ():
        if id_ not in records:
            raise UserError(f"no metric '{id_}' in these runs: they have {', '.join(records) or 'none'}")
    metrics: dict[str, tuple[Metric, str]] = {}
    for id_ in records if wanted is None else wanted:
        record = records[id_]
        spec = own.get(id_, record["spec"])
        metric: Metric
        if METRICS.is_file(spec) and trusted is not None and id_ not in own:
            metric = NotRun(
                spec, record["info"], "not aggregated: its code was not asked to run (--trust FILE.py:Class)"
            )
        else:
            try:
                metric = METRICS.create(spec)
            except UserError as error:  # the numbers of the other metrics are there all the same
                metric = NotRun(spec, record["info"], f"not aggregated: {describe(error)}")
        metrics[id_] = metric, spec
    return metrics


def _check_facts(info: MetricInfo) -> None:
    """Hold the facts that a run states of a metric to what tables make of them.

    Raises:
        ValueError: One is of another kind.
    """
    texts = (info.id, info.title, info.unit, info.features_of, info.source, info.hides, *info.reads, *info.checkpoints)
    bounds = info.range or (0.0, 1.0)
    numbers = (info.scale, *bounds, info.decimals, info.least_per_category)
    if not all(isinstance(text, str) for text in texts) or info.direction not in ("higher", "lower"):
        raise ValueError("a text, or its direction, is of another kind")
    if len(bounds) != 2 or not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
        raise ValueError("a number is of another kind")
    if type(info.decimals) is not int or not 0 <= info.decimals <= 20:
        raise ValueError(f"decimals: expected 0 to 20, got {info.decimals!r:.40}")


class NotRun(Metric):
    """Stands for a metric whose code cannot or may not run, so that its column says why it is empty."""

    reads_details = frozenset()

    def __init__(self, spec: str, info: Mapping[str, Any], reason: str) -> None:
        bounds = info.get("range")
        try:
            facts = {**info, "reads": frozenset(info["reads"]), "checkpoints": tuple(info["checkpoints"])}
            self.info = MetricInfo(**(facts | {"range": tuple(bounds) if bounds else None}))
            self.info.print(0.5)
            _check_facts(self.info)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"a run's record of the metric {spec} is damaged: {error}") from error
        self.reason = reason

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        raise NotImplementedError

    def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
        return Cell(None, 0, note=self.reason)
