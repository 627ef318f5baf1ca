"""What is written comes back."""

import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench import video
from i2vbench.types import Video
from i2vbench.video import probe, read_video, write_preview, write_video
from i2vbench.video.write import encode
from tests.video import files as videos
from tests.video.reading import bounded, need


@st.composite
def clips(draw: st.DrawFn) -> Video:
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 70)), draw(st.integers(1, 70)), 3)
    noise = np.random.default_rng(draw(st.integers(0, 99)))
    levels = draw(st.sampled_from([[0, 255], [0], [255], [0, 1, 254, 255], list(range(256))]))
    fps = draw(st.sampled_from([7.5, 8.0, 10.0, 23.976, 24000 / 1001, 25.0, 29.97, 30000 / 1001, 60.0, 1.0]))
    return Video(noise.choice(np.array(levels, np.uint8), shape), fps)


@settings(bounded, max_examples=60)
@given(clip=clips())
def test_a_stored_clip_comes_back_to_the_byte(tmp_path: Path, clip: Video) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, clip)
    again = read_video(path)
    assert np.array_equal(again.frames, clip.frames)
    assert again.fps == clip.fps


@pytest.mark.parametrize("reader", ["ffmpeg", "decord"])
def test_other_readers_read_a_stored_clip_exactly(tmp_path: Path, reader: str) -> None:
    need(reader)
    clip, path = Video(videos.moving_picture(5, 33, 47), 7.5), tmp_path / "clip.mp4"
    write_video(path, clip)
    frames = videos.truth(path, 33, 47) if reader == "ffmpeg" else read_video(path, reader=reader).frames
    assert np.array_equal(frames, clip.frames)


@settings(bounded, max_examples=25)
@given(clip=clips())
def test_equal_clips_give_equal_files(clip: Video) -> None:
    assert video.encode_preview(clip) == video.encode_preview(clip)
    lossless = ("libx264rgb", "rgb24", {"qp": "0", "preset": "ultrafast"})
    assert encode(clip, *lossless) == encode(clip, *lossless)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (33, 47), (64, 96)])
@pytest.mark.parametrize("num_frames", [1, 24])
def test_a_preview_plays_anywhere(tmp_path: Path, size: tuple[int, int], num_frames: int) -> None:
    clip, path = Video(videos.moving_picture(num_frames, *size), 7.5), tmp_path / "preview.mp4"
    write_preview(path, clip)
    assert path.read_bytes() == video.encode_preview(clip)
    assert path.read_bytes().index(b"moov") < path.read_bytes().index(b"mdat")
    info = probe(path)
    assert (info.codec, info.pixel_format, info.fps, info.num_frames) == ("h264", "yuv420p", 7.5, num_frames)
    assert (info.height, info.width) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    frames = read_video(path).frames
    assert np.array_equal(frames, videos.truth(path, info.height, info.width))


def test_a_preview_has_the_colours_of_the_clip(tmp_path: Path) -> None:
    colours = np.array([[200, 30, 40], [20, 180, 60], [30, 60, 220], [128, 128, 128], [255, 255, 255]], np.uint8)
    frames = np.tile(np.repeat(colours, 16, axis=0), (2, 64, 1, 1))  # [2, 64, 80, 3]
    write_preview(tmp_path / "preview.mp4", Video(frames, 8))
    centres = read_video(tmp_path / "preview.mp4").frames[0, 32, 8::16]
    assert np.abs(centres.astype(int) - colours).max() <= 6
    with av.open(str(tmp_path / "preview.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_range) == (1, 1)  # BT.709, limited


@pytest.mark.parametrize("write", [write_video, write_preview])
def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, Video], None]
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"before")

    def full(descriptor: int) -> None:
        assert [name.suffix for name in tmp_path.iterdir() if name != path] == [".partial"]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, Video(videos.moving_picture(2), 8))
    assert [name.name for name in tmp_path.iterdir()] == ["clip.mp4"]
    assert path.read_bytes() == b"before"
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "no folder" / "clip.mp4", Video(videos.moving_picture(1), 8))
