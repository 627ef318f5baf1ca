"""What metrics say of the clips that people judged: a number for each clip, and one for each model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from i2vbench.attempt import describe
from i2vbench.human.matching import Matched
from i2vbench.human.votes_per_clip import Array, Positions
from i2vbench.metrics.base import Metric
from i2vbench.rows import MeasurementRow
from i2vbench.statistics import SAME_MEAN
from i2vbench.store import REFERENCE, Store
from i2vbench.tables import notes
from i2vbench.tables.runs import Column
from i2vbench.tables.wanted import NotRun, wanted_metrics
from i2vbench.types import Measurement, MetricInfo


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MetricValues:
    """A metric's numbers of the clips that people judged, turned so that higher is better.

    Attributes:
        info: The metric.
        models: Those that it has measured, as positions in `Study.models`; m of them.
        items: Those of which it has measured all these models, as positions in the items asked for; k of them.
        values: Of each clip, [k, m]; None if it has no numbers of single clips.
        numbers: Of each model over these items, [m]; None if it has none.
        mean: Whether these are the means over clips.
        why_no_values: As `values` is None.
        why_no_numbers: As `numbers` is None.
        notes: What else is to be said.
    """

    info: MetricInfo
    models: Positions = field(default_factory=lambda: np.zeros(0, np.int64))
    items: Positions = field(default_factory=lambda: np.zeros(0, np.int64))
    values: Array | None = None
    numbers: Array | None = None
    mean: bool = False
    why_no_values: str = ""
    why_no_numbers: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """A record, and the store that has it."""

    store: Store
    row: MeasurementRow


@dataclass(frozen=True, slots=True)
class _Lazy:
    """Measurements whose features are read when they are asked for, one at a time, as often as asked."""

    places: Sequence[_Place]

    def __iter__(self) -> Iterator[Measurement]:
        return (place.store.load_measurement(place.row) for place in self.places)


def metric_values(
    matched: Matched, items: Sequence[int], wanted: Sequence[str] | None, trusted: Sequence[str]
) -> list[MetricValues]:
    """Every metric of the runs, or those wanted.

    Args:
        matched: Where the clips are.
        items: Positions in `Study.items`.
        wanted: Ids of metrics; None takes all.
        trusted: The FILE.py:Class whose code may run: a run's folder may be somebody else's.

    Raises:
        UserError: No run has a metric of that id.
    """
    used = [matched.runs[i] for i in sorted({column.run for column in matched.columns})]
    with ExitStack() as stack:
        stores = [stack.enter_context(Store.open(run.folder)) for run in matched.runs]
        return [
            _of_metric(matched, stores, items, id_, metric, spec)
            for id_, (metric, spec) in wanted_metrics(used, wanted, trusted).items()
        ]


def _of_metric(
    matched: Matched, stores: Sequence[Store], items: Sequence[int], id_: str, metric: Metric, spec: str
) -> MetricValues:
    if isinstance(metric, NotRun):
        return _nothing(metric, metric.reason)
    columns = _columns_with(matched, id_)
    used = list(columns.values())
    if len(notes.metric_groups(id_, used, matched.runs)) > 1:
        return _nothing(metric, "the metric differs between the runs, in its code or its checkpoints")
    remarks = notes.metric_differences(id_, used, matched.runs, spec)
    source = metric.info.features_of or id_
    rows = {key: _rows(stores[column.run], source, column.model) for key, column in columns.items()}
    clips = _clips(matched, stores, items, columns, rows)
    models = [m for m in range(len(matched.study.models)) if any(m in some for some in clips)]
    if len(models) < 2:
        return _nothing(metric, "fewer than two models were measured on the clips that people judged")
    complete = [i for i, some in enumerate(clips) if all(m in some for m in models)]
    real: list[_Place] | None = None
    if "reference" in metric.info.reads and any(p.row.features for i in complete for p in clips[i].values()):
        complete, real = _with_reference(matched, stores, items, columns, source, complete)
    remarks += _missing(matched, models, len(complete), len(items))
    if not complete:
        return _nothing(metric, "there is no item of which all models were measured", remarks)
    grid = [[clips[i][m] for m in models] for i in complete]
    turned = 1 if metric.info.direction == "higher" else -1
    values, why_no_values = _values(grid)
    numbers, mean, why_no_numbers = _numbers(metric, grid, real, values)
    return MetricValues(
        info=metric.info,
        models=np.array(models),
        items=np.array(complete),
        values=None if values is None else turned * values,
        numbers=None if numbers is None else turned * numbers,
        mean=mean,
        why_no_values=why_no_values,
        why_no_numbers=why_no_numbers,
        notes=remarks,
    )


def _nothing(metric: Metric, why: str, remarks: Sequence[str] = ()) -> MetricValues:
    return MetricValues(info=metric.info, why_no_values=why, why_no_numbers=why, notes=remarks)


def _columns_with(matched: Matched, id_: str) -> dict[tuple[int, int], Column]:
    """By source and model, the first column whose run has the metric."""
    found = {}
    for key, some in matched.places.items():
        for column in some:
            record = matched.runs[column.run].settings["metrics"].get(id_)
            if column in matched.columns and record is not None and "skipped" not in record:
                found[key] = column
                break
    return found


def _rows(store: Store, metric: str, model: str) -> dict[tuple[str, int], MeasurementRow]:
    return {(r.sample_id, r.seed): r for r in store.measurements(metric, model) if r.state == "done"}


def _clips(
    matched: Matched,
    stores: Sequence[Store],
    items: Sequence[int],
    columns: Mapping[tuple[int, int], Column],
    rows: Mapping[tuple[int, int], Mapping[tuple[str, int], MeasurementRow]],
) -> list[dict[int, _Place]]:
    """By model, the record of each item's clip that has one."""
    done = {
        (column.run, column.model): {
            (clip.sample_id, clip.seed) for clip in matched.runs[column.run].clips[column.model] if clip.state == "done"
        }
        for column in columns.values()
    }
    found: list[dict[int, _Place]] = []
    for position in items:
        item = matched.study.items[position]
        clip = item.sample, item.seed
        found.append({})
        for m in range(len(matched.study.models)):
            column = columns.get((item.source, m))
            row = rows[item.source, m].get(clip) if column is not None else None
            if column is not None and row is not None and clip in done[column.run, column.model]:
                found[-1][m] = _Place(stores[column.run], row)
    return found


def _with_reference(
    matched: Matched,
    stores: Sequence[Store],
    items: Sequence[int],
    columns: Mapping[tuple[int, int], Column],
    source: str,
    complete: Sequence[int],
) -> tuple[list[int], list[_Place]]:
    """The items whose real clips were measured, and these; a sample of several sources has one real clip."""
    real: dict[tuple[int, str], _Place] = {}
    for (s, _), column in columns.items():
        for row in stores[column.run].measurements(source, REFERENCE):
            if row.state == "done":
                real.setdefault((s, row.sample_id), _Place(stores[column.run], row))
    kept: list[int] = []
    places: dict[tuple[str, str], _Place] = {}
    for i in complete:
        item = matched.study.items[items[i]]
        if (item.source, item.sample) in real:
            kept.append(i)
            fingerprint = matched.study.sources[item.source].fingerprint
            places.setdefault((fingerprint, item.sample), real[item.source, item.sample])
    return kept, list(places.values())


def _missing(matched: Matched, models: Sequence[int], complete: int, asked: int) -> list[str]:
    found = []
    absent = [name for m, name in enumerate(matched.study.models) if m not in models]
    if absent:
        found.append(f"without {', '.join(absent)}, of which no clip was measured")
    if complete < asked:
        found.append(f"{asked - complete} of {asked} items are left out: not all models were measured on them")
    return found


def _values(grid: Sequence[Sequence[_Place]]) -> tuple[Array | None, str]:
    values = [[place.row.value for place in line] for line in grid]
    if any(value is None for line in values for value in line):
        return None, "it has one number for all clips of a model, and none of single clips"
    return np.array(values, dtype=float), ""


def _numbers(
    metric: Metric, grid: Sequence[Sequence[_Place]], real: Sequence[_Place] | None, values: Array | None
) -> tuple[Array | None, bool, str]:
    """Each model's number, whether all are means over clips, and why there are none."""
    numbers: list[float] = []
    try:
        for clips in zip(*grid, strict=True):
            cell = metric.aggregate(_Lazy(clips), None if real is None else _Lazy(real))
            if cell.value is None or not math.isfinite(cell.value):
                return None, False, cell.note or "the metric has no number for these clips"
            numbers.append(float(cell.value))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a metric raises empties its cells
        return None, False, f"aggregate failed: {describe(error)}"
    means = None if values is None else values.mean(axis=0)
    mean = means is not None and bool(np.allclose(numbers, means, rtol=SAME_MEAN, atol=SAME_MEAN))
    return np.array(numbers), mean, ""
