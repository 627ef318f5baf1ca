"""Motion in pixels at 256 in an eighth of a second: still is none, faster is more, whatever the size and rate."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from i2vbench.curation.frames import Pairs
from i2vbench.curation.motion import Motion, MotionMeter
from i2vbench.datasets.synthetic import draw_clip, held_out, plan_clip
from i2vbench.datasets.synthetic.clip import Plan
from i2vbench.errors import UserError
from i2vbench.metrics import flow


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def meter() -> MotionMeter:
    return MotionMeter("cpu", "tiny_raft")


def plan(camera: str, seed: int = 1) -> Plan:
    drawn = plan_clip(held_out(seed))
    things = tuple(replace(thing, motion="stays") for thing in drawn.things)
    return replace(drawn, things=things, camera=camera)


def pairs_of(camera: str, seconds: float = 1 / 8, num_frames: int = 3, seed: int = 1) -> tuple[Pairs, float]:
    """Neighbouring frames so far apart, and the mean length of the whole true flow, at 256 in an eighth of a second."""
    clip = draw_clip(plan(camera, seed), num_frames, 1 / seconds)
    steps = range(num_frames - 1)
    lengths = [np.linalg.norm(clip.flow(i, i + 1)[0], axis=-1).mean() * 2 / (8 * seconds) for i in steps]
    return Pairs(clip.frames, tuple((i, i + 1) for i in steps), (seconds,) * len(steps)), float(np.median(lengths))


def test_what_stands_still_does_not_move(meter: MotionMeter) -> None:
    (motion,) = meter.measure([pairs_of("still")[0]])
    assert 0 <= motion.whole_px <= motion.median_px <= motion.fastest_px < 0.3


@pytest.mark.parametrize("seed", [1, 4])
def test_a_pan_is_measured_in_its_unit(meter: MotionMeter, seed: int) -> None:
    pan, truth = pairs_of("left", seed=seed)
    (motion,) = meter.measure([pan])
    assert motion.whole_px == pytest.approx(truth, rel=0.25)
    assert motion.whole_px < motion.median_px


def test_faster_is_more(meter: MotionMeter) -> None:
    # The same pan, frames further apart, said to be an eighth of a second: a camera that is so many times faster.
    slow, middle, fast = (
        replace(pairs_of("left", seconds)[0], seconds=(1 / 8, 1 / 8)) for seconds in (1 / 16, 1 / 8, 1 / 4)
    )
    motions = meter.measure([slow, middle, fast])
    for one, other in pairwise(motions):
        assert other.median_px > 1.3 * one.median_px
        assert other.whole_px > 1.3 * one.whole_px


def test_frames_further_apart_are_scaled_to_an_eighth_of_a_second(meter: MotionMeter) -> None:
    (near, _), (far, _) = pairs_of("left", 1 / 8), pairs_of("left", 1 / 5)
    one, other = meter.measure([near, far])
    assert other.whole_px == pytest.approx(one.whole_px, rel=0.15)


def test_clips_measured_together_are_as_alone(meter: MotionMeter) -> None:
    clips = [pairs_of(camera)[0] for camera in ("left", "still", "in")]
    alone = [meter.measure([clip])[0] for clip in clips]
    for one, other in zip(meter.measure(clips), alone, strict=True):
        assert [one.median_px, one.fastest_px, one.whole_px] == pytest.approx(
            [other.median_px, other.fastest_px, other.whole_px], rel=1e-4, abs=1e-4
        )


def test_the_fastest_moment_is_the_maximum_and_the_rest_are_medians(
    meter: MotionMeter, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = Pairs(np.zeros((4, 128, 160, 3), np.uint8), ((0, 1), (1, 2), (2, 3)), (1 / 8, 1 / 8, 1 / 4))
    monkeypatch.setattr(flow, "means_of_strongest", lambda *given: [[(1.0, 0.5), (9.0, 4.0), (4.0, 3.0)]])
    # twice for the size; the last half, for the time
    assert meter.measure([clip]) == [Motion(median_px=4.0, fastest_px=18.0, whole_px=3.0)]


def test_a_flow_that_is_not_finite_is_an_error(meter: MotionMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = Pairs(np.zeros((2, 128, 160, 3), np.uint8), ((0, 1),), (1 / 8,))
    monkeypatch.setattr(flow, "means_of_strongest", lambda *given: [[(float("nan"), 0.5)]])
    with pytest.raises(UserError, match="weights verify"):
        meter.measure([clip])
