"""Replicates are what `aggregate` makes of clips that are drawn again, metric by metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.metrics.base import Metric
from i2vbench.metrics.fid import FID, KID
from i2vbench.metrics.fvd import FVD
from i2vbench.metrics.resampled import Counts, frechet_replicates
from i2vbench.registry import METRICS
from i2vbench.types import Cell, Clip, Measurement, MetricInfo

Some = list[list[Measurement]]
FRAMES = 3


def drawn(samples: int, replicates: int = 12, seed: int = 0) -> Counts:
    """Resamples, and the samples as they are."""
    random = np.random.default_rng(seed)
    return np.array([[1] * samples, *random.multinomial(samples, [1 / samples] * samples, replicates)])


def explicit(metric: Metric, generated: Some, reference: Some | None, counts: Counts) -> list[float]:
    """`aggregate` of lists in which a clip stands as often as it is drawn."""
    found = []
    for times in counts:
        chosen = [i for i, count in enumerate(times) for _ in range(count)]
        real = None if reference is None else [m for i in chosen for m in reference[i]]
        value = metric.aggregate([m for i in chosen for m in generated[i]], real).value
        found.append(np.nan if value is None else value)
    return found


def numbers(samples: int, seeds: int, seed: int = 0) -> Some:
    random = np.random.default_rng(seed)
    return [
        [
            Measurement(
                f"s{i}", "m", value=successes / 16, details={"frames": int(frames), "successes": int(successes)}
            )
            for successes, frames in zip(random.integers(0, 17, seeds), random.choice([16, 8], seeds), strict=True)
        ][: 1 if i == 0 else seeds]  # of the first sample the other seeds failed
        for i in range(samples)
    ]


def features(samples: int, shape: Sequence[int], seed: int, seeds: int = 1, still: bool = False) -> Some:
    """Float32 far from 0, as networks give them; those of still clips are the same in each frame."""
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((shape[-1], shape[-1]))
    made = (random.standard_normal((samples, seeds, *shape)) @ mixing + 5).astype(np.float32)
    if still:
        made[:] = made[:, :, :1]
    return [[Measurement(f"s{i}", "m", features=rows) for rows in some] for i, some in enumerate(made)]


PER_CLIP = [
    name
    for name in (listed.removesuffix("[:VARIANT]") for listed in METRICS.listing())
    if not METRICS.create(name).info.features_of
    and name.partition(":")[0] not in ("fvd", "fid", "inception_score")  # these measure features
]


@pytest.mark.parametrize("name", PER_CLIP)
@pytest.mark.parametrize("seeds", [1, 3])
def test_every_metric_of_single_clips_agrees(name: str, seeds: int) -> None:
    metric, clips, counts = METRICS.create(name), numbers(9, seeds), drawn(9)
    found = np.array(list(metric.replicates(clips, None, counts)))
    np.testing.assert_allclose(found, explicit(metric, clips, None, counts), rtol=1e-12)
    assert np.ptp(found) > 0


@given(
    st.integers(3, 30), st.integers(1, 20), st.sampled_from([0, 1, FRAMES]), st.booleans(), st.booleans(),
    st.integers(0, 999),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_frechet_distance_agrees_in_every_shape(
    samples: int, d: int, frames: int, still: bool, two_seeds: bool, seed: int
) -> None:
    """Fewer rows than dimensions, more of them, as many; one frame, several, all alike; one and two seeds."""
    metric = FID() if frames else FVD()
    shape = (frames, d) if frames else (d,)
    ours = features(samples, shape, seed, 2 if two_seeds else 1, still and frames > 1)
    real = features(samples, shape, seed + 1)
    counts = drawn(samples, 4, seed)
    found = list(metric.replicates(ours, real, counts))
    expected = explicit(metric, ours, real, counts)
    size = 1 + np.var([m.features for some in [*ours, *real] for m in some]) * d
    np.testing.assert_allclose(found, expected, atol=1e-9 * size, rtol=1e-9)


def test_the_other_fvd_divides_by_n_in_resamples_too() -> None:
    ours, real, counts = features(30, (4,), 0), features(30, (4,), 1), drawn(30, 4)
    metric = FVD("stylegan-v")
    np.testing.assert_allclose(list(metric.replicates(ours, real, counts)), explicit(metric, ours, real, counts))


def test_one_clip_that_was_measured_is_enough_for_a_mean() -> None:
    clips = [[Measurement("a", "m", value=0.25)], []]
    found = METRICS.create("clipsim").replicates(clips, None, np.array([[1, 1], [0, 2]]))
    np.testing.assert_array_equal(found, [0.25, np.nan])


@pytest.mark.parametrize("samples", [12, 40])
def test_the_rows_of_many_samples_are_summed_in_lots(samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, real, counts = features(samples, (2, 5), 0), features(samples, (2, 5), 1), drawn(samples)
    whole = list(frechet_replicates(ours, real, counts, ddof=0))
    monkeypatch.setattr("i2vbench.metrics.resampled.ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(list(frechet_replicates(ours, real, counts, ddof=0)), whole, rtol=1e-11)


def test_a_resample_of_one_clip_has_no_distance() -> None:
    ours, real = features(3, (4,), 0), features(3, (4,), 1)
    found = list(FVD().replicates([[], *ours[1:]], real, np.array([[3, 0, 0], [2, 1, 0], [1, 1, 1]])))
    assert [bool(np.isnan(x)) for x in found] == [True, True, False]


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_inception_score_agrees(seeds: int) -> None:
    random = np.random.default_rng(0)
    rows = random.dirichlet(np.full(7, 0.3), (13, seeds)).astype(np.float32)
    rows[0] = np.eye(7)[0]  # 0 log 0
    clips = [[Measurement(f"s{i}", "m", features=p) for p in some] for i, some in enumerate(rows)]
    metric, counts = METRICS.create("inception_score"), drawn(13)
    found = list(metric.replicates(clips, None, counts))
    np.testing.assert_allclose(found, explicit(metric, clips, None, counts), rtol=1e-12)
    assert np.isnan(list(metric.replicates(clips[:9], None, drawn(9, 1)))).all() == (seeds == 1)
    assert np.isfinite(list(metric.replicates(clips[:10], None, drawn(10, 1)))).all()


def brute_force_kid(ours: Some, real: Some, times: Sequence[int]) -> float:
    """Over lists of copies: no pair of a clip with a copy of its own sample, but with its other seeds in one copy."""

    def copies(some: Some) -> list[tuple[int, int, Any]]:
        return [(i, copy, m) for i, count in enumerate(times) for copy in range(count) for m in some[i]]

    def kernel(x: Any, y: Any) -> float:
        a, b = (np.atleast_2d(m[2].features).astype(float) for m in (x, y))
        return float(np.mean([(p @ q / len(p) + 1) ** 3 for p, q in zip(a, b, strict=True)]))

    def within(some: list[Any]) -> float:
        pairs = [
            kernel(x, y)
            for p, x in enumerate(some)
            for q, y in enumerate(some)
            if p != q and (x[0] != y[0] or x[1] == y[1])
        ]
        return float(np.mean(pairs))

    a, b = copies(ours), copies(real)
    return (
        within(a) + within(b) - 2 * float(np.mean([kernel(x, y) for x in a for y in b if x[0] != y[0] or x[1] == y[1]]))
    )


@pytest.mark.parametrize("seeds", [1, 2])
def test_kid_pairs_no_clip_with_its_copy(seeds: int) -> None:
    ours, real, counts = features(6, (2, 4), 0, seeds), features(6, (2, 4), 1), drawn(6, 5)
    found = KID().replicates(ours, real, counts)
    np.testing.assert_allclose(found, [brute_force_kid(ours, real, times) for times in counts], rtol=1e-9)
    value = KID().aggregate([m for some in ours for m in some], [m for some in real for m in some]).value
    assert found[0] == pytest.approx(value, rel=1e-9)


def test_kid_of_many_clips_is_taken_in_the_groups_of_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("fid", "distances"):
        monkeypatch.setattr(f"i2vbench.metrics.{module}.GROUP_CLIPS", 5)
    ours, real = features(13, (2, 4), 0), features(13, (2, 4), 1)
    value = KID().aggregate([m for some in ours for m in some], [m for some in real for m in some]).value
    assert next(iter(KID().replicates(ours, real, drawn(13, 1)))) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("alike", [True, False])
def test_copies_do_not_move_kid(alike: bool) -> None:
    """Where clips look like their real ones, as image-to-video clips do, and where they do not."""
    ours, real, counts = features(60, (1, 4), 0), features(60, (1, 4), 0 if alike else 1), drawn(60, 2000)
    found = KID().replicates(ours, real, counts)
    assert abs(np.mean(found[1:]) - found[0]) < 4 * np.std(found) / 2000**0.5


class Median(Metric):
    info = MetricInfo(id="median", title="Median", direction="higher")

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        raise NotImplementedError

    def aggregate(self, generated: Any, reference: Any = None) -> Cell:
        values = [m.value for m in generated]
        return Cell(float(np.median(values)), len(values)) if len(values) > 3 else Cell(None, 0)


def test_a_metric_of_somebody_else_is_resampled_by_its_aggregate() -> None:
    clips = numbers(7, 2)
    counts = np.vstack([drawn(7), [[1, 0, 0, 0, 0, 0, 0]]])
    found = list(Median().replicates(clips, None, counts))
    np.testing.assert_array_equal(found, explicit(Median(), clips, None, counts))
    assert np.isnan(found[-1])
