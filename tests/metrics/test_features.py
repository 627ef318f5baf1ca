"""The metrics that look through networks: what they measure, and the cells they make of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from i2vbench import weights
from i2vbench.errors import UserError
from i2vbench.measure import measure_clips
from i2vbench.metrics.clipsim import CLIPSIM
from i2vbench.metrics.fid import FID, KID, FIDInfinity
from i2vbench.metrics.frechet import frechet_distance, frechet_extrapolated
from i2vbench.metrics.fvd import FVD, FVDInfinity
from i2vbench.metrics.inception_score import InceptionScore, inception_score
from i2vbench.metrics.kernel import kernel_distance
from i2vbench.metrics.networks import c3d, clip, i3d, inception
from i2vbench.profiles import load_profile
from i2vbench.registry import METRICS
from i2vbench.types import Measurement, Video
from tests.metrics.looking import lay_out, make_clip, recipe_state


def features(rows: np.ndarray, metric: str = "fvd") -> list[Measurement]:  # type: ignore[type-arg]
    return [Measurement(f"s{i}", metric, features=row) for i, row in enumerate(rows)]


def drawn(n: int, d: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).normal(shift, 1, (n, d)).astype(np.float32)


def test_fvd_is_tats_features_and_a_covariance_over_n_minus_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = recipe_state("i3d")
    lay_out(tmp_path, monkeypatch, {"i3d_tats": state})
    metric = FVD()
    metric.load("cpu", "float32")
    clips = [make_clip(seed) for seed in range(2)]
    measured = measure_clips(metric, clips)
    videos = torch.from_numpy(np.stack([c.video.frames for c in clips]))
    expected = i3d.load(state)(i3d.preprocess(videos)).numpy()
    np.testing.assert_allclose([m.features for m in measured], expected, atol=1e-6)
    cell = metric.aggregate(measured, measured[::-1])
    assert cell.value == pytest.approx(0, abs=1e-6)
    assert cell.n == 2
    (short,) = measure_clips(metric, [make_clip(0, num_frames=8)])
    assert "9" in str(short.error)
    metric.unload()


def test_fid_sees_every_frame_of_every_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    state = recipe_state("inception_fid")
    monkeypatch.setattr(weights, "read", lambda name: {"inception_2015_12_05": state}[name])
    monkeypatch.setattr("i2vbench.metrics.fid.FRAMES_AT_ONCE", 3)
    metric = FID()
    metric.load("cpu", "float32")
    clips = [make_clip(seed, num_frames=2) for seed in range(2)]
    measured = measure_clips(metric, clips)
    frames = torch.from_numpy(np.concatenate([c.video.frames for c in clips]))
    expected = inception.load(state)(inception.preprocess(frames)).features.numpy().reshape(2, 2, 2048)
    np.testing.assert_allclose([m.features for m in measured], expected, atol=1e-5)


def test_equal_frames_of_any_clips_have_a_row_each() -> None:
    """Each different frame of a clip is looked at once; the features are the levels of the frames."""

    def means(images: torch.Tensor) -> inception.Features:
        return inception.Features(*[images.mean(dim=(2, 3))] * 5)

    metric, levels = FID(), ([5, 9, 5, 5], [9, 1, 1, 9])
    metric._network = means
    clips = []
    for some in levels:
        frames = np.broadcast_to(np.array(some, np.uint8)[:, None, None, None], (4, 32, 32, 3))
        clips.append(dataclasses.replace(make_clip(0), video=Video(frames.copy(), 8.0)))
    measured = measure_clips(metric, clips)
    np.testing.assert_allclose([np.array(m.features)[:, 0] * 128 + 128 for m in measured], levels, atol=1e-3)


def test_distances_divide_as_each_metric_says() -> None:
    real, ours = drawn(500, 20, 0), drawn(450, 20, 1, 0.3)
    assert FVD().aggregate(features(ours), features(real)).value == frechet_distance(real, ours, ddof=1)
    assert FID().aggregate(features(ours), features(real)).value == frechet_distance(real, ours, ddof=0)
    assert FVD("stylegan-v").aggregate(features(ours), features(real)).value == frechet_distance(real, ours, ddof=0)
    frames = FID().aggregate(features(ours.reshape(150, 3, 20)), features(real.reshape(250, 2, 20)))
    assert frames.value == pytest.approx(frechet_distance(real, ours, ddof=0), rel=1e-12)
    assert frames.n == 150, "clips, not frames"
    assert KID().aggregate(features(ours), features(real)).value == kernel_distance(real, ours)
    wide, many = drawn(400, 10), drawn(900, 10, 1, 0.3)
    for metric, ddof in ((FVDInfinity(), 1), (FIDInfinity(), 0)):
        expected = frechet_extrapolated(many, wide, ddof=ddof).value
        assert metric.aggregate(features(wide), features(many)).value == expected


def alike(clips: int, seed: int) -> np.ndarray:  # type: ignore[type-arg]
    """Features [n, 8, 30] of clips whose frames are nearly the same."""
    rng = np.random.default_rng(seed)
    frames: np.ndarray = rng.normal(size=(clips, 1, 30)) + 0.05 * rng.normal(size=(clips, 8, 30))  # type: ignore[type-arg]
    return frames.astype(np.float32)


def test_kid_is_unbiased_where_the_frames_of_a_clip_are_alike() -> None:
    cells = [KID().aggregate(features(alike(12, s)), features(alike(12, 1000 + s))).value for s in range(40)]
    values = np.array(cells, dtype=float)
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(40)
    naive = [kernel_distance(alike(12, s).reshape(-1, 30), alike(12, 1000 + s).reshape(-1, 30)) for s in range(40)]
    assert np.mean(naive) > 3 * np.std(naive) / np.sqrt(40), "pairs of frames of one clip would show"
    shifted = KID().aggregate(features(alike(12, 1) + 1), features(alike(12, 2)))
    assert shifted.value is not None
    assert shifted.value > 10 * values.std()
    assert shifted.n == 12


def test_kid_of_many_clips_is_the_mean_of_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2vbench.metrics.distances.GROUP_CLIPS", 10)
    ours, real = drawn(20, 6), drawn(8, 6, 1, 0.5)
    halves = [kernel_distance(real[group::2], ours[group::2]) for group in (0, 1)]
    assert KID().aggregate(features(ours), features(real)).value == pytest.approx(np.mean(halves), rel=1e-12)
    whole = kernel_distance(real[:3], ours)  # of three, two groups would have a single clip
    assert KID().aggregate(features(ours), features(real[:3])).value == pytest.approx(whole, rel=1e-12)


def test_few_clips_carry_a_warning_and_one_has_no_distance() -> None:
    cell = FVD().aggregate(features(drawn(5, 400)), features(drawn(6, 400, 1)))
    assert cell.value is not None
    assert "of 5 generated and 6 real features, fewer than their 400 dimensions" in cell.note
    assert FVD().aggregate(features(drawn(500, 400)), features(drawn(400, 400, 1))).note == ""
    assert "mostly bias" in FVD().aggregate(features(drawn(9, 20)), features(drawn(30, 20, 1))).note
    assert "mostly bias" in FVD().aggregate(features(drawn(30, 20)), features(drawn(9, 20, 1))).note
    enough, lacking = (FVDInfinity().aggregate(features(drawn(40, 10)), features(drawn(n, 10, 1))) for n in (10, 9))
    assert ("fewer than" in enough.note, "of 9 real features, fewer than their 10" in lacking.note) == (False, True)
    one = FVD().aggregate(features(drawn(1, 400)), features(drawn(6, 400, 1)))
    assert (one.value, one.n) == (None, 1)
    assert "at least two clips" in one.note
    for metric in (FVD(), FID(), FVDInfinity(), FIDInfinity(), KID()):
        lonely = metric.aggregate(features(drawn(9, 2)), features(drawn(1, 2)))
        assert (lonely.value, lonely.n) == (None, 9)
        assert "at least two clips on each side" in lonely.note
    alone = FVD().aggregate(features(drawn(5, 400)), [])
    assert alone.value is None
    assert "no real clip" in alone.note
    assert KID().aggregate(features(drawn(5, 400)), None).value is None


def test_extrapolation_needs_four_clips_a_dimension() -> None:
    few = FVDInfinity().aggregate(features(drawn(70, 20)), features(drawn(500, 20, 1)))
    assert few.value is None
    assert "70 features, 80 are needed" in few.note
    assert FVDInfinity().aggregate(features(drawn(80, 20)), features(drawn(500, 20, 1))).value is not None
    real = drawn(4000, 10, 1)
    for metric in (FVDInfinity(), FIDInfinity()):
        cell = metric.aggregate(features(drawn(400, 10)), features(real))
        plain = FVD().aggregate(features(drawn(400, 10)), features(real)).value
        assert cell.value is not None
        assert plain is not None
        assert abs(cell.value) < plain, "equal distributions: what is left of the distance is its bias"
        assert "below 0" in cell.note, "here by 0.005"


def test_identical_clips_have_a_distance() -> None:
    still = np.repeat(drawn(1, 30), 40, axis=0)
    cell = FVD().aggregate(features(still), features(still + 1))
    assert cell.value == pytest.approx(30, rel=1e-4)


def test_the_inception_score_is_of_c3ds_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool3d(5), torch.nn.Flatten(), torch.nn.Linear(375, 101))
    seen: list[torch.Tensor] = []

    def forward(videos: torch.Tensor) -> torch.Tensor:
        seen.append(videos)
        with torch.no_grad():
            probabilities: torch.Tensor = network(videos).softmax(dim=1)
        return probabilities

    metric, mean = InceptionScore(), torch.full((3, 16, 112, 112), 7.0)
    metric._network, metric._mean = forward, mean
    clips = [make_clip(seed, num_frames=16) for seed in range(12)]
    measured = measure_clips(metric, clips)
    videos = torch.from_numpy(np.stack([c.video.frames for c in clips]))
    torch.testing.assert_close(torch.cat(seen), c3d.preprocess(videos, mean))
    cell = metric.aggregate(measured)
    expected = inception_score(np.stack([m.features for m in measured if m.features is not None]))
    assert (cell.value, cell.spread, cell.n) == (*expected, 12)
    assert "biased low" in cell.note
    assert "biased low" in metric.aggregate(measured * 84).note, "1,008 clips of 10 splits of 101 classes"
    assert metric.aggregate(measured * 85).note == ""
    few, enough = metric.aggregate(measured[:9]), metric.aggregate(measured[:10])
    assert (few.value, few.n) == (None, 9)
    assert enough.value == pytest.approx(1), "one row in each of ten splits is its own mean"
    (short,) = measure_clips(metric, [make_clip(0, num_frames=9)])
    assert "16" in str(short.error)


def test_clipsim_is_the_mean_cosine_of_the_frames() -> None:
    metric = CLIPSIM()
    metric.prepare(load_profile("tiny"))
    metric.load("cpu", "float32")
    clips = [make_clip(0, num_frames=2), make_clip(1, num_frames=2, prompt="grapes on a table")]
    measured = measure_clips(metric, clips)
    sizes = clip.Sizes(**weights.entry("tiny_clip").sizes)
    network = clip.load(weights.read("tiny_clip"), sizes)
    for one, made in zip(measured, clips, strict=True):
        images = clip.image_features(network, clip.preprocess(torch.from_numpy(made.video.frames.copy())))
        texts = clip.text_features(network, clip.tokenize([made.sample.prompt], vocabulary=sizes.vocabulary))
        cosines = torch.nn.functional.cosine_similarity(images.double(), texts.double())
        np.testing.assert_allclose(one.details["cosine_per_frame"], cosines, atol=1e-6)
        assert one.value == pytest.approx(float(cosines.mean()), abs=1e-6)
    with pytest.warns(UserWarning, match="more than 75 tokens"):
        assert clip.tokenize(["dog " * 100])[0, -1] == 49407, "the end token is kept"


@pytest.mark.parametrize("size", [(256, 256), (40, 56), (110, 110), (223, 500), (1080, 1920)])
def test_clip_is_shown_what_pillow_makes_of_a_frame(size: tuple[int, int]) -> None:
    """Shorter side to 224, bicubic, antialiased, 8 bit, centre crop; on a smooth picture to one grey level."""
    y, x = np.mgrid[: size[0], : size[1]]
    waves = [np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)]
    frame = np.stack([(127.5 + 120 * wave).astype(np.uint8) for wave in waves], axis=-1)
    scale = 224 / min(size)
    height, width = (224 if side == min(size) else int(side * scale + 1e-9) for side in size)
    resized = PIL.Image.fromarray(frame).resize((width, height), PIL.Image.Resampling.BICUBIC)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    expected = np.asarray(resized.crop((left, top, left + 224, top + 224)), dtype=float)
    seen = clip.preprocess(torch.from_numpy(frame)[None])[0].permute(1, 2, 0).numpy()
    levels = 255 * (seen * np.array(clip.STD) + np.array(clip.MEAN))
    np.testing.assert_allclose(levels, levels.round(), atol=1e-3, err_msg="8 bit")
    np.testing.assert_allclose(levels, expected, atol=1.01)


def test_a_profile_names_as_many_checkpoints_as_there_are() -> None:
    profile = dataclasses.replace(load_profile("paper"), checkpoints={"fvd": ()})
    with pytest.raises(UserError, match="checkpoints of fvd: expected 1, as i3d_tats, got none"):
        FVD().prepare(profile)


def test_the_profile_names_the_checkpoints() -> None:
    paper = load_profile("paper")
    for name in ("fvd", "fid", "inception_score", "clipsim"):
        metric = METRICS.create(name)
        before = metric.info.checkpoints
        metric.prepare(paper)
        assert metric.info.checkpoints == before == paper.checkpoints[name]
        assert all(weights.entry(checkpoint) for checkpoint in before)


def test_the_other_fvd_is_a_metric_of_its_own() -> None:
    other = METRICS.create("fvd:stylegan-v")
    assert (other.info.id, other.info.checkpoints) == ("fvd_stylegan_v", ("i3d_torchscript",))
    assert other.info.title != FVD().info.title
    with pytest.raises(UserError, match="no variant 'styleganv': did you mean stylegan-v"):
        METRICS.check_name("fvd:styleganv")


def test_stylegan_vs_script_is_called_for_its_features(monkeypatch: pytest.MonkeyPatch) -> None:
    class Script(torch.nn.Module):
        def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
            assert (rescale, resize, return_features) == (True, True, True)
            assert x.shape[1:] == (3, 9, 24, 32)
            return x.mean(dim=(2, 3, 4)).repeat(1, 134)[:, :400]

    monkeypatch.setattr(weights, "load_script", lambda name: {"i3d_torchscript": Script()}[name])
    metric = FVD("stylegan-v")
    metric.load("cpu", "float32")
    made = make_clip(0)
    made = dataclasses.replace(made, video=dataclasses.replace(made.video, frames=made.video.frames[:, :24]))
    (measured,) = measure_clips(metric, [made])
    assert measured.features is not None
    np.testing.assert_allclose(measured.features[:3], made.video.frames.mean(axis=(0, 1, 2)), rtol=1e-5)
