"""Motion smoothness compares the right frames with what the network makes of their neighbours, or says why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from i2vbench.measure import measure_clips
from i2vbench.metrics import motion_smoothness
from i2vbench.metrics.motion_smoothness import MotionSmoothness, interpolate, kept_and_compared, padding
from i2vbench.metrics.networks import amt
from i2vbench.registry import METRICS
from i2vbench.types import Clip, Frames, FrameSource, Measurement, Sample, Video
from i2vbench.weights import entry
from tests.conftest import moving_frames
from tests.metrics.looking import lay_out, recipe_state

SCALED = 0.1
"""The recipe's flows and corrections times this: else most of a prediction is clamped."""


class Stub:
    """Instead of the network: a function of padded pairs [N, 2, 3, H, W]."""

    scale_factor = 1.0

    def __init__(self, of: Callable[[Tensor], Tensor]) -> None:
        self.of = of

    def __call__(self, pairs: Tensor) -> SimpleNamespace:
        return SimpleNamespace(prediction=self.of(pairs))


MEAN = Stub(lambda pairs: pairs.mean(dim=1))


@pytest.fixture(scope="module")
def network() -> amt.AMT:
    state = recipe_state("amt_s")
    last = ("convblock.2.", "flow_head.2.", "comb_block.2.")
    return amt.load({key: value * (SCALED if any(x in key for x in last) else 1) for key, value in state.items()})


def clip(frames: Frames, name: str = "clip") -> Clip:
    return Clip(Sample(name, "Pet", "a dog", FrameSource(Path("x.png"))), Video(frames, 8.0))


def moving(num_frames: int = 3, height: int = 128, width: int = 128, seed: int = 0) -> Clip:
    return clip(np.ascontiguousarray(moving_frames(num_frames, height, width, seed)), f"clip-{seed}")


def levels(*of: int, size: tuple[int, int] = (128, 130)) -> Frames:
    """A clip of frames of one level each."""
    return np.stack([np.full((*size, 3), level, np.uint8) for level in of])


def measured(network: object, clips: Sequence[Clip]) -> list[Measurement]:
    metric = MotionSmoothness()
    metric._network = network
    return list(metric.measure(clips))


def errors(network: object, frames: Frames) -> list[float]:
    [measurement] = measured(network, [clip(frames)])
    assert measurement.error is None
    return list(measurement.details["mae_per_dropped_frame"])


# What is compared.


@given(st.integers(0, 300))
def test_every_frame_is_kept_or_compared_or_never_compared(num_frames: int) -> None:
    kept, compared, never = kept_and_compared(num_frames)
    assert sorted([*kept, *(dropped for dropped, _ in compared), *never]) == list(range(num_frames))
    assert all(after in kept and before in kept for _, (before, after) in compared)
    assert all(before + 1 == dropped == after - 1 for dropped, (before, after) in compared)
    assert never == ([num_frames - 1] if num_frames % 2 == 0 and num_frames else [])


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([1.0, 16 / 17, 16 / 22, 0.5]))
def test_padding_is_the_least_that_brings_multiples_the_smaller_half_first(h: int, w: int, scale: float) -> None:
    left, right, top, bottom = padding(h, w, scale)
    multiple = int(16 / scale)
    for side, before, after in ((w, left, right), (h, top, bottom)):
        assert (side + before + after) % multiple == 0
        assert 0 <= after - before <= 1
        assert before + after < multiple


def test_the_prediction_is_of_the_clip_with_its_border_repeated(network: amt.AMT) -> None:
    frames = moving(2, 131, 140).video.frames
    padded = np.pad(frames, ((0, 0), (6, 7), (2, 2), (0, 0)), mode="edge")
    expected = network(torch.from_numpy(padded).permute(0, 3, 1, 2)[None].float() / 255).prediction
    seen = interpolate(network, torch.from_numpy(frames.copy())[None])
    torch.testing.assert_close(seen, expected[..., 6:-7, 2:-2], rtol=0, atol=1e-4)


def test_what_the_network_foretells_is_an_error_of_0_and_all_else_is_counted_in_grey_levels() -> None:
    assert errors(MEAN, levels(0, 10, 20, 30, 40)) == [0.0, 0.0]
    assert errors(MEAN, levels(0, 13, 20, 25, 40)) == [3.0, 5.0]
    frames = levels(0, 10, 20)
    frames[1, 5, 7, 2] = 200
    assert errors(MEAN, frames) == [190 / (128 * 130 * 3)]


def test_the_prediction_is_cut_to_8_bit_not_rounded() -> None:
    for value, level in ((100.9, 100), (100.0, 100), (255.0, 255), (0.4, 0)):
        constant = Stub(lambda pairs, value=value: torch.full_like(pairs[:, 0], (value + 1e-4) / 255))  # type: ignore[misc]
        assert errors(constant, levels(0, level, 0)) == [0.0]


def test_the_last_frame_of_an_even_clip_and_the_kept_ones_are_not_compared() -> None:
    still = Stub(lambda pairs: torch.zeros_like(pairs[:, 0]))
    assert errors(still, levels(9, 0, 200, 0, 77, 255)) == [0.0, 0.0]
    assert errors(still, levels(9, 0, 200, 1, 77, 255)) == [0.0, 1.0]


def test_the_value_is_255_less_the_mean_error_and_details_say_which_frames() -> None:
    [one] = measured(MEAN, [clip(levels(0, 13, 20, 25, 40, 99))])
    assert one.value == pytest.approx((255 - 4) / 255)
    assert one.details == {"mae_per_dropped_frame": [3.0, 5.0], "dropped_frames": [1, 3]}


@pytest.mark.parametrize("num_frames", [3, 4, 15, 16, 200])
def test_any_length_from_3_is_measured(num_frames: int) -> None:
    [one] = measured(MEAN, [clip(levels(*(t % 256 for t in range(num_frames))))])
    assert one.value is not None
    assert len(one.details["mae_per_dropped_frame"]) == len(one.details["dropped_frames"]) == (num_frames - 1) // 2


def test_more_than_the_dropped_frames_decides(network: amt.AMT) -> None:
    """Two clips that differ in a kept frame alone."""
    first = moving(3).video.frames
    other = first.copy()
    other[2] = moving(3, seed=1).video.frames[2]
    assert abs(errors(network, first)[0] - errors(network, other)[0]) > 0.1


# Batches.


def mixed() -> list[Clip]:
    """Sizes, lengths and shapes side by side: square, portrait, landscape with odd sides, grey."""
    grey = np.repeat(moving(3, 128, 128, 4).video.frames[..., :1], 3, axis=-1)
    return [moving(5, seed=1), moving(3, 145, 128, 2), moving(4, seed=3), moving(3, 129, 163, 5), clip(grey, "grey")]


def test_batches_and_parts_do_not_change_a_clips_number(network: amt.AMT, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = mixed()
    alone = [measured(network, [one])[0] for one in clips]
    together = measured(network, clips[::-1])[::-1]
    monkeypatch.setitem(motion_smoothness.BYTES_AT_ONCE, "cpu", 1)
    one_by_one = measured(network, clips)
    for made, *same in zip(clips, alone, together, one_by_one, strict=True):
        assert {m.sample_id for m in same} == {made.sample.id}
        values = [m.value for m in same if m.value is not None]
        assert len(values) == 3
        assert values == pytest.approx([values[0]] * 3, abs=2e-6)
    assert len({m.value for m in alone}) == len(clips)


def test_pairs_of_one_size_go_through_the_network_together() -> None:
    calls: list[tuple[int, ...]] = []

    def seen(pairs: Tensor) -> Tensor:
        calls.append(tuple(pairs.shape))
        return pairs.mean(dim=1)

    small, large = levels(*range(6), size=(128, 128)), levels(*range(3), size=(128, 144))
    assert all(m.value == 1 for m in measured(Stub(seen), [clip(small), clip(large), clip(small[:3])]))
    assert calls == [(3, 2, 3, 128, 128), (1, 2, 3, 128, 144)]


# Refusals.


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (levels(1), "expected at least 3 frames.*got 1"),
        (levels(1, 2), "expected at least 3 frames.*got 2"),
        (levels(1, 2, 3, size=(112, 300)), "at least 128 pixels.*got 112 x 300; below"),
        (levels(1, 2, 3, size=(300, 64)), "got 300 x 64; below"),
    ],
)
def test_a_clip_that_cannot_be_measured_gets_the_reason_and_the_others_their_numbers(
    frames: Frames, reason: str
) -> None:
    good = clip(levels(0, 1, 2))
    first, refused, last = measured(MEAN, [good, clip(frames), good])
    assert refused.error is not None
    assert re.search(reason, refused.error)
    assert first.value == last.value == 1


def test_sides_of_113_are_enough(network: amt.AMT) -> None:
    """Padded they are 128."""
    [one] = measured(network, [moving(3, 113, 128)])
    assert one.value is not None


def test_a_prediction_that_is_not_finite_is_an_error_of_its_clip_alone() -> None:
    """Cast to 8 bit, NaN would be a number."""

    def spoilt(pairs: Tensor) -> Tensor:
        mean = pairs.mean(dim=1)
        mean[(pairs == 1).flatten(1).any(1), 0, 60, 60] = torch.nan
        return mean

    bad, good = measured(Stub(spoilt), [clip(levels(0, 1, 2, 3, 4, 4, 255)), clip(levels(0, 1, 2))])
    assert bad.error is not None
    assert "prediction of frame 5 is not finite" in bad.error
    assert good.value == 1


def test_measurements_are_what_a_run_takes(network: amt.AMT) -> None:
    metric = MotionSmoothness()
    metric._network = network
    made = [m for m in measure_clips(metric, [moving(3), moving(3, seed=1)]) if isinstance(m, Measurement)]
    values = [m.value for m in made if m.value is not None]
    assert metric.aggregate(made).value == pytest.approx(sum(values) / 2)
    assert all(0 <= value <= 1 for value in values)


def test_the_published_file_is_read_by_its_name_in_the_catalogue(
    network: amt.AMT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the tensors under `state_dict`."""
    lay_out(tmp_path, monkeypatch, {"amt_s": {"state_dict": network.state_dict()}})  # type: ignore[dict-item]
    metric = METRICS.create("motion_smoothness")
    metric.load("cpu", "float32")
    assert metric.measure([moving(3)])[0].value == measured(network, [moving(3)])[0].value
    metric.unload()


def test_the_licence_is_where_a_user_sees_it() -> None:
    assert "non-commercial" in METRICS.listing()["motion_smoothness"]
    assert "NON-COMMERCIAL" in entry("amt_s").licence
    assert MotionSmoothness.info.checkpoints == ("amt_s",)
