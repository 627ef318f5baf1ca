"""Contact sheets: what a browser shows of them, what is kept, and that nothing from the net becomes markup."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.curation.folder_clips import folder_clips
from i2vbench.curation.sheets import SheetClip, write_sheets
from i2vbench.datasets.writing import write_metadata
from i2vbench.errors import UserError
from i2vbench.types import Video
from i2vbench.video import read_image, write_video
from tests.conftest import Cli, make_dataset, until

NASTY = "</title><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
HOSTILE = (NASTY, "\"'><b>", "{{ 7*7 }}", "&lt;b&gt;", "\x00\x1b[31m\u202e", "../../up", "a/b\\c", "日本語 🎬", " ")
SOURCES = {
    "https://site.example/watch?v=1&t=2": True,
    "http://[::1]/x": True,
    "HTTPS://site.example/\"onmouseover=\"document.title='owned'": True,
    "javascript:alert(1)": False,
    "JaVaScRiPt:alert(1)//https://x": False,
    "data:text/html,<script>alert(1)</script>": False,
    "file:///etc/passwd": False,
    "//site.example/x": False,
    "https://": False,
    "https://a b": False,
    "https:// \njavascript:alert(1)": False,
    "https://[": False,
    "": False,
}


def grey(level: int, frames: int = 9, height: int = 32, width: int = 64) -> Video:
    """Frames that grow lighter by 10."""
    levels = [np.full((height, width, 3), level + 10 * t, np.uint8) for t in range(frames)]
    return Video(np.stack(levels), 4.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(3):
        write_video(tmp_path / f"{i}.mp4", grey(20 * i))
    return tmp_path


def clip(folder: Path, number: int = 0, **more: Any) -> SheetClip:
    given = {"category": "Pet", "prompt": f"clip {number}."} | more
    return SheetClip(id=f"id-{number}", path=folder / f"{number}.mp4", **given)


def page(folder: Path, name: str) -> str:
    return (folder / "contact" / name).read_text(encoding="utf-8")


def test_a_strip_holds_the_first_middle_and_last_frame_of_the_section(folder: Path) -> None:
    write_sheets(folder, "set", [clip(folder), clip(folder, 1, start=0.5, end=1.5)])
    strip = read_image(folder / "contact" / "thumbs" / "id-0.jpg")
    assert strip.shape == (32, 3 * 64 + 2 * 4, 3)
    assert [int(strip[16, x, 0]) for x in (32, 100, 168)] == pytest.approx([0, 40, 80], abs=4)
    section = read_image(folder / "contact" / "thumbs" / "id-1.jpg")
    assert [int(section[16, x, 0]) for x in (32, 100, 168)] == pytest.approx([40, 60, 70], abs=4)
    text = page(folder, "category-Pet.html")
    assert "2.25 s" in text
    assert "1.00 s" in text
    assert text.count("64 × 32") == 2


def test_large_and_upright_clips_fit_and_pictures_have_one_frame(tmp_path: Path) -> None:
    write_video(tmp_path / "0.mp4", grey(0, 3, height=960, width=480))
    from PIL import Image

    Image.fromarray(grey(50, 1, 40, 80).frames[0]).save(tmp_path / "p.png")
    write_sheets(tmp_path, "set", [clip(tmp_path), replace(clip(tmp_path, 1), path=tmp_path / "p.png")])
    assert read_image(tmp_path / "contact" / "thumbs" / "id-0.jpg").shape == (240, 3 * 120 + 2 * 4, 3)
    assert read_image(tmp_path / "contact" / "thumbs" / "id-1.jpg").shape == (40, 80, 3)


def test_thumbnails_are_kept_until_their_clip_changes(folder: Path) -> None:
    clips = [clip(folder, i) for i in range(3)]
    write_sheets(folder, "set", clips)
    thumbs = folder / "contact" / "thumbs"
    first = {path.name: path.stat().st_ino for path in thumbs.iterdir()}
    pages = {path.name: path.read_bytes() for path in (folder / "contact").glob("*.html")}
    write_sheets(folder, "set", clips)
    assert {path.name: path.stat().st_ino for path in thumbs.iterdir()} == first
    assert {path.name: path.read_bytes() for path in (folder / "contact").glob("*.html")} == pages, (
        "and as long as ever"
    )
    write_video(folder / "1.mp4", grey(100))
    (thumbs / "id-2.jpg").write_bytes(b"damaged")
    write_sheets(folder, "set", [*clips[:2], replace(clips[2], start=1.0)])
    assert read_image(thumbs / "id-1.jpg")[16, 32, 0] == pytest.approx(100, abs=4)
    assert read_image(thumbs / "id-2.jpg")[16, 32, 0] == pytest.approx(80, abs=4)
    assert (thumbs / "id-0.jpg").stat().st_ino == first["id-0.jpg"]


def test_a_clip_that_was_taken_out_leaves_nothing(folder: Path) -> None:
    write_sheets(folder, "set", [clip(folder, 0), clip(folder, 1, category="Music")])
    (folder / "contact" / "mine.html").write_text("not ours")
    (folder / "contact" / "thumbs" / ".id-1.jpg.partial").write_bytes(b"of a run that was killed")
    write_sheets(folder, "set", [clip(folder, 0)])
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == [
        "0.mp4", "1.mp4", "2.mp4", "contact/category-Pet.html", "contact/index.html", "contact/mine.html",
        "contact/thumbs/id-0.jpg",
    ]  # fmt: skip


def test_a_clip_that_cannot_be_read_says_why_and_its_old_thumbnail_goes(folder: Path) -> None:
    write_sheets(folder, "set", [clip(folder, 0), clip(folder, 1)])
    (folder / "1.mp4").write_bytes(b"no video")
    (folder / "2.mp4").unlink()
    write_sheets(folder, "set", [clip(folder, i) for i in range(3)])
    text = page(folder, "category-Pet.html")
    assert "1.mp4: is not a video" in text
    assert "2.mp4: cannot be read: No such file or directory" in text
    assert str(folder) not in text
    assert [path.name for path in (folder / "contact" / "thumbs").iterdir()] == ["id-0.jpg"]


@pytest.mark.parametrize("id_", ["../x", "a/b", "", "-x", "x" * 129, 'a"b'])
def test_ids_name_files_and_must_be_safe(folder: Path, id_: str) -> None:
    with pytest.raises(ValueError, match="expected a safe file name"):
        replace(clip(folder), id=id_)


def test_two_that_are_one_file_to_some_systems_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"ids of clips: .*'ID-0' twice"):
        write_sheets(folder, "set", [clip(folder), replace(clip(folder), id="ID-0")])
    with pytest.raises(ValueError, match=r"categories of clips: .*'PET' twice"):
        write_sheets(folder, "set", [clip(folder), clip(folder, 1, category="PET")])


def test_a_folder_that_cannot_be_written_to_is_the_users_to_mend(folder: Path) -> None:
    (folder / "contact").write_text("a file")
    with pytest.raises(UserError, match="the contact sheets cannot be written to"):
        write_sheets(folder, "set", [clip(folder)])


ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "nav", "a", "bdi", "h1", "h2", "p", "main", "article",
    "div", "dl", "dt", "dd", "img", "span",
}  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)), min_size=10, max_size=10))
def test_no_text_becomes_markup_or_a_path(tmp_path_factory: pytest.TempPathFactory, texts: Sequence[str]) -> None:
    folder = tmp_path_factory.mktemp("set")
    title, category, *others = texts
    names = ("prompt", "scene", "source", "title", "author", "licence")
    given = dict(zip(names, others, strict=False)) | {"facts": {others[6]: others[7]}, "objects": (others[0],)}
    write_sheets(folder, title, [SheetClip("id", folder / "none.mp4", category, **given)])
    assert {path.parent for path in folder.rglob("*.html")} == {folder / "contact"}
    for path in (folder / "contact").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert {tag.lower() for tag in re.findall(r"<([a-zA-Z][^\s>]*)", text)} <= ALLOWED
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text)


def test_a_browser_shows_hostile_text_as_text_and_links_to_pages_alone(browser: Any, folder: Path) -> None:
    clips = [
        clip(
            folder, i % 3, category=NASTY, prompt=NASTY, title=text, author=text, licence=text, scene=text,
            objects=(text,), facts={text or "score": text, "Aesthetic": "5.31"}, source=source,
        )
        for i, (text, source) in enumerate(zip((*HOSTILE, *HOSTILE), SOURCES, strict=False))
    ]  # fmt: skip
    clips = [replace(one, id=f"id-{i}") for i, one in enumerate(clips)]
    write_sheets(folder, NASTY, clips)
    browser.get((folder / "contact" / "index.html").as_uri())
    until(browser, "document.querySelector('img').naturalWidth > 0")
    assert browser.title == NASTY
    assert browser.find_element("css selector", ".name bdi").text == NASTY
    browser.find_element("css selector", "a.card").click()
    until(browser, "document.querySelectorAll('article').length == " + str(len(clips)))
    assert browser.title.startswith(NASTY)
    assert browser.find_element("css selector", ".prompt").text == NASTY
    links = browser.find_elements("css selector", ".origin a")
    wanted = [source for source, is_link in list(SOURCES.items())[: len(clips)] if is_link]
    assert [link.get_dom_attribute("href") for link in links] == wanted
    assert {link.get_dom_attribute("rel") for link in links} == {"noopener noreferrer nofollow"}
    browser.execute_script("document.querySelectorAll('article').forEach((one) => one.click())")
    until(browser, "[...document.images].slice(0, 3).every((one) => one.naturalWidth == 200)")
    assert browser.execute_script("return document.querySelectorAll('script, iframe, object, [onerror]').length") == 0
    assert browser.title.startswith(NASTY), "nothing has run"
    assert browser.get_log("browser") == []


def test_pages_of_hundreds_of_clips_load_their_pictures_as_they_are_seen(browser: Any, folder: Path) -> None:
    write_sheets(folder, "set", [replace(clip(folder, i % 3), id=f"id-{i}") for i in range(300)])
    browser.set_window_size(420, 800)
    try:
        browser.get((folder / "contact" / "category-Pet.html").as_uri())
        until(browser, "document.images[0].naturalWidth > 0")
        loaded = "return [...document.images].filter((one) => one.complete && one.naturalWidth > 0).length"
        assert browser.execute_script(loaded) < 150
        wide = browser.execute_script("return document.documentElement.scrollWidth > window.innerWidth")
        assert not wide, "a phone need not scroll sideways"
        browser.execute_script("document.querySelector('#clip-id-299').scrollIntoView()")
        until(browser, "document.querySelector('#clip-id-299 img').naturalWidth > 0")
        assert browser.get_log("browser") == []
    finally:
        browser.set_window_size(1200, 900)


def test_a_folders_clips_bring_what_its_other_columns_say(tmp_path: Path) -> None:
    make_dataset(tmp_path, num_clips=1, num_images=1)
    common = {"category": "Pet", "prompt": "a dog."}
    write_metadata(
        tmp_path,
        [
            common | {"file_name": "no.mp4", "id": "gone", "missing": "gone"},
            common | {"file_name": "clip-0.mp4", "id": "a", "start": 0.25, "objects": "dog", "clip_score": 0.5,
                      "source": "https://site.example/1", "title": "one\ntwo", "author": "=A1", "licence": "CC BY"},
            common | {"file_name": "image-0.png", "id": "b", "prompt_state": "proposed"},
        ],
    )  # fmt: skip
    a, b = folder_clips(tmp_path)
    assert a == SheetClip(
        "a", tmp_path / "clip-0.mp4", "Pet", "a dog.", ("dog",), "", {"clip score": "0.5"}, "https://site.example/1",
        "one two", "'=A1", "CC BY", 0.25,
    )  # fmt: skip
    assert b == SheetClip("b", tmp_path / "image-0.png", "Pet", "a dog.", facts={"Prompt": "proposed, not checked"})


def test_where_every_clip_was_taken_out_no_thumbnail_stays(cli: Cli, tmp_path: Path) -> None:
    make_dataset(tmp_path / "data", num_clips=1, num_images=0)
    assert cli("data", "sheets", "data").returncode == 0
    write_metadata(
        tmp_path / "data", [{"file_name": "", "id": "clip-0", "category": "Pet", "missing": "removed: asked for"}]
    )
    assert cli("data", "sheets", "data").stdout.startswith("0 clips: ")
    assert not list((tmp_path / "data").rglob("*.jpg"))
    assert "clip number 0." not in page(tmp_path / "data", "index.html")


def test_the_command_writes_the_sheets_of_a_folder(cli: Cli, tmp_path: Path) -> None:
    make_dataset(tmp_path / "data", num_clips=2, num_images=1)
    done = cli("data", "sheets", "data")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"3 clips: {os.path.join('data', 'contact', 'index.html')}\n"
    assert "clip number 0." in page(tmp_path / "data", "category-Pet.html")
    assert cli("data", "sheets", "nowhere").stderr == "i2vbench: nowhere: no such folder\n"
