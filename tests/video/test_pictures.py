"""Pictures are read as they are meant, and brought to a size."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from i2vbench import video
from i2vbench.video import VideoError, read_image, resize_and_crop
from tests.video import files as videos
from tests.video.reading import bounded


def save(path: Path, image: PILImage.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def test_transparency_is_composited_over_white(tmp_path: Path) -> None:
    clear, half = (10, 20, 30, 0), (0, 0, 0, 128)
    image = PILImage.new("RGBA", (2, 1))
    image.putdata([clear, half])
    expected = [[[255, 255, 255], [127, 127, 127]]]
    assert read_image(save(tmp_path / "rgba.png", image)).tolist() == expected
    assert read_image(save(tmp_path / "la.png", image.convert("LA")))[0, 0].tolist() == [255, 255, 255]
    palette = PILImage.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putdata([0, 1])
    assert read_image(save(tmp_path / "p.png", palette, transparency=0)).tolist() == [[[255, 255, 255], [0, 0, 255]]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_its_exif_says(tmp_path: Path, orientation: int) -> None:
    upright = videos.moving_picture(1, 16, 24)[0]
    turns = {1: "", 2: "m", 3: "rr", 4: "mrr", 5: "mr", 6: "r", 7: "mrrr", 8: "rrr"}
    stored = upright
    for step in turns[orientation]:  # what a camera would store so that the tag makes it upright again
        stored = stored[:, ::-1] if step == "m" else np.rot90(stored)
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "photo.png", PILImage.fromarray(np.ascontiguousarray(stored)), exif=exif)
    assert np.array_equal(read_image(path), upright)


def test_modes_of_pictures(tmp_path: Path) -> None:
    grey = np.array([[0, 128, 255]], np.uint8)
    expected = np.repeat(grey[..., None], 3, axis=-1)
    assert np.array_equal(read_image(save(tmp_path / "l.png", PILImage.fromarray(grey))), expected)
    deep = PILImage.fromarray(grey.astype(np.uint16) * 257)
    for name in ("deep.png", "deep.tif"):
        assert np.array_equal(read_image(save(tmp_path / name, deep)), expected)
    ink = PILImage.new("CMYK", (4, 4), (0, 255, 255, 0))
    assert read_image(save(tmp_path / "ink.tif", ink))[0, 0].tolist() == [255, 0, 0]
    frames = [PILImage.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = save(tmp_path / "moving.gif", frames[0], save_all=True, append_images=frames[1:])
    assert read_image(path)[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(VideoError, match="32 bits"):
        read_image(save(tmp_path / "float.tif", PILImage.fromarray(np.zeros((2, 2), np.float32))))


def test_unreadable_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    png = video.encode_png(videos.moving_picture(1)[0])
    assert np.array_equal(np.array(PILImage.open(io.BytesIO(png))), videos.moving_picture(1)[0])
    cases = {"cut.png": png[:2000], "empty.png": b"", "page.jpg": b"<html>", "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n"}
    cases["damaged.png"] = png[:60] + bytes(20) + png[80:]
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(VideoError) as caught:
            read_image(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: is not a ")
        assert "\n" not in str(caught.value)
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(VideoError):
            read_image(path)
    monkeypatch.setattr(PILImage, "MAX_IMAGE_PIXELS", 1000)
    (tmp_path / "bomb.png").write_bytes(png)
    with pytest.raises(VideoError, match="more than 2000 pixels"):
        read_image(tmp_path / "bomb.png")


@settings(bounded, max_examples=60)
@given(data=st.binary(max_size=200), seed=st.integers(0, 99), where=st.floats(0, 1, exclude_max=True))
def test_a_damaged_picture_gives_no_other_error(tmp_path: Path, data: bytes, seed: int, where: float) -> None:
    suffix = ("png", "jpg", "webp", "gif", "tif", "bmp")[seed % 6]
    path = save(tmp_path / f"picture.{suffix}", PILImage.fromarray(videos.moving_picture(1, 16, 16)[0]))
    whole = bytearray(path.read_bytes())
    start = int(where * len(whole))
    whole[start : start + len(data)] = data
    path.write_bytes(whole)
    with contextlib.suppress(VideoError):
        assert read_image(path).shape[2] == 3


@pytest.mark.parametrize("interpolation", ["lanczos", "bicubic", "bilinear", "box"])
def test_resizing_is_pillows_and_the_crop_is_central(interpolation: str) -> None:
    frames = videos.moving_picture(2, 50, 90)
    fitted = resize_and_crop(frames, 25, 31, interpolation)
    for source, target in zip(frames, fitted, strict=True):
        scaled = PILImage.fromarray(source).resize((45, 25), PILImage.Resampling[interpolation.upper()])
        assert np.array_equal(target, np.asarray(scaled)[:, 7:38])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
@settings(bounded, max_examples=100)
def test_any_size_is_covered(height: int, width: int, new_height: int, new_width: int) -> None:
    frames = np.full((1, height, width, 3), 77, np.uint8)
    fitted = resize_and_crop(frames, new_height, new_width)
    assert fitted.shape == (1, new_height, new_width, 3)
    assert (fitted == 77).all()  # no border
    assert (fitted is frames) == ((height, width) == (new_height, new_width))


def test_resizing_refuses_what_it_does_not_know() -> None:
    frames = np.zeros((1, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="unknown interpolation 'nearest'; expected one of lanczos, bicubic"):
        resize_and_crop(frames, 2, 2, "nearest")
    with pytest.raises(ValueError, match="at least 1 x 1, got 0 x 2"):
        resize_and_crop(frames, 0, 2)
