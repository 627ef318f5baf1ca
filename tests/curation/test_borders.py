"""Bars are found to the line, and dark or plain scenes are not taken for them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from i2vbench.curation.borders import Borders, inside, letterbox
from i2vbench.types import Frames
from tests.curation.pictures import NAMES, compressed, real

NONE = Borders(0, 0, 0, 0)


def barred(frames: Frames, top: int, bottom: int, left: int, right: int, colour: tuple[int, int, int]) -> Frames:
    shape = (len(frames), frames.shape[1] + top + bottom, frames.shape[2] + left + right, 3)
    whole = np.full(shape, colour, np.uint8)
    whole[:, top : top + frames.shape[1], left : left + frames.shape[2]] = frames
    return whole


def lines(frames: Frames) -> list[float]:
    found, (height, width) = letterbox(frames), frames.shape[1:3]
    return [found.top * height, found.bottom * height, found.left * width, found.right * width]


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    rows=st.integers(8, 80),
    columns=st.integers(8, 110),
    which=st.sampled_from(["rows", "columns", "both"]),
    colour=st.sampled_from([(0, 0, 0), (255, 255, 255), (90, 90, 90), (10, 60, 200)]),
)
def test_bars_of_any_size_and_colour_are_found(
    name: str, rows: int, columns: int, which: str, colour: tuple[int, int, int]
) -> None:
    down, across = rows * (which != "columns"), columns * (which != "rows")
    whole = barred(real(name), down, down, across, across, colour)
    assert lines(whole) == pytest.approx([down, down, across, across], abs=3)


@pytest.mark.parametrize("crf", [20, 30])
@pytest.mark.parametrize("light", [1.0, 0.3])
@pytest.mark.parametrize("bars", [(34, 34, 0, 0), (0, 0, 60, 60), (30, 30, 40, 40), (40, 0, 0, 0)])
def test_bars_are_found_after_compression_and_around_dark_scenes(
    tmp_path: Path, crf: int, light: float, bars: tuple[int, int, int, int]
) -> None:
    for name in NAMES:
        whole = barred((real(name) * light).astype(np.uint8), *bars, (0, 0, 0))
        found = lines(compressed(whole, tmp_path, crf))
        assert found == pytest.approx(bars, abs=7 if crf == 30 else 4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("light", [1.0, 0.3])
def test_a_picture_without_bars_has_none(name: str, light: float) -> None:
    assert letterbox((real(name) * light).astype(np.uint8)) == NONE


def test_a_black_sky_over_an_uneven_skyline_is_no_bar() -> None:
    frames = np.zeros((3, 200, 300, 3), np.uint8)
    for x in range(300):
        frames[:, 60 + (x * 7) % 50 :, x] = 150
    assert letterbox(frames) == NONE


def in_blurred(frames: Frames, columns: int) -> Frames:
    """The middle of the picture before a blurred enlargement of itself that fills the columns on both sides."""
    seen = []
    for frame in frames:
        height, width = frame.shape[:2]
        middle = Image.fromarray(frame[:, columns : width - columns])
        tall = height * width // middle.width
        fill = middle.resize((width, tall)).filter(ImageFilter.GaussianBlur(height / 30))
        whole = np.asarray(fill)[(tall - height) // 2 :][:height].copy()
        whole[:, columns : width - columns] = middle
        seen.append(whole)
    return np.stack(seen)


@pytest.mark.parametrize("columns", [40, 80, 110])
@pytest.mark.parametrize("name", NAMES)
def test_a_blurred_fill_is_found(name: str, columns: int) -> None:
    whole = in_blurred(real(name), columns)
    assert lines(whole) == pytest.approx([0, 0, columns, columns], abs=3)
    assert lines(whole.transpose(0, 2, 1, 3)) == pytest.approx([columns, columns, 0, 0], abs=3)


def test_a_blurred_fill_is_found_after_compression(tmp_path: Path) -> None:
    for name in ("ocv_box", "ocv_tree"):
        assert lines(compressed(in_blurred(real(name), 80), tmp_path, 23)) == pytest.approx([0, 0, 80, 80], abs=3)


def test_a_bar_must_be_there_in_every_frame() -> None:
    frames = np.concatenate([barred(real("ocv_box")[:2, 40:-40], 40, 40, 0, 0, (0, 0, 0)), real("ocv_box")[2:]])
    assert letterbox(frames) == NONE


@pytest.mark.parametrize("colour", [(0, 0, 0), (200, 30, 30)])
def test_frames_of_one_colour_have_no_bars(colour: tuple[int, int, int]) -> None:
    assert letterbox(np.full((3, 90, 120, 3), colour, np.uint8)) == NONE


@pytest.mark.parametrize(("height", "width"), [(64, 30), (9, 64), (20, 20), (2, 50), (1, 1)])
def test_pictures_too_small_for_a_blurred_fill_have_none(height: int, width: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
    assert letterbox(noise) == NONE


def test_the_inside_is_the_picture() -> None:
    picture = real("ocv_cup")
    whole = barred(picture, 40, 40, 0, 0, (0, 0, 0))
    assert np.array_equal(inside(whole, letterbox(whole)), picture)
    assert letterbox(whole).picture == pytest.approx(256 / 336)
