"""Files at an address: whole or not there, tried again, and a sentence where that does not help."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import known_implementations

from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.storage.files import Files
from i2vbench.storage.place import StoredPlace
from tests.storage.conftest import Flaky


def test_what_is_put_is_there(address: str, tmp_path: Path) -> None:
    files = Files(address)
    assert files.listing() == {}
    assert files.read("a/b.txt") is None
    assert not files.has("a/b.txt")
    files.put("a/b.txt", b"one")
    files.put("a/b.txt", b"three")
    files.put("c [1]*.txt", b"")
    assert files.read("a/b.txt") == b"three"
    assert files.has("a/b.txt")
    assert files.listing() == {"a/b.txt": 5, "c [1]*.txt": 0}
    told = []
    files.fetch(files.listing(), tmp_path / "home", lambda done, total: told.append((done, total)))
    home = tmp_path / "home"
    found = {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert found == {"a/b.txt": b"three", "c [1]*.txt": b""}
    assert told == [(2, 2)]
    assert not [path for path in home.iterdir() if path.name.startswith(".")]
    files.delete(["a/b.txt", "never"])
    assert list(files.listing()) == ["c [1]*.txt"]


def test_of_many_who_make_a_file_one_does(address: str) -> None:
    files, made = Files(address), []
    files.put("other", b"")
    threads = [threading.Thread(target=lambda i=i: made.append(files.create("x", b"%d" % i))) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]


def test_a_name_from_outside_leaves_no_folder(memory: str, tmp_path: Path) -> None:
    Files(memory).put("fine", b"")
    Files(memory).fetch({"../evil": 1, "/evil": 1, "a/../../evil": 1, "fine": 0}, tmp_path / "home")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["fine"]


def test_half_a_file_is_never_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files(f"file://{tmp_path}/far")
    files.put("video", b"whole")

    def half(self: LocalFileSystem, path: str, value: bytes, **_: object) -> None:
        Path(path).write_bytes(value[:2])
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalFileSystem, "pipe_file", half)
    with pytest.raises(KeyboardInterrupt):
        files.put("video", b"other")
    assert files.listing() == {"video": 5}
    assert files.read("video") == b"whole"


def test_what_a_line_does_not_do_is_tried_again(flaky: type[Flaky], tmp_path: Path) -> None:
    files, flaky.every = Files("flaky://run"), 2
    for i in range(6):
        files.put(f"{i}", b"%d" % i)
        assert files.read(f"{i}") == b"%d" % i
    files.fetch(files.listing(), tmp_path)
    assert len(list(tmp_path.glob("[0-9]"))) == 6
    flaky.every = 1
    for fails in (lambda: files.put("x", b""), lambda: files.read("1"), files.listing):
        with pytest.raises(
            OSError, match="(putting|reading|listing) .* failed: ConnectionError: the line is down"
        ) as error:
            fails()
        assert is_disk_error(error.value)
        assert is_disk_error(pickle.loads(pickle.dumps(error.value)))  # it comes from workers elsewhere


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(known_implementations, "gone", {"class": "gonefs.core.GoneFS", "err": "Install gonefs"})
    with pytest.raises(UserError, match=r"gone://b/run: gone:// needs a package .*: pip install gonefs"):
        Files("gone://b/run").listing()
    with pytest.raises(UserError, match="no such place"):
        Files("nonsense://b/run").listing()


def test_a_worker_makes_a_file_under_its_name_and_puts_it_whole(address: str, tmp_path: Path) -> None:
    place: StoredPlace = pickle.loads(pickle.dumps(StoredPlace(tmp_path / "home", address=address)))
    with pytest.raises(ValueError, match="half"), place.write("videos/m/a.mp4") as path:  # noqa: PT012
        path.write_bytes(b"ha")
        raise ValueError("half")
    assert not place.holds("videos/m/a.mp4")
    with place.write("videos/m/a.mp4") as path:
        assert path.name == "a.mp4"
        path.write_bytes(b"video")
    assert place.holds("videos/m/a.mp4")
    assert place.look()("videos/m/a.mp4")
    assert not place.look()("videos/m/b.mp4")
    with place.read("videos/m/a.mp4") as path:
        assert (path.name, path.read_bytes()) == ("a.mp4", b"video")
    with place.read("videos/m/b.mp4") as path:
        assert not path.exists()
    Files(address).put("videos/m/.half.c.mp4", b"")
    Files(address).put(".mine", b"")
    place.sweep()
    assert set(Files(address).listing()) == {"videos/m/a.mp4", ".mine"}
