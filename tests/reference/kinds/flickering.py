"""Temporal flickering on the recorded clips (`vbench/temporal_flickering`)."""

from __future__ import annotations

from collections.abc import Iterator

from i2vbench.metrics.temporal_flickering import TemporalFlickering
from tests.reference.cases import Case
from tests.reference.compare import Check, Tolerance
from tests.reference.kinds.recorded import read_clip


def temporal_flickering(case: Case) -> Iterator[Check]:
    """Each clip's value and its pairs, and the value of the data set."""
    metric = TemporalFlickering()
    score = Tolerance(atol=case.sidecar["tolerance"]["score_abs"])
    difference = Tolerance(atol=case.sidecar["tolerance"]["mae_abs"])
    measured = []
    for name, recorded in case.sidecar["clips"].items():
        [measurement] = metric.measure([read_clip(case, name)])
        measured.append(measurement)
        yield Check(f"sidecar: {name}.score", measurement.value, recorded["score"], score)
        yield Check(
            f"sidecar: {name}.mae_per_pair", measurement.details["mae_per_pair"], recorded["mae_per_pair"], difference
        )
    if "dataset_score" in case.sidecar:
        yield Check("sidecar: dataset_score", metric.aggregate(measured).value, case.sidecar["dataset_score"], score)
