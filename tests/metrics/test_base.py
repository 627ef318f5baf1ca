"""The mean over clips that per-clip metrics inherit."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.metrics.temporal_flickering import TemporalFlickering
from i2vbench.types import Measurement

METRIC = TemporalFlickering()


def measurements(values: list[float]) -> list[Measurement]:
    return [Measurement(f"s{i}", METRIC.info.id, value=value) for i, value in enumerate(values)]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.randoms())
def test_mean_and_spread_whatever_the_order(values: list[float], random: object) -> None:
    cell = METRIC.aggregate(measurements(values))
    assert cell.n == len(values)
    assert cell.value == pytest.approx(statistics.fmean(values))
    assert cell.spread == pytest.approx(statistics.stdev(values), abs=1e-12)
    shuffled = sorted(values, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert METRIC.aggregate(measurements(shuffled)) == cell, "to the last bit"


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.integers(2, 4))
def test_every_clip_again_changes_no_mean(values: list[float], times: int) -> None:
    once, often = METRIC.aggregate(measurements(values)), METRIC.aggregate(measurements(values * times))
    assert often.value == pytest.approx(once.value, abs=1e-15)


def test_one_clip_has_no_spread_and_none_has_no_number() -> None:
    assert METRIC.aggregate(measurements([0.5])).spread is None
    empty = METRIC.aggregate([])
    assert empty.value is None
    assert empty.note
