"""Sections of long videos: every frame is where the file says that it is, or the whole file comes."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from i2vbench.datasets.download.clips import frames_of
from i2vbench.datasets.download.manifest import Entry
from i2vbench.datasets.download.site import Description, Fetched, Site
from i2vbench.video import VideoInfo
from tests.datasets.download.asking import truth
from tests.datasets.download.videos import FPS, LONG_GOP, long_video, numbered, numbers
from tests.site import Request, cut, good
from tests.site import Site as Web
from tests.video.files import encode, ffmpeg

NEEDED = (12.3, 14.0)


def sound(path: Path) -> bytes:
    """The picture begins 0.3 s after the sound."""
    source = encode(path.with_name("source.mp4"), *LONG_GOP, frames=numbered(300))
    tone = ("-f", "lavfi", "-i", "sine=d=31")
    ffmpeg("-itsoffset", "0.3", "-i", source, *tone, "-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "aac", path)
    return path.read_bytes()


def dashed(path: Path) -> bytes:
    """As YouTube's files of pictures alone: in fragments, with an index of them, and a first time that is not 0."""
    source = encode(path.with_name("source.mp4"), *LONG_GOP, frames=numbered(300))
    ffmpeg("-i", source, "-c", "copy", "-movflags", "+dash+frag_keyframe+default_base_moof+global_sidx", path)
    return path.read_bytes()


OPEN_GOP = (*LONG_GOP[:4], "-x264-params", "open-gop=1:keyint=70:bframes=8:b-adapt=0:scenecut=0")
VP9 = ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-g", "70", "-pix_fmt", "yuv420p")


@pytest.mark.parametrize(
    ("name", "made", "late"),
    [
        ("plain.mp4", long_video, 0.0),
        ("dash.mp4", dashed, 0.0),
        ("plain.mkv", long_video, 0.0),
        ("vp9.webm", lambda path: long_video(path, *VP9), 0.0),
        ("sound.mp4", sound, 0.3),
    ],
)
def test_a_section_knows_exactly_where_it_begins(
    site: Site, web: Web, tmp_path: Path, target: Path, name: str, made: Callable[[Path], bytes], late: float
) -> None:
    web.answers[f"/{name}"] = good(made(tmp_path / name))
    fetched = site.fetch(f"{web.url}/{name}", target, NEEDED)
    assert not fetched.whole
    assert fetched.begins > 1
    truth(fetched, late)
    shown = numbers(fetched.path)
    first, last = round((NEEDED[0] - late) * FPS), round((NEEDED[1] - late) * FPS)
    assert set(range(first, last)) <= set(shown)
    assert len(shown) < 250
    truth(site.fetch(f"{web.url}/{name}", target), late)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        # A section would begin with frames whose references lie before it.
        ("open.mp4", lambda path: long_video(path, *OPEN_GOP)),
        # ffmpeg begins at the next key frame, not at the one before.
        ("plain.ts", lambda path: long_video(path, *LONG_GOP[:4], "-g", "130", "-bf", "3")),
        # ffmpeg would take its order of decoding for that of showing.
        ("old.avi", lambda path: long_video(path, "-c:v", "mpeg4", "-bf", "2", "-q", "3")),
        # There is no VP8 in MP4.
        ("old.webm", lambda path: long_video(path, "-c:v", "libvpx", "-g", "70", num_frames=200)),
    ],
)
def test_what_cannot_be_cut_comes_whole(
    site: Site, web: Web, tmp_path: Path, target: Path, name: str, made: Callable[[Path], bytes]
) -> None:
    contents = made(tmp_path / name)
    web.answers[f"/{name}"] = good(contents)
    fetched = site.fetch(f"{web.url}/{name}", target, NEEDED)
    assert fetched.whole
    assert fetched.path.read_bytes() == contents
    assert list(target.parent.glob("video*")) == [fetched.path]
    truth(fetched)


def test_a_section_of_a_video_in_pieces(site: Site, web: Web, target: Path, tmp_path: Path) -> None:
    source = encode(tmp_path / "source.mp4", *LONG_GOP, frames=numbered(300))
    (tmp_path / "pieces").mkdir()
    playlist = tmp_path / "pieces/v.m3u8"
    ffmpeg("-i", source, "-c", "copy", "-f", "hls", "-hls_time", "7", "-hls_list_size", "0", playlist)
    for path in playlist.parent.iterdir():
        kind = "application/vnd.apple.mpegurl" if path == playlist else "video/mp2t"
        web.answers[f"/{path.name}"] = good(path.read_bytes(), kind=kind)
    fetched = site.fetch(f"{web.url}/v.m3u8", target, NEEDED)
    truth(fetched)
    assert not fetched.whole
    truth(site.fetch(f"{web.url}/v.m3u8", target))


def test_a_section_brings_less_than_the_whole(site: Site, web: Web, target: Path, tmp_path: Path) -> None:
    contents = long_video(tmp_path / "large.mp4", *LONG_GOP, "-crf", "1", "-movflags", "+faststart", num_frames=600)
    sent = []

    def answer(request: Request) -> None:
        sent.append(request.start)
        good(contents)(request)

    web.answers["/large.mp4"] = answer
    site.fetch(f"{web.url}/large.mp4", target, (50.0, 51.0))
    assert max(sent) > len(contents) // 2  # it was sought


def test_a_section_at_the_start_and_one_at_the_end(site: Site, web: Web, film: bytes, target: Path) -> None:
    web.answers["/film.mp4"] = good(film)
    for section in ((0.0, 2.0), (28.0, 30.0)):
        fetched = site.fetch(f"{web.url}/film.mp4", target, section)
        assert not fetched.whole
        truth(fetched)


def test_a_section_that_is_cut_off_goes_on(site: Site, web: Web, target: Path, tmp_path: Path) -> None:
    contents = long_video(tmp_path / "large.mp4", *LONG_GOP, "-crf", "1", "-movflags", "+faststart")
    web.answers["/large.mp4"] = cut(contents, len(contents) // 5, times=4)
    fetched = site.fetch(f"{web.url}/large.mp4", target, NEEDED)
    assert not fetched.whole
    truth(fetched)


def test_a_section_beyond_the_end_comes_whole(site: Site, web: Web, film: bytes, target: Path) -> None:
    web.answers["/film.mp4"] = good(film)
    fetched = site.fetch(f"{web.url}/film.mp4", target, (29.0, 35.0))
    assert fetched.whole
    assert fetched.path.read_bytes() == film


@given(
    st.sampled_from([24, 25, 30, Fraction(30000, 1001), 60]),
    st.integers(0, 400),
    st.integers(0, 4000),
    st.integers(100, 1000),
)
@example(Fraction(30000, 1001), 1, 501, 300)  # a tie at the millisecond
def test_a_section_gives_the_frames_that_the_whole_file_gives(
    fps: Fraction, first: int, start_ms: int, length_ms: int
) -> None:
    def part(begin: int, end: int) -> tuple[Fetched, VideoInfo]:
        times = tuple(float((i - begin) / Fraction(fps)) for i in range(begin, end))
        info = VideoInfo(Path("x"), len(times), times, float(fps), 64, 64, "h264", "yuv420p")
        said = Description("", "", "", "", "", None, None, False, 0, "", False)
        return Fetched(Path("x"), float(begin / Fraction(fps)), begin == 0, said), info

    first = min(first, math.floor(start_ms / 1000 * fps))
    begin = start_ms / 1000
    end = (start_ms + length_ms) / 1000
    entry = Entry(2, "a", "https://x.org/v", begin, end, "Pet", "x")
    whole, section = frames_of(entry, *part(0, 1000)), frames_of(entry, *part(first, 900))
    assert [i + first for i in section] == list(whole)
    assert all(begin - 0.001 < float(i / Fraction(fps)) < end + 0.001 for i in whole)
