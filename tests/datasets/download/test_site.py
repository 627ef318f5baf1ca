"""yt-dlp's real code against a real server, by its generic extractor: what comes, and what each failure is called."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from i2vbench.datasets.download.faults import SiteFault
from i2vbench.datasets.download.site import Site
from tests.datasets.download.asking import PAGE, QUICK, page, refused
from tests.datasets.download.videos import long_video
from tests.site import Request, announced, cut, good, redirect, status
from tests.site import Site as Web

# -- what comes ---------------------------------------------------------------------------------------------------


def test_a_direct_file_comes_byte_by_byte(site: Site, web: Web, clip: bytes, target: Path) -> None:
    web.answers["/clip.mp4"] = good(clip, kind="video/mp4")
    fetched = site.fetch(f"{web.url}/clip.mp4", target)
    assert fetched.path.read_bytes() == clip
    assert fetched.whole
    assert fetched.begins == 0
    assert list(target.parent.iterdir()) == [fetched.path]


def test_a_page_with_a_video(site: Site, web: Web, clip: bytes, target: Path) -> None:
    web.answers["/v"] = page(PAGE.format(title="A day", src="/deep/clip.mp4", more=""))
    web.answers["/deep/clip.mp4"] = good(clip, kind="video/mp4")
    assert site.fetch(f"{web.url}/v", target).path.read_bytes() == clip
    seen = site.describe(f"{web.url}/v")
    assert (seen.title, seen.height, seen.is_live) == ("A day (1)", None, False)  # as yt-dlp counts a page's videos
    assert seen.url == f"{web.url}/v"


def test_a_title_never_becomes_a_name(site: Site, web: Web, clip: bytes, target: Path) -> None:
    title = "../../x $(touch owned) `id` %(ext)s \x07"
    web.answers["/..%2f..%2fv"] = page(PAGE.format(title=title, src="/a.mp4", more=""))
    web.answers["/a.mp4"] = good(clip, kind="video/mp4")
    fetched = site.fetch(f"{web.url}/..%2f..%2fv", target)
    assert fetched.path.parent == target.parent
    assert fetched.path.name.startswith("video.whole.")
    assert list(target.parent.iterdir()) == [fetched.path]


def test_a_redirect_is_followed(site: Site, web: Web, clip: bytes, target: Path) -> None:
    web.answers["/old"] = redirect("/clip.mp4")
    web.answers["/clip.mp4"] = good(clip, kind="video/mp4")
    assert site.fetch(f"{web.url}/old", target).path.read_bytes() == clip


def test_what_is_cut_off_goes_on_where_it_was(site: Site, web: Web, film: bytes, target: Path) -> None:
    web.answers["/film.mp4"] = cut(film, len(film) // 4, times=3)
    assert site.fetch(f"{web.url}/film.mp4", target).path.read_bytes() == film
    assert [int(range_[6:-1]) > 0 for range_ in web.ranges("/film.mp4") if range_] == [True] * 2


def test_a_part_that_is_there_is_continued(site: Site, web: Web, film: bytes, target: Path) -> None:
    web.answers["/film.mp4"] = cut(film, len(film) // 8)
    assert refused(site, f"{web.url}/film.mp4", target).kind == "network"
    (part,) = target.parent.iterdir()
    here = part.stat().st_size
    web.answers["/film.mp4"] = good(film)
    assert site.fetch(f"{web.url}/film.mp4", target).path.read_bytes() == film
    assert web.ranges("/film.mp4")[-1] == f"bytes={here}-"


# -- what does not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"), [(404, "gone"), (410, "gone"), (403, "blocked"), (429, "blocked"), (503, "network")]
)
@pytest.mark.parametrize("section", [None, (0.5, 1.0)])
def test_statuses(
    site: Site, web: Web, target: Path, code: int, kind: str, section: tuple[float, float] | None
) -> None:
    web.answers["/clip.mp4"] = status(code)
    assert refused(site, f"{web.url}/clip.mp4", target, section).kind == kind


@pytest.mark.parametrize("section", [None, (0.5, 1.0)])
def test_a_status_that_comes_with_the_file_only(
    site: Site, web: Web, clip: bytes, target: Path, section: tuple[float, float] | None
) -> None:
    def answer(request: Request) -> None:
        (good(clip, kind="video/mp4") if request.count == 1 else status(403))(request)

    web.answers["/clip.mp4"] = answer
    fault = refused(site, f"{web.url}/clip.mp4", target, section)
    assert fault.kind == "blocked"
    assert "403" in fault.reason


def test_retry_after_is_told(site: Site, web: Web, target: Path) -> None:
    web.answers["/clip.mp4"] = lambda request: request.head(429, Retry_After=7, Content_Length=0)
    fault = refused(site, f"{web.url}/clip.mp4", target)
    assert (fault.kind, fault.retry_after, fault.of_all) == ("blocked", 7.0, True)


def test_always_cut_off(site: Site, web: Web, film: bytes, target: Path) -> None:
    web.answers["/film.mp4"] = cut(film, 1000)
    assert refused(site, f"{web.url}/film.mp4", target).kind == "network"


def test_a_server_that_falls_silent(site: Site, web: Web, clip: bytes, target: Path) -> None:
    web.answers["/clip.mp4"] = cut(clip, 2000, stall=True)
    assert refused(site, f"{web.url}/clip.mp4", target).kind == "network"


def test_a_length_that_is_too_large_and_one_too_small(site: Site, web: Web, clip: bytes, target: Path) -> None:
    web.answers["/more.mp4"] = announced(clip, len(clip) + 1000)
    assert refused(site, f"{web.url}/more.mp4", target).kind == "network"
    for old in target.parent.iterdir():
        old.unlink()
    web.answers["/less.mp4"] = announced(clip, 100)
    assert refused(site, f"{web.url}/less.mp4", target).kind == "damaged"


def test_a_page_without_a_video(site: Site, web: Web, target: Path) -> None:
    web.answers["/v"] = page("<html><head><title>Moved</title></head><body>Nothing here.</body></html>")
    assert refused(site, f"{web.url}/v", target).kind == "unsupported"


def test_a_file_that_is_a_page(site: Site, web: Web, target: Path) -> None:
    web.answers["/v.mp4"] = good(b"<!DOCTYPE html><html>Log in first</html>" * 50, kind="video/mp4")
    assert refused(site, f"{web.url}/v.mp4", target).kind == "unsupported"


def test_a_page_with_several_videos_is_not_one(site: Site, web: Web, target: Path) -> None:
    more = '<video src="/b.mp4"></video>'
    web.answers["/v"] = page(PAGE.format(title="Two", src="/a.mp4", more=more))
    fault = refused(site, f"{web.url}/v", target)
    assert (fault.kind, "several" in fault.reason) == ("unsupported", True)


@pytest.mark.parametrize("src", ["file:///etc/passwd", "rtmp://127.0.0.1/a", "data:video/mp4;base64,AAAA"])
@pytest.mark.parametrize("section", [None, (0.5, 1.0)])
def test_only_the_web_is_asked(
    site: Site, web: Web, target: Path, src: str, section: tuple[float, float] | None
) -> None:
    web.answers["/v"] = page(PAGE.format(title="x", src=src, more=""))
    assert refused(site, f"{web.url}/v", target, section).kind == "unsupported"


def test_a_playlist_of_pieces_cannot_name_a_file(site: Site, web: Web, target: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ts"
    long_video(secret, num_frames=20)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    web.answers["/v.m3u8"] = good(playlist.encode(), kind="application/x-mpegurl")
    for section in (None, (0.5, 1.0)):
        with pytest.raises(SiteFault):
            site.fetch(f"{web.url}/v.m3u8", target, section)


def test_nobody_listens(site: Site, target: Path) -> None:
    assert refused(site, "http://127.0.0.1:9/v.mp4", target).kind == "network"


def test_heights_by_rule(site: Site, web: Web, clip: bytes, target: Path) -> None:
    lines = ["#EXTM3U"]
    for height in (240, 480, 720, 1080, 2160):
        lines += [
            f'#EXT-X-STREAM-INF:BANDWIDTH={height}000,RESOLUTION=100x{height},CODECS="avc1.64"',
            f"/{height}.m3u8",
        ]
        web.answers[f"/{height}.m3u8"] = good(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n/{height}.ts\n#EXT-X-ENDLIST\n".encode(),
            kind="application/x-mpegurl",
        )
        web.answers[f"/{height}.ts"] = good(clip)
    web.answers["/v.m3u8"] = good("\n".join(lines).encode(), kind="application/x-mpegurl")

    def taken(**options: int) -> str:
        web.asked.clear()
        with Site(dataclasses.replace(QUICK, **options)) as other:
            other.fetch(f"{web.url}/v.m3u8", target)
        return ", ".join(path for path, _ in web.asked if path.endswith(".ts"))

    assert taken() == "/1080.ts"
    assert taken(max_height=600) == "/480.ts"
    assert taken(max_height=100) == "/240.ts"
    assert taken(min_height=1200) == "/2160.ts"
    with Site(dataclasses.replace(QUICK, min_height=3000, max_height=4000)) as strict:
        fault = refused(strict, f"{web.url}/v.m3u8", target.with_name("strict"))
        assert (fault.kind, "2160" in fault.reason) == ("too_small", True)
        assert strict.describe(f"{web.url}/v.m3u8").height == 2160


# -- lists --------------------------------------------------------------------------------------------------------


def test_the_videos_of_a_page_and_of_a_feed(site: Site, web: Web, clip: bytes, target: Path) -> None:
    more = "".join(f'<video src="/{name}.mp4"></video>' for name in "bcd")
    web.answers["/many"] = page(PAGE.format(title="Four", src="/a.mp4", more=more))
    found = site.search(f"{web.url}/many", 3)
    assert [entry.url for entry in found] == [f"{web.url}/{name}.mp4" for name in "abc"]
    items = "".join(f"<item><title>n {i}</title><link>{web.url}/{i}.mp4</link></item>" for i in range(5))
    feed = f'<?xml version="1.0"?><rss version="2.0"><channel><title>F</title>{items}</channel></rss>'
    web.answers["/feed"] = good(feed.encode(), kind="application/rss+xml")
    found = site.search(f"{web.url}/feed", 2)
    assert [(entry.title, entry.url) for entry in found] == [("n 0", f"{web.url}/0.mp4"), ("n 1", f"{web.url}/1.mp4")]
    assert "/0.mp4" not in [path for path, _ in web.asked]


@pytest.mark.parametrize("address", ["dogs", "file:///x", "-x", "ytsearch5", "javascript:alert(1)"])
def test_other_addresses_are_no_search(site: Site, address: str, target: Path) -> None:
    with pytest.raises(ValueError, match="expected"):
        site.search(address, 5)
    with pytest.raises(ValueError, match="expected"):
        site.fetch(address, target)
