"""The folder of Google Drive: gdown's own code runs, against a local server that plays Drive well and badly."""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from i2vbench.datasets.i2v_bench import drive, released
from i2vbench.datasets.i2v_bench.drive import FOLDER_ID
from i2vbench.errors import UserError
from tests.datasets.i2v_bench.conftest import Place
from tests.datasets.i2v_bench.google import (
    Drive,
    ToLocal,
    confirm,
    file_of,
    gdown_module,
    ident,
    page,
    refusal,
    text_of,
)
from tests.site import Answer, serving, status


@pytest.fixture
def google(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    with serving() as site:
        adapter = ToLocal(site.url)
        monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: adapter)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setattr(drive, "LISTING_WAITS_SECONDS", (0.01, 0.01))
        monkeypatch.setattr(drive, "RETRIES", 1)
        monkeypatch.setattr(gdown_module(), "_wait_or_cancel", lambda seconds, cancel: None)
        yield Drive(site, place)


USUAL = {"a": ("Pet", "a dog."), "b": ("Food", "tea.")}


def test_the_folder_is_brought_and_becomes_the_data_set(google: Drive) -> None:
    google.usual()
    assert google.bring().clips == 2
    assert google.place.said("category", "prompt") == USUAL
    assert google.asked("cover.png") == []
    cookies = Path.home() / ".cache/gdown/cookies.txt"
    assert not cookies.exists() or cookies.stat().st_mtime < time.time() - 60


def test_nothing_is_asked_for_twice(google: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    google.usual()
    google.bring()
    google.site.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert google.bring().clips == 2
    assert google.site.asked == []


def test_a_folder_of_hundreds_of_files_comes_whole(google: Drive) -> None:
    google.usual()
    names = [f"{i:03d}.txt" for i in range(120)]
    google.folder("Pet", ["a.mp4", *names])
    for name in names:
        google.file(f"Pet/{name}", b"x")
    google.bring()
    assert len(list((google.place.out / ".released/drive").glob("*.txt"))) == 120


def test_names_of_drive_never_become_paths(google: Drive) -> None:
    google.usual()
    google.folder("Pet", ["a.mp4", "../../../out.mp4", "..", "x\\..\\y.mp4", "a\x1b[2J.mp4"])
    for name in ("../../../out.mp4", "x\\..\\y.mp4", "a\x1b[2J.mp4"):
        google.site.answers[f"/uc?id={ident(f'Pet/{name}')}"] = file_of("z.mp4", google.place.videos[2].read_bytes())
    google.site.answers[f"/embeddedfolderview?id={FOLDER_ID}"] = page(
        "..", [(f"https://drive.google.com/drive/folders/{ident('Pet')}", "Pet")]
    )
    with pytest.raises(UserError):
        google.bring()
    assert {path.name for path in google.place.out.parent.iterdir()} <= {"out", "copy"}
    for path in (google.place.out / ".released/drive").iterdir():
        assert path.stem.isdecimal() or path.name == "listing.json" or path.name.endswith(".part"), path


def test_a_large_file_is_confirmed(google: Drive) -> None:
    contents = google.usual()
    path = google.file("Pet/a.mp4", confirm("large"))
    google.site.answers["/drive.usercontent.google.com/download?id=large&confirm=t"] = file_of(
        "a.mp4", contents["Pet/a.mp4"]
    )
    google.bring()
    assert google.place.said("category", "prompt") == USUAL
    assert len(google.site.ranges(path)) == 1


def test_a_file_that_breaks_off_is_gone_on_with_in_the_next_call(
    google: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gdown_module(), "CHUNK_SIZE", 1000)
    contents = google.usual()["Pet/a.mp4"]
    google.file("Pet/a.mp4", file_of("a.mp4", contents, cut_after=3000))
    google.folder("", ["Pet/"])
    with pytest.raises(
        UserError, match=r"0 of 1 files .*does not give more now .*goes on where it was; or download it in"
    ):
        google.bring()
    google.site.asked.clear()
    google.file("Pet/a.mp4", contents)
    with pytest.raises(UserError, match="has no prompt"):
        google.bring()
    assert google.asked("Pet/a.mp4") == ["", "bytes=6000-"]


def test_a_server_that_does_not_go_on_is_asked_for_the_whole(google: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gdown_module(), "CHUNK_SIZE", 1000)
    contents = google.usual()["Pet/a.mp4"]
    google.file("Pet/a.mp4", file_of("a.mp4", contents, cut_after=4000, ranges=False))
    google.bring()  # the other files
    assert google.place.listed()[0][:2] == ("file", "Pet/a.mp4")
    google.file("Pet/a.mp4", file_of("a.mp4", contents, ranges=False))
    google.bring()
    assert google.place.said("category", "prompt") == USUAL


def test_a_quota_is_one_sentence_that_says_what_to_do(google: Drive) -> None:
    google.usual()
    google.file("Food/b.mp4", refusal())
    with pytest.raises(UserError) as caught:
        google.bring()
    text = str(caught.value)
    assert text.startswith(
        "1 of 3 files of the I2V-Bench folder are here, and Google Drive does not give more now (Too"
    )
    assert "in 24 hours" in text
    assert "download it in a browser from https://drive.google.com/drive/folders/" in text
    assert "--from FOLDER_OR_ARCHIVE" in text
    assert "\n" not in text
    assert google.asked("prompts.csv") == []  # no more is asked for
    google.file("Food/b.mp4", google.place.videos[1].read_bytes())
    google.bring()
    assert google.place.said("category", "prompt") == USUAL
    assert len(google.asked("Pet/a.mp4")) == 1


def test_refusals_in_a_row_end_it_and_a_single_one_is_listed(google: Drive) -> None:
    google.usual()
    google.folder("Food", ["b.mp4", "c.mp4", "d.mp4", "e.mp4", "f.mp4"])
    google.file("Food/c.mp4", text_of("<html>Sorry</html>"))
    for name in "def":
        google.file(f"Food/{name}.mp4", google.place.videos[3 + ord(name) - ord("d")].read_bytes())
    assert google.bring().clips == 2
    reason = next(entry[2] for entry in google.place.listed() if entry[:2] == ("file", "Food/c.mp4"))
    assert reason.startswith("Google Drive did not give it (Cannot retrieve the public link of the file)")
    for path in google.place.out.joinpath(".released/drive").glob("*.mp4"):
        path.unlink()
    for path in ("Pet/a.mp4", "Food/b.mp4", "Food/c.mp4"):
        google.file(path, text_of("<html>Sorry</html>"))
    with pytest.raises(UserError, match="1 of 7 files"):
        google.bring()
    assert len(google.asked("Food/d.mp4")) == 1


def test_a_file_that_is_gone_is_listed(google: Drive) -> None:
    google.usual()
    google.file("Food/b.mp4", confirm("gone"))
    google.site.answers["/drive.usercontent.google.com/download?id=gone&confirm=t"] = lambda request: request.head(
        404,
        Content_Type="application/octet-stream",
        Content_Disposition='attachment; filename="b.mp4"',
        Content_Length=0,
    )
    assert google.bring().clips == 1
    assert ("file", "Food/b.mp4") in [entry[:2] for entry in google.place.listed()]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (status(404), "is not there or not public any more .*README of TIGER-AI-Lab/ConsistI2V"),
        (status(429), r"cannot be listed \(.*429\)?.*run the command again later, or download it in a browser"),
        (status(503), "cannot be listed .*503"),
        (text_of("<html>Before you continue</html>"), "cannot be listed .*Failed to parse"),
        (text_of("<html><title>I2V-Bench</title></html>"), r"lists no video, table or archive .*\(0 files\)"),
        (page("x", [(f"https://drive.google.com/file/d/{ident('p.png')}/view", "p.png")]), r"\(1 files\)"),
    ],
)
def test_a_folder_that_cannot_be_listed_is_one_sentence(google: Drive, answer: Answer, message: str) -> None:
    google.site.answers[f"/embeddedfolderview?id={FOLDER_ID}"] = answer
    with pytest.raises(UserError, match=message) as caught:
        google.bring()
    assert "\n" not in str(caught.value)


def test_a_passing_fault_of_the_list_is_tried_again(google: Drive) -> None:
    google.usual()
    path = f"/embeddedfolderview?id={FOLDER_ID}"
    google.site.answers[path] = status(503, google.site.answers[path], times=2)
    assert google.bring().clips == 2


def test_a_network_that_is_off_is_one_sentence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    adapter = ToLocal(f"http://127.0.0.1:{port}")
    monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: adapter)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(drive, "LISTING_WAITS_SECONDS", ())
    with pytest.raises(UserError, match=r"cannot be listed \(it cannot be reached: .*--from FOLDER_OR_ARCHIVE"):
        released.bring(None, place.out, place.told.append)


def test_a_network_that_is_forbidden_is_left_alone(google: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids the network; .*--from FOLDER_OR_ARCHIVE"):
        google.bring()
    assert google.site.asked == []


def test_without_gdown_it_says_what_to_install(google: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "gdown" else find(name, *rest))
    with pytest.raises(UserError, match=r"pip install 'i2vbench\[data\]'"):
        google.bring()


def test_a_table_of_google_s_own_comes_as_csv(google: Drive) -> None:
    contents = google.usual()
    table, uploaded = ident("table"), ident("book.xlsx")
    links = [
        (f"https://drive.google.com/drive/folders/{ident('Pet')}", "Pet"),
        (f"https://drive.google.com/drive/folders/{ident('Food')}", "Food"),
        (f"https://docs.google.com/spreadsheets/d/{table}/edit?usp=drive_web", "Prompts"),
        (f"https://drive.google.com/file/d/{uploaded}/view?usp=drive_web", "book.xlsx"),
    ]
    google.site.answers[f"/embeddedfolderview?id={FOLDER_ID}"] = page("I2V-Bench", links)
    google.site.answers[f"/uc?id={table}"] = lambda request: request.head(
        302, Location=f"{google.site.url}/spreadsheets/d/{table}/edit", Content_Length=0
    )
    google.site.answers[f"/spreadsheets/d/{table}/edit"] = text_of("<html>a page</html>")
    export = f"/docs.google.com/spreadsheets/d/{table}/export?format="
    google.site.answers[export + "xlsx"] = file_of("Prompts.xlsx", b"PK a book")
    google.site.answers[export + "csv"] = file_of("Prompts.csv", contents["prompts.csv"], kind="text/csv")
    google.site.answers[f"/uc?id={uploaded}"] = file_of("book.xlsx", b"PK\x03\x04 a book")
    google.bring()
    assert google.place.said("category", "prompt") == USUAL
    assert google.place.listed() == [("file", "book.xlsx", "tables of this kind are not read: save it as CSV")]


def test_a_file_that_came_damaged_is_fetched_anew(google: Drive) -> None:
    good = google.usual()["Pet/a.mp4"]
    google.file("Pet/a.mp4", good[: len(good) // 2])
    outcome = google.bring()
    assert (outcome.clips, outcome.missing) == (1, 1)
    assert "1 files came damaged: run the command again, and they are fetched anew" in google.place.told
    google.file("Pet/a.mp4", good)
    assert google.bring().clips == 2


def test_two_files_of_one_name_are_two(google: Drive) -> None:
    google.usual()
    twice = [(f"https://drive.google.com/file/d/{ident(f'a{i}')}/view", "a.mp4") for i in range(2)]
    google.site.answers[f"/embeddedfolderview?id={ident('Pet')}"] = page("Pet", twice)
    for i in range(2):
        google.site.answers[f"/uc?id={ident(f'a{i}')}"] = file_of("a.mp4", google.place.videos[i + 4].read_bytes())
    assert google.bring().clips == 1
    assert "may be any of 2 videos" in next(entry[2] for entry in google.place.listed() if entry[0] == "row")


def test_the_default_folder_is_where_the_data_set_is_looked_for(
    google: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from i2vbench.datasets.i2v_bench import I2VBenchDataset

    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match=r"`i2vbench data download i2v-bench`.*`--from FOLDER_OR_ARCHIVE`"):
        I2VBenchDataset()
    google.usual()
    released.bring(None, None, google.place.told.append)
    assert [sample.id for sample in I2VBenchDataset().samples()] == ["a", "b"]


def _killed_at(out: Path, url: str, count: int) -> None:
    """A download that ends itself at its so-many-th chunk."""
    adapter = ToLocal(url)
    requests.Session.get_adapter = lambda self, url: adapter  # type: ignore[assignment, method-assign]
    seen = 0

    def count_down(self: object, file: object, done: int, total: int | None) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            os.kill(os.getpid(), 9)

    drive._Downloads._progress = count_down  # type: ignore[method-assign, assignment]
    released.bring(None, out, lambda line: None)


def test_killed_at_any_chunk_it_goes_on_and_ends_with_the_same_table(
    google: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gdown_module(), "CHUNK_SIZE", 1000)
    contents = google.usual()
    google.bring()
    whole = (google.place.out / "metadata.csv").read_bytes()
    out = google.place.out.with_name("killed")
    chunks = sum(-(-len(data) // 1000) for data in contents.values())
    for count in range(1, chunks + 1, 3):  # each goes on where the last one was killed
        process = multiprocessing.get_context("fork").Process(target=_killed_at, args=(out, google.site.url, count))
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -9
    released.bring(None, out, lambda line: None)
    assert (out / "metadata.csv").read_bytes() == whole
