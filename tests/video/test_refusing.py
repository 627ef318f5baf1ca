"""What is no video, cut short or damaged is refused in one sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from i2vbench.names import READERS
from i2vbench.video import VideoError, probe, read_video
from tests.video import files as videos
from tests.video.reading import COUNTS, Made, bounded, need, reason

FLIPS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8)


def write_bytes(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


BAD: dict[str, tuple[str, Callable[[Path], object]]] = {
    "empty.mp4": ("not a video", write_bytes(b"")),
    "page.mp4": ("not a video", write_bytes(b"<!doctype html><title>404</title>" * 20)),
    "text.mp4": ("not a video", write_bytes(b"hello world\n" * 50)),
    "random.mp4": ("not a video", write_bytes(np.random.default_rng(0).bytes(30000))),
    "playlist.mp4": ("not a video", write_bytes(b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:2,\nplain.mp4\n")),
    "concat.mp4": ("not a video", write_bytes(b"ffconcat version 1.0\nfile plain.mp4\n")),
    "folder.mp4": ("is not a file", Path.mkdir),
    "missing.mp4": ("no such file", lambda path: None),
    "picture.mp4": ("not a video", lambda path: PILImage.new("RGB", (64, 64)).save(path, format="PNG")),
    "animation.gif": ("not a video of a kind", lambda path: videos.encode(path)),
    "sound.m4a": ("no video stream", lambda path: videos.ffmpeg("-f", "lavfi", "-i", "sine=d=1", path)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", BAD)
def test_what_is_not_a_video_is_refused(tmp_path: Path, name: str, reader: str) -> None:
    need(reader)
    expected, make = BAD[name]
    make(tmp_path / name)
    assert expected in reason(tmp_path / name, reader)


@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_index_is_refused(made: Made, tmp_path: Path, reader: str) -> None:
    need(reader)
    data = bytearray(made("untagged.mp4").read_bytes())
    sizes = data.index(b"stsz") + 16
    data[sizes : sizes + 96] = bytes(96)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    assert reason(path, reader)


def test_a_frame_that_changes_size_is_refused(made: Made, tmp_path: Path) -> None:
    one, other = (
        videos.encode(tmp_path / f"{w}.h264", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "0", frames=frames)
        for w, frames in ((96, videos.moving_picture()), (48, videos.moving_picture(width=48)))
    )
    (tmp_path / "both.h264").write_bytes(one.read_bytes() + other.read_bytes())
    path = videos.copy(tmp_path / "both.ts", "-fflags", "+genpts", "-r", "10", source=tmp_path / "both.h264")
    assert "changes its size" in reason(path)


CUT = ["faststart.mp4", "untagged.mp4", "copied.mkv", "piped.mkv", "longer_sound.mkv", "piped.mp4", "copied.ts"]
CUT += ["mjpeg.avi", "odd_vp9.webm", "vp8_hidden.webm", "open_gop.mkv", "open_gop_fragmented.mp4", "av1.mp4"]


@pytest.mark.parametrize("kind", CUT)
def test_a_file_cut_short_never_gives_fewer_frames(made: Made, tmp_path: Path, kind: str) -> None:
    if kind == "faststart.mp4":
        data = videos.copy(tmp_path / kind, after=("-movflags", "faststart")).read_bytes()
    else:
        data = made(kind).read_bytes()
    whole, path = COUNTS.get(kind, 24), tmp_path / f"cut_{kind}"
    refused = 0
    for length in range(1, len(data), max(1, len(data) // 60)):
        path.write_bytes(data[:length])
        try:
            assert read_video(path).num_frames == whole  # only the index's tail was lost
        except VideoError:
            refused += 1
    assert refused > 50


@settings(bounded, max_examples=80)
@given(kind=st.sampled_from(["untagged.mp4", "mpeg4.avi", "piped.mp4", "one_frame.mp4"]), flips=FLIPS)
def test_damage_is_refused_or_read_as_ffmpeg_reads_it(
    made: Made, tmp_path: Path, kind: str, flips: list[tuple[float, int]]
) -> None:
    data = bytearray(made(kind).read_bytes())
    for where, mask in flips:
        data[int(where * len(data))] ^= mask
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    try:
        clip = read_video(path)
    except VideoError:
        return
    shown = videos.truth(path, clip.height, clip.width, fails_ok=True)
    assert np.array_equal(clip.frames, shown)


@settings(bounded, max_examples=15)
@given(flips=FLIPS)
def test_damage_does_not_reach_decord(made: Made, tmp_path: Path, flips: list[tuple[float, int]]) -> None:
    need("decord")
    data = bytearray(made("untagged.mp4").read_bytes())
    for where, mask in flips:
        data[int(where * len(data))] ^= mask
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    try:
        clip = read_video(path, reader="decord")
    except VideoError:
        return
    assert clip.num_frames == probe(path).num_frames


def test_an_error_survives_a_process_pool() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(VideoError(Path("a.mp4"), "is damaged")))
    assert (str(error), error.path, error.reason) == ("a.mp4: is damaged", Path("a.mp4"), "is damaged")
