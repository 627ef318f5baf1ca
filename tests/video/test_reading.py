"""Every kind of file is read as ffmpeg shows it."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from i2vbench.names import READERS
from i2vbench.video import probe, read_video, resize_and_crop
from tests.video import files as videos
from tests.video.reading import COUNTS, Made, need, reason

REAL_CLIPS = os.environ.get("I2VBENCH_REAL_CLIPS")
REAL = sorted(Path(REAL_CLIPS or "nowhere").glob("*.mp4"))

# What decord is refused for. All of it was seen to give wrong frames, a wrong number of frames, or an error of its own.
DECORD_REFUSES = {
    "av1.mp4": "decord cannot read it",
    "copied.ts": "not at time 0",
    "edit_list.mp4": "edit list",
    "edit_list_short.mp4": "edit list",
    "mirrored.mp4": "mirrored",
    "mkv_named.mp4": "decord cannot read it",
    "open_gop.ts": "not at time 0",
    "open_gop_fragmented.mp4": "not at time 0",
    "piped.mkv": "decord cannot read it",
    "piped.mp4": "not at time 0",
    "turned_mirrored.mp4": "mirrored",
    "vp8_hidden.webm": "frames, and there are 60",
}
# (largest, mean) difference from ffmpeg that decord is allowed: it takes the nearest chroma sample where ffmpeg
# interpolates. Measured on these files: 93 / 6.1, 96 / 6.1, 130 / 6.1 and 1 / 0.12; 0 for all others. PyAV: 0 for all.
DECORD_TOLERANCE = {
    "h264_10bit.mp4": (130, 8.0),
    "hevc_10bit.mp4": (130, 8.0),
    "odd_vp9.webm": (160, 8.0),
    "prores.mov": (1, 0.2),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", videos.KINDS)
def test_every_kind_of_file_is_read_as_ffmpeg_shows_it(made: Made, kind: str, reader: str) -> None:
    need(reader)
    path = made(kind)
    info = probe(path)
    shown = videos.truth(path, info.height, info.width)
    assert info.num_frames == len(info.times) == len(shown) == COUNTS.get(kind, 24)
    if reader == "decord" and kind in DECORD_REFUSES:
        assert DECORD_REFUSES[kind] in reason(path, reader)
        return
    clip = read_video(path, reader=reader)
    assert clip.frames.shape == shown.shape
    assert clip.fps == info.fps
    difference = np.abs(clip.frames.astype(int) - shown)
    largest, mean = DECORD_TOLERANCE.get(kind, (0, 0.0)) if reader == "decord" else (0, 0.0)
    assert difference.max() <= largest
    assert difference.mean() <= mean


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["open_gop.mp4", "open_gop.mkv", "variable_rate.mp4", "turned_90.mp4", "vp9.webm"])
def test_frames_are_picked_in_any_order_with_repeats(made: Made, kind: str, reader: str) -> None:
    need(reader)
    everything = read_video(made(kind)).frames
    picked = [11, 3, 3, 12, 0, 9]
    assert np.array_equal(read_video(made(kind), picked, reader).frames, everything[picked])
    assert np.array_equal(read_video(made(kind), np.array([2]), reader).frames, everything[2:3])  # type: ignore[arg-type]


@pytest.mark.parametrize("reader", READERS)
def test_frames_are_resized_as_they_are_decoded(made: Made, reader: str) -> None:
    need(reader)
    path = made("untagged.mp4")
    expected = resize_and_crop(read_video(path).frames[4:6], 20, 50, "bicubic")
    clip = read_video(path, [4, 5], reader, size=(20, 50), interpolation="bicubic", info=probe(path))
    assert np.array_equal(clip.frames, expected)


def test_facts_of_a_file(made: Made) -> None:
    info = probe(made("h264_10bit.mp4"))
    assert (info.height, info.width, info.fps, info.codec, info.pixel_format) == (64, 96, 10, "h264", "yuv420p10le")
    assert info.times == pytest.approx([t / 10 for t in range(24)])
    assert probe(made("av1.mp4")).codec == "av1"
    assert (probe(made("turned_90.mp4")).height, probe(made("turned_90.mp4")).width) == (96, 64)
    assert probe(made("one_frame.mp4")).fps == 10


def test_times_are_those_of_the_shown_frames(made: Made) -> None:
    kept = [n for n in range(24) if n % 3 == 0 or n < 8]
    assert probe(made("variable_rate.mp4")).times == pytest.approx([n / 10 for n in kept])
    assert probe(made("variable_rate.avi")).times == pytest.approx([n / 10 for n in kept])
    info = probe(made("edit_list.mp4"))
    assert info.times == pytest.approx([t / 10 for t in range(10)])
    assert info.hidden_frames == 4
    assert probe(made("edit_list_short.mp4")).hidden_frames == 14


@pytest.mark.parametrize("indices", [[], [24], [0, -1]])
def test_an_index_out_of_range_names_the_file_and_its_frames(made: Made, indices: list[int]) -> None:
    path = made("untagged.mp4")
    with pytest.raises(ValueError, match="asked for; it has 24 frames, 0 to 23") as caught:
        read_video(path, indices)
    assert str(path) in str(caught.value)


def test_clips_read_by_several_threads_are_the_same(made: Made) -> None:
    path = made("open_gop.mp4")
    readers = [reader for reader in READERS if reader == "pyav" or pytest.importorskip("decord")]
    expected, results = read_video(path).frames, []
    threads = [
        threading.Thread(target=lambda r=reader: results.append(read_video(path, reader=r).frames))
        for reader in readers * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(threads)
    assert all(np.array_equal(result, expected) for result in results)


@pytest.mark.skipif(not REAL_CLIPS, reason="I2VBENCH_REAL_CLIPS names no folder of MP4 files")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "path", sorted(Path(REAL_CLIPS or "nowhere").glob("*.mp4")), ids=lambda path: getattr(path, "stem", None)
)
def test_real_clips_are_read_as_ffmpeg_shows_them(path: Path, reader: str) -> None:
    need(reader)
    clip = read_video(path, reader=reader)
    assert np.array_equal(clip.frames, videos.truth(path, clip.height, clip.width))
