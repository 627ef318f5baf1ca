"""Every kind of file is read as ffmpeg shows it or refused in one sentence; what is written comes back."""

import contextlib
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from i2vbench import video
from i2vbench.errors import UserError
from i2vbench.names import READERS
from i2vbench.types import Video
from i2vbench.video import (
    VideoError,
    decord_worker,
    probe,
    read_image,
    read_video,
    resize_and_crop,
    write_preview,
    write_video,
)
from i2vbench.video.write import encode
from tests.video import files as videos

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
COUNTS = {"one_frame.mp4": 1, "one_frame.mkv": 1, "edit_list.mp4": 10, "edit_list_short.mp4": 10, "vp8_hidden.webm": 60}
COUNTS |= {"variable_rate.mp4": 13, "variable_rate.avi": 13, "xvid_packed.avi": 28}

Made = Callable[[str], Path]
FLIPS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8)
bounded = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Makes a kind of file once."""
    folder = tmp_path_factory.mktemp("videos")

    def make(kind: str) -> Path:
        path = folder / kind
        return path if path.exists() else videos.KINDS[kind](path)

    return make


def need(reader: str) -> None:
    if reader == "decord":
        pytest.importorskip("decord")


def reason(path: Path, reader: str = "pyav") -> str:
    """Why a file is refused; it must be one line that begins with its path."""
    with pytest.raises(VideoError) as caught:
        read_video(path, reader=reader)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert "\n" not in str(caught.value)
    return caught.value.reason


# --- reading ---------------------------------------------------------------------------------------------------------


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


# --- refusing --------------------------------------------------------------------------------------------------------


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
    reason(path, reader)


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


# --- the readers and decord's worker ---------------------------------------------------------------------------------


def test_reader_versions_name_what_decodes() -> None:
    assert video.reader_version("pyav").startswith("pyav ")
    assert "libavcodec" in video.reader_version("pyav")
    with pytest.raises(UserError, match="unknown reader 'opencv'; the readers are pyav and decord"):
        video.reader_version("opencv")


def test_decord_not_installed_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install decord"):
        read_video("any.mp4", reader="decord")


FAKE_DECORD = """
import ctypes, os, sys
class DECORDError(Exception): pass
def cpu(index): return index
class VideoReader:
    def __init__(self, path, ctx, num_threads):
        print("noise on standard output", flush=True)
        os.write(1, b"more noise")
        {}
    def __len__(self): return 24
    def next(self): raise DECORDError("[12:00:00] /some/file.cc:12: no frame\\n\\nStack trace")
"""


@pytest.fixture
def fake_decord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a decord in place whose VideoReader does what it is told."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(decord_worker, "_thread", threading.local())
    return lambda body: (tmp_path / "decord.py").write_text(FAKE_DECORD.format(body)) and None


@pytest.mark.parametrize("width", [47, 48, 64])
def test_decord_gives_three_channels_at_every_width(tmp_path: Path, width: int) -> None:
    pytest.importorskip("decord")
    clip = Video(videos.moving_picture(3, height=32, width=width), 8.0)
    write_video(tmp_path / "narrow.mp4", clip)
    assert np.array_equal(read_video(tmp_path / "narrow.mp4", reader="decord").frames, clip.frames)


def test_a_hanging_decord_is_ended(
    made: Made, fake_decord: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_decord("ctypes.PyDLL(None).sleep(600)")  # holds the GIL, as the real deadlock does
    monkeypatch.setattr(decord_worker, "OPEN_SECONDS", 1.0)
    monkeypatch.setattr(decord_worker, "FRAME_SECONDS", 0.0)
    assert "did not finish within 1 s and was ended" in reason(made("untagged.mp4"), "decord")
    fake_decord("")  # and a new worker takes its place
    assert "decord cannot read it (no frame)" in reason(made("untagged.mp4"), "decord")


@pytest.mark.parametrize("body", ["os.abort()", "os._exit(0)", "raise KeyError('unforeseen')"])
def test_a_crash_of_decord_is_an_error_of_the_file(made: Made, fake_decord: Callable[[str], None], body: str) -> None:
    fake_decord(body)
    assert "decord crashed on it" in reason(made("untagged.mp4"), "decord")


def test_the_worker_survives_an_error(made: Made, fake_decord: Callable[[str], None]) -> None:
    fake_decord("")
    path = made("untagged.mp4")
    reason(path, "decord")
    worker = decord_worker._thread.worker
    reason(path, "decord")
    assert decord_worker._thread.worker is worker


@pytest.mark.skipif(os.name != "posix", reason="asks for a process by its number")
def test_the_worker_ends_with_its_caller(made: Made, fake_decord: Callable[[str], None]) -> None:
    fake_decord("")
    program = (
        "import os, sys; from i2vbench import video; from i2vbench.video import decord_worker\n"
        "try: video.read_video(sys.argv[1], reader='decord')\n"
        "except video.VideoError: print(decord_worker._thread.worker._process.pid, flush=True); os._exit(0)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], *filter(None, sys.path)])}
    command = [sys.executable, "-c", program, str(made("untagged.mp4"))]
    worker = int(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    for _ in range(100):
        if not is_running(worker):
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its caller")


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and ") Z " in status.read_text())  # ended, but nobody has asked for its status


# --- writing ---------------------------------------------------------------------------------------------------------


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


# --- pictures --------------------------------------------------------------------------------------------------------


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


# --- sizes -----------------------------------------------------------------------------------------------------------


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
