"""The static filter, and temporal flickering of the clips that it lets through."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.errors import UserError
from i2vbench.metrics.static_filter import frame_pairs, pairs_allowed, reason_of_motion, threshold_px
from i2vbench.metrics.temporal_flickering import TemporalFlickering
from i2vbench.registry import METRICS
from tests.metrics.test_dynamic_degree import clip
from tests.metrics.test_flow import Brightness, Corner, video

MOVING = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60]
STILL = [7, 7, 7, 8, 8, 8, 7, 7, 8, 7, 7, 7, 7, 7, 7, 8]


@pytest.fixture
def metric() -> TemporalFlickering:
    made = TemporalFlickering("static-only")
    made._network = Brightness()
    return made


@given(st.integers(2, 200))
def test_neighbours_and_both_ends_are_compared(num_frames: int) -> None:
    pairs = frame_pairs(num_frames)
    assert pairs[:-2] == [(i, i + 1) for i in range(num_frames - 1)]
    assert pairs[-2:] == [(0, num_frames - 1), (num_frames - 1, 0)]


@pytest.mark.parametrize(
    ("neighbours", "ends", "says"),
    [
        ([3.0] * 15, [12.0, 12.0], ""),
        ([3.1, 3.1] + [0.0] * 13, [0.0, 0.0], ""),
        ([3.1, 3.1, 3.1] + [0.0] * 12, [0.0, 0.0], "3 pairs of neighbouring frames move by more than 3 pixels, 2 may"),
        ([0.0] * 15, [12.1, 0.0], "first and last frame are 12.1 pixels apart, 12 are allowed"),
        ([0.0] * 15, [0.0, 12.1], "first and last frame are 12.1 pixels apart, 12 are allowed"),
    ],
)
def test_static_is_what_hardly_moves_between_neighbours_nor_in_all(
    neighbours: list[float], ends: list[float], says: str
) -> None:
    assert reason_of_motion([*neighbours, *ends], threshold_px(256, 448), pairs_allowed(16)) == says


def test_an_eighth_of_the_frames_may_move_rounded_to_the_nearest_or_even_number() -> None:
    assert [pairs_allowed(frames) for frames in (4, 7, 12, 16, 20, 23)] == [0, 1, 2, 2, 2, 3]


def test_up_to_four_frames_nothing_may_move() -> None:
    assert pairs_allowed(4) == 0
    assert reason_of_motion([0.0, 0.0, 0.0, 0.1, 0.0], threshold_px(128, 128), pairs_allowed(4))


def test_a_static_clip_has_the_flickering_that_it_has_without_the_filter(metric: TemporalFlickering) -> None:
    still = clip("still", video(STILL))
    (measured,) = metric.measure([still])
    (plain,) = TemporalFlickering().measure([still])
    assert (measured.metric, plain.metric) == ("temporal_flickering_static", "temporal_flickering")
    assert measured.value == plain.value
    assert measured.details["mae_per_pair"] == plain.details["mae_per_pair"]
    assert len(measured.details["top2_magnitude_per_pair"]) == 15, "first and last frame are no neighbours"
    judged = ("threshold", "pairs_allowed", "pairs_above", "first_to_last_magnitude", "last_to_first_magnitude")
    apart = abs(STILL[0] - STILL[-1])
    limit = threshold_px(still.video.height, still.video.width)
    assert [measured.details[name] for name in judged] == [limit, 2, 0, apart, apart]
    assert set(plain.details) == {"mae_per_pair"}


def test_the_longest_2_percent_of_the_vectors_are_what_moves(metric: TemporalFlickering) -> None:
    metric._network = Corner(int(0.02 * 128 * 128))
    (measured,) = metric.measure([clip("corner", video(MOVING))])
    assert measured.details["top2_magnitude_per_pair"] == pytest.approx([4] * 15, abs=1e-3)


def test_clips_that_move_do_not_apply_and_cost_no_other(metric: TemporalFlickering) -> None:
    found = metric.measure([clip(str(i), video(MOVING if i in (1, 4) else STILL)) for i in range(5)])
    assert [one.value is None for one in found] == [False, True, False, False, True]
    why = str(found[1].not_applicable)
    assert why.startswith("the clip is not static: 15 pairs of neighbouring frames move by more")
    assert found[1].details["pairs_above"] == 15
    network: Any = metric._network
    assert sum(network.calls) == 2 * 17 + 3 * 4, "each clip is looked at once, and equal pairs of its frames too"


def test_what_cannot_be_judged_is_a_reason_and_costs_no_other(metric: TemporalFlickering) -> None:
    small, good, one = metric.measure(
        [clip("small", video(STILL, 100, 100)), clip("good", video(STILL)), clip("one", video([7]))]
    )
    assert good.value is not None
    assert "100 x 100" in str(small.error)
    assert "at least two" in str(one.error)

    def nothing(frames: torch.Tensor, pairs: list[tuple[int, int]]) -> Any:
        found = Brightness()(frames, pairs)
        found.up[:] = torch.nan
        return found

    metric._network = nothing
    (measured,) = metric.measure([clip("nan", video(STILL))])
    assert "not finite" in str(measured.error)


def test_it_is_a_metric_of_its_own() -> None:
    other = METRICS.create("temporal_flickering:static-only")
    plain = METRICS.create("temporal_flickering")
    assert (other.info.id, other.info.checkpoints) == ("temporal_flickering_static", ("raft_things",))
    assert (plain.info.id, plain.info.checkpoints) == ("temporal_flickering", ())
    assert other.info.title != plain.info.title
    plain.load("cpu", "float32")
    with pytest.raises(UserError, match="no variant 'static': did you mean static-only"):
        METRICS.check_name("temporal_flickering:static")
    with pytest.raises(UserError, match="no variant 'static'"):
        TemporalFlickering("static")
