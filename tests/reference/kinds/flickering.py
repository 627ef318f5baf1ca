"""Temporal flickering on the recorded clips (`vbench/temporal_flickering`)."""

from __future__ import annotations

from collections.abc import Iterator

from i2vbench.metrics.temporal_flickering import TemporalFlickering
from tests.reference.cases import Case
from tests.reference.compare import Check
from tests.reference.kinds.recorded import read_clip, stated


def temporal_flickering(case: Case) -> Iterator[Check]:
    """Each clip's value and its pairs, and the value of the data set."""
    metric = TemporalFlickering()
    score = stated(case, "score_abs")
    difference = stated(case, "mae_abs")
    measured = []
    for name, recorded in case.sidecar["clips"].items():
        [measurement] = metric.measure([read_clip(case, name)])
        measured.append(measurement)
        ours = {"score": (measurement.value, score), "mae_per_pair": (measurement.details["mae_per_pair"], difference)}
        for key in ours.keys() & recorded.keys():
            yield Check(f"sidecar: {name}.{key}", ours[key][0], recorded[key], ours[key][1])
    if "dataset_score" in case.sidecar:
        yield Check("sidecar: dataset_score", metric.aggregate(measured).value, case.sidecar["dataset_score"], score)
