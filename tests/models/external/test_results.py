"""Reading what a repository made: the one new video, of any of the kinds that they write."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from i2vbench.models.external.failed import Failed
from i2vbench.models.external.results import find_video, look, read
from i2vbench.types import Video
from i2vbench.video import read_pictures, write_gif, write_video
from tests.conftest import moving_frames
from tests.models.external.conftest import request
from tests.models.external.repositories import STANDINS

FRAMES = moving_frames(4, 32, 48)


def saved(path: Path) -> Path:
    """The frames as the stand-ins write them."""
    sys.path[:0] = [str(STANDINS / "plain"), str(STANDINS / "fakes")]
    try:
        import faults  # type: ignore[import-not-found]
    finally:
        del sys.path[:2]
    faults.save(str(path), FRAMES, 8)
    return path


@pytest.mark.parametrize(
    ("name", "difference"), [("v.mp4", 60), ("v.mkv", 0), (".mp4", 60), ("V.NPY.npy", 0), ("v.gif", 60), ("folder", 0)]
)
def test_kinds(name: str, difference: int, tmp_path: Path) -> None:
    if name == "v.mkv":
        write_video(tmp_path / name, Video(FRAMES, 8.0))
    else:
        saved(tmp_path / name)
    video = read(tmp_path / name, request())
    assert video.frames.shape == FRAMES.shape
    assert video.fps == 8.0
    assert np.abs(video.frames.astype(int) - FRAMES).mean() <= difference


def test_pictures_of_a_folder_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for i in range(12):
        Image.fromarray(np.full((8, 8, 3), 20 * i, np.uint8)).save(tmp_path / f"frame_{i}.png")
    (tmp_path / "settings.json").write_text("{}")
    assert read(tmp_path, request()).frames[:, 0, 0, 0].tolist() == list(range(0, 240, 20))


def test_every_picture_of_a_gif(tmp_path: Path) -> None:
    write_gif(tmp_path / "x.gif", Video(FRAMES, 8.0))
    assert len(read_pictures(tmp_path / "x.gif")) == 4


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.mp4", b"no video", "made a video that cannot be read: x.mp4"),
        ("x.txt", b"no video", "made x.txt; expected a video"),
        ("x.gif", b"GIF89a", "made a video that cannot be read: x.gif is not a readable picture|is not a picture"),
        ("x.npy", b"\x93NUMPY", "made a video that cannot be read: x.npy"),
    ],
)
def test_what_is_no_video(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Failed, match=words):
        read(tmp_path / name, request())


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 8, 8, 3)), "expected uint8"),
        (np.zeros((8, 8, 3), np.uint8), r"expected \[T, H, W, 3\]"),
        (np.array([print], object), "Python objects in dtype"),
    ],
)
def test_arrays_that_are_no_video(array: Any, words: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(Failed, match=words):
        read(tmp_path / "x.npy", request())


def test_an_array_that_claims_more_than_there_is_is_given_no_memory(tmp_path: Path) -> None:
    with open(tmp_path / "x.npy", "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**12, 256, 256, 3)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(Failed, match=r"made a video that cannot be read: x\.npy"):
        read(tmp_path / "x.npy", request())


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="is a folder without pictures"):
        read(tmp_path, request())


def test_the_one_that_is_new(tmp_path: Path) -> None:
    odd = tmp_path / "[run] *1"  # brackets in a path stand for themselves
    odd.mkdir()
    pattern = f"{tmp_path}/[run] *1/*.mp4"
    (odd / "old.mp4").write_text("1")
    before = look(pattern)
    assert list(before) == [str(odd / "old.mp4")]
    with pytest.raises(Failed, match=r"made no video that is newer than the request at \[run\] \*1/\*.mp4"):
        find_video(pattern, before)
    (odd / "new.mp4").write_text("1")
    assert find_video(pattern, before) == odd / "new.mp4"
    (odd / "new.mp4").unlink()
    (odd / "old.mp4").write_text("2")
    os.utime(odd / "old.mp4", ns=(5, 5))
    assert find_video(pattern, before) == odd / "old.mp4"  # written over
