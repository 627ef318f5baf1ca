"""VBench's metrics on the recorded clips (`vbench/METRIC.json`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from safetensors.numpy import load_file

from i2vbench.metrics.temporal_flickering import TemporalFlickering
from i2vbench.types import Clip, FrameSource, Sample, Video
from tests.reference.cases import Case
from tests.reference.compare import Check, Tolerance

FPS = 8.0


def temporal_flickering(case: Case) -> Iterator[Check]:
    """Each clip's value and its pairs, and the value of the data set."""
    metric = TemporalFlickering()
    score = Tolerance(atol=case.sidecar["tolerance"]["score_abs"])
    difference = Tolerance(atol=case.sidecar["tolerance"]["mae_abs"])
    measured = []
    for name, recorded in case.sidecar["clips"].items():
        frames = load_file(case.find(f"../clips/{name}.safetensors"))["frames"]  # uint8 [T, H, W, 3]
        sample = Sample(name, "", "", FrameSource(Path(name)))
        [measurement] = metric.measure([Clip(sample, Video(frames, FPS))])
        measured.append(measurement)
        yield Check(f"sidecar: {name}.score", measurement.value, recorded["score"], score)
        yield Check(
            f"sidecar: {name}.mae_per_pair", measurement.details["mae_per_pair"], recorded["mae_per_pair"], difference
        )
    yield Check("sidecar: dataset_score", metric.aggregate(measured).value, case.sidecar["dataset_score"], score)
