"""Enlarged pictures are told from native ones, whatever enlarged them and however they were compressed."""

from pathlib import Path

import numpy as np
import pytest

from i2vbench.curation.borders import inside, letterbox
from i2vbench.curation.detail import true_height
from i2vbench.curation.frames import spread_frames
from tests.curation.pictures import NAMES, REAL_CLIPS, compressed, real, resized


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("crf", [None, 20, 28])
def test_a_native_picture_is_not_called_enlarged(tmp_path: Path, name: str, crf: int | None) -> None:
    frames = real(name)
    assert true_height(frames if crf is None else compressed(frames, tmp_path, crf)) == 256


@pytest.mark.parametrize("how", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("crf", [None, 23])
def test_an_enlarged_picture_has_about_the_height_that_it_had(
    tmp_path: Path, how: str, factor: int, crf: int | None
) -> None:
    for name in NAMES:
        large = resized(real(name), factor, how)
        seen = large if crf is None else compressed(large, tmp_path, crf)
        assert 0.7 * 256 <= true_height(seen) <= 1.35 * 256


def test_enlarging_more_does_not_make_more() -> None:
    for name in NAMES:
        shares = [true_height(resized(real(name), factor, "bicubic")) / (256 * factor) for factor in (1, 1.5, 2, 3, 4)]
        assert shares == sorted(shares, reverse=True)


def test_a_soft_picture_counts_as_a_small_one() -> None:
    soft = resized(resized(real("ocv_box"), 0.5, "lanczos"), 2, "bicubic")
    assert true_height(soft) < 0.75 * 256


def test_a_small_sharp_mark_does_not_hide_an_enlargement() -> None:
    large = resized(real("ocv_box"), 3, "bicubic").copy()
    large[:, 700:740, 800:960:4] = 255
    assert true_height(large) < 1.35 * 256


def test_noise_hides_an_enlargement() -> None:  # said in the module's docstring
    large = resized(real("ocv_box"), 2, "bicubic")
    noise = np.random.default_rng(0).normal(0, 12, large.shape)
    assert true_height(np.clip(large + noise, 0, 255).astype(np.uint8)) == 512


def test_bars_are_cut_away_first() -> None:
    barred = np.pad(resized(real("ocv_box"), 2, "bicubic"), ((0, 0), (90, 90), (0, 0), (0, 0)))
    assert true_height(inside(barred, letterbox(barred))) < 0.75 * 512


@pytest.mark.parametrize("shape", [(1, 40, 300, 3), (2, 300, 40, 3), (1, 64, 64, 3), (3, 200, 200, 3)])
def test_what_has_no_detail_counts_as_what_it_is(shape: tuple[int, ...]) -> None:
    assert true_height(np.full(shape, 90, np.uint8)) == shape[1]


@pytest.mark.skipif(not REAL_CLIPS, reason="I2VBENCH_REAL_CLIPS names no folder of MP4 files")
def test_of_many_real_clips_the_enlarged_one_is_told() -> None:
    shares = {path.stem: true_height(spread_frames(path, 3)) / 256 for path in Path(REAL_CLIPS or "").glob("*.mp4")}
    enlarged = shares.pop("chimps_water")  # of 180 lines, 0.70
    assert 0.6 < enlarged < 0.85
    assert min(shares.values()) > 0.95


@pytest.mark.skipif(not REAL_CLIPS, reason="I2VBENCH_REAL_CLIPS names no folder of MP4 files")
def test_no_real_clip_has_bars() -> None:
    found = {path.stem: letterbox(spread_frames(path, 3)).picture for path in Path(REAL_CLIPS or "").glob("*.mp4")}
    assert set(found.values()) == {1}
