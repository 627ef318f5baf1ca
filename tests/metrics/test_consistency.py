"""Subject and background consistency: what their definition says of still, one-frame, mixed and spoilt clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from i2vbench import weights
from i2vbench.errors import UserError
from i2vbench.measure import measure_clips
from i2vbench.metrics import consistency
from i2vbench.metrics.background_consistency import BackgroundConsistency
from i2vbench.metrics.consistency import ConsistencyMetric, clip_value, similarities
from i2vbench.metrics.networks import clip as clip_network
from i2vbench.metrics.networks import dino
from i2vbench.metrics.subject_consistency import SubjectConsistency
from i2vbench.profiles import load_profile
from i2vbench.registry import METRICS
from i2vbench.types import Clip, Frames, FrameSource, Measurement, Sample, Video
from tests.conftest import moving_frames

Features = npt.NDArray[np.float32]

KINDS: dict[str, type[ConsistencyMetric]] = {"subject": SubjectConsistency, "background": BackgroundConsistency}
both = pytest.mark.parametrize("kind", KINDS)

rows = st.tuples(st.integers(2, 8), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-(2.0**100), 2.0**100, width=32))
)


class Tiny(nn.Module):
    """Stands for either network: means over a grid, as one would see them from afar."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        return nn.functional.adaptive_avg_pool2d(images, 4).flatten(1) + 0.5  # [N, 48]

    encode_image = forward


def make_clip(frames: Frames, name: str = "clip") -> Clip:
    return Clip(Sample(name, "Pet", "a dog", FrameSource(Path("x.png"))), Video(np.ascontiguousarray(frames), 8.0))


def moving(num_frames: int, height: int = 24, width: int = 32, seed: int = 0) -> Clip:
    return make_clip(moving_frames(num_frames, height, width, seed), f"clip-{seed}")


def make(kind: str, network: object = None, argument: str = "") -> ConsistencyMetric:
    metric = KINDS[kind](argument)
    metric._network = network or Tiny()
    return metric


def values(measured: list[Measurement]) -> list[float]:
    assert all(one.error is None for one in measured), [one.error for one in measured]
    return [float(one.value or 0) for one in measured]


def test_a_value_is_the_mean_of_both_similarities() -> None:
    to_previous, to_first = similarities(np.array([[2, 0], [0, 3], [5, 5], [-1, 0]], dtype=np.float32))
    half = np.sqrt(0.5)
    np.testing.assert_allclose(to_previous, [0, half, 0], atol=1e-15)
    np.testing.assert_allclose(to_first, [0, half, 0], atol=1e-15)
    assert clip_value(np.array([0.2, 0.4]), np.array([0.6, 0.8])) == pytest.approx(0.5)


def cosine(a: Features, b: Features) -> float:
    a, b = (np.longdouble(1) * x / np.abs(x).max() for x in (a, b))  # type: ignore[assignment]
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@given(rows)
def test_similarities_are_cosines_between_0_and_1_of_any_features_that_are_not_zero(features: Features) -> None:
    features = features[np.abs(features).max(axis=1) > 0]
    if len(features) < 2:
        with pytest.raises(ValueError, match="at least two"):
            similarities(features)
        return
    to_previous, to_first = similarities(features)
    expected = [max(0.0, cosine(features[i - 1], features[i])) for i in range(1, len(features))]
    np.testing.assert_allclose(to_previous, expected, atol=1e-12)
    expected = [max(0.0, cosine(features[0], features[i])) for i in range(1, len(features))]
    np.testing.assert_allclose(to_first, expected, atol=1e-12)
    assert to_previous[0] == pytest.approx(to_first[0], abs=1e-15)
    assert min(to_previous.min(), to_first.min(), clip_value(to_previous, to_first)) >= 0
    assert max(to_previous.max(), to_first.max(), clip_value(to_previous, to_first)) <= 1


@given(rows, st.floats(2.0**-10, 2.0**10, width=32))
def test_the_length_of_features_does_not_count(features: Features, factor: float) -> None:
    features = features[np.abs(features).max(axis=1) > 2.0**-80]
    if len(features) > 1:
        np.testing.assert_allclose(similarities(features * np.float32(factor)), similarities(features), atol=1e-6)


@pytest.mark.parametrize(
    ("spoil", "what"), [(np.nan, "not finite"), (np.inf, "not finite"), (-np.inf, "not finite"), (0, "all zero")]
)
def test_features_that_say_nothing_are_a_reason_that_names_the_frame(spoil: float, what: str) -> None:
    features = np.ones((5, 4), np.float32)
    features[3] = spoil
    with pytest.raises(
        ValueError, match=rf"frame features .* got 1 of 5 that are {what}, first number 3 \(from 0\): check"
    ):
        similarities(features)


@both
def test_a_clip_that_cannot_be_measured_costs_no_other_clip(kind: str) -> None:
    class Blind(Tiny):
        """Sees nothing in pictures of one colour."""

        def forward(self, images: Tensor) -> Tensor:
            seen: Tensor = super().forward(images)
            return seen * (images.std(dim=(2, 3)).sum(dim=1, keepdim=True) > 1e-3)

        encode_image = forward

    black, one = make_clip(np.zeros((3, 24, 32, 3), np.uint8), "black"), moving(1, seed=1)
    good = moving(4, seed=2)
    measured = measure_clips(make(kind, Blind()), [black, one, good])
    assert [m.value is None for m in measured] == [True, True, False]
    assert "got 3 of 3 that are all zero, first number 0" in (measured[0].error or "")
    assert "one frame has no neighbour; at least two are needed" in (measured[1].error or "")


@both
def test_a_still_clip_scores_100(kind: str) -> None:
    still = make_clip(np.repeat(moving_frames(1, 24, 32, 0), 40, axis=0))
    metric = make(kind)
    (measured,) = measure_clips(metric, [still])
    assert measured.value == pytest.approx(1, abs=1e-6)
    assert metric.info.print(measured.value or 0) == "100.00"


@both
@pytest.mark.parametrize("frames", [3, 33])  # 32 go together
@pytest.mark.parametrize("size", [(24, 32), (45, 17), (7, 3), (1, 9)])
def test_clips_of_any_length_and_shape_have_a_value_and_a_series(kind: str, frames: int, size: tuple[int, int]) -> None:
    network = Tiny()
    (measured,) = measure_clips(make(kind, network), [moving(frames, *size)])
    (value,) = values([measured])
    assert measured.details.keys() == {"similarity_to_previous", "similarity_to_first"}
    previous, first = (measured.details[f"similarity_to_{name}"] for name in ("previous", "first"))
    assert len(previous) == len(first) == frames - 1
    assert previous[0] == pytest.approx(first[0], abs=1e-12)
    assert value == pytest.approx((np.mean(previous) + np.mean(first)) / 2)
    assert sum(network.batches) == frames
    assert max(network.batches) <= max(1, consistency.FRAMES_AT_ONCE * min(size) // max(size))


@both
def test_a_grey_clip_has_a_value(kind: str) -> None:
    grey = np.repeat(moving_frames(5, 24, 32, 0)[..., :1], 3, axis=-1)
    (value,) = values(measure_clips(make(kind), [make_clip(grey)]))
    assert 0 < value < 1


@both
def test_batch_order_and_chunks_change_no_value(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [moving(5, seed=0), moving(7, 32, 24, 1), moving(4, seed=2), moving(9, 20, 20, 3), moving(2, seed=4)]
    metric = make(kind)
    alone = values([measure_clips(metric, [one])[0] for one in clips])
    assert len(set(alone)) == 5
    assert values(metric.measure(clips)) == pytest.approx(alone, abs=1e-6)
    assert values(measure_clips(metric, clips[::-1])) == pytest.approx(alone[::-1], abs=1e-6)
    monkeypatch.setattr(consistency, "FRAMES_AT_ONCE", 1)
    assert values(measure_clips(metric, clips)) == pytest.approx(alone, abs=1e-6)


@both
def test_frames_of_several_clips_go_through_the_network_together(kind: str) -> None:
    network = Tiny()
    measure_clips(make(kind, network), [moving(10, 24, 24, seed) for seed in range(3)])
    assert network.batches == [30]


@both
def test_every_clip_twice_is_the_same_cell(kind: str) -> None:
    metric = make(kind)
    measured = measure_clips(metric, [moving(4, seed=seed) for seed in range(3)])
    once, twice = metric.aggregate(measured), metric.aggregate(measured * 2)
    assert once.value == pytest.approx(np.mean(values(measured)))
    assert twice.value == pytest.approx(once.value)


@both
def test_a_long_clip_weighs_no_more_than_a_short_one(kind: str) -> None:
    metric = make(kind)
    measured = measure_clips(metric, [moving(20, seed=0), moving(3, seed=1)])
    assert metric.aggregate(measured).value == pytest.approx(np.mean(values(measured)))


def tiny_dino() -> Callable[[Tensor], Tensor]:
    network = dino.load(weights.read("tiny_dino"), dino.Sizes(**weights.entry("tiny_dino").sizes))
    return lambda frames: network(dino.preprocess(frames))


def tiny_clip() -> Callable[[Tensor], Tensor]:
    network = clip_network.load(weights.read("tiny_clip"), clip_network.Sizes(**weights.entry("tiny_clip").sizes))
    return lambda frames: clip_network.image_features(network, clip_network.preprocess_vbench(frames, rounded=False))


@pytest.mark.parametrize(("kind", "make_look"), [("subject", tiny_dino), ("background", tiny_clip)])
def test_it_looks_through_its_own_network(kind: str, make_look: Callable[[], Callable[[Tensor], Tensor]]) -> None:
    metric = KINDS[kind]()
    metric.prepare(load_profile("tiny"))
    metric.load("cpu", "float32")
    clips = [moving(2, seed=0), moving(2, 40, 24, 1)]
    measured = measure_clips(metric, clips)
    look = make_look()
    for one, made in zip(measured, clips, strict=True):
        features = look(torch.from_numpy(made.video.frames.copy())).numpy()
        np.testing.assert_allclose(one.details["similarity_to_previous"], similarities(features)[0], atol=1e-6)
        assert one.value == pytest.approx(clip_value(*similarities(features)), abs=1e-6)
    metric.unload()


@both
def test_the_other_reading_is_a_metric_of_its_own(kind: str) -> None:
    plain = METRICS.create(f"{kind}_consistency")
    other = METRICS.create(f"{kind}_consistency:antialias")
    assert (plain.info.id, other.info.id) == (f"{kind}_consistency", f"{kind}_consistency_antialias")
    assert other.info.title != plain.info.title
    assert other.info.checkpoints == plain.info.checkpoints
    with pytest.raises(UserError, match="no variant 'antialiased': did you mean antialias"):
        METRICS.check_name(f"{kind}_consistency:antialiased")
    with pytest.raises(UserError, match="no variant 'antialiased': did you mean antialias"):
        KINDS[kind]("antialiased")


@both
def test_the_other_reading_sees_smooth_pictures(kind: str) -> None:
    """Noise of 448 pixels: averaged, frames are nearly alike; sampled, they are not."""
    frames = np.random.default_rng(0).integers(0, 256, (3, 448, 448, 3), dtype=np.uint8)

    class Pixels(Tiny):
        def forward(self, images: Tensor) -> Tensor:
            return images[:, :, 100:120, 100:120].flatten(1) + 5

        encode_image = forward

    plain, other = (
        values(measure_clips(make(kind, Pixels(), argument), [make_clip(frames)]))[0] for argument in ("", "antialias")
    )
    assert 1 - other < 0.7 * (1 - plain)


@both
def test_the_profile_names_the_checkpoint(kind: str) -> None:
    metric, paper = KINDS[kind](), load_profile("paper")
    before = metric.info.checkpoints
    metric.prepare(paper)
    assert metric.info.checkpoints == before == paper.checkpoints[metric.info.id]
    assert f"metric {metric.info.id}" in weights.entry(before[0]).used_by
