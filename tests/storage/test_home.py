"""Which of the two is newer, the run at an address or its copy here; and what is wrong with either."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.storage.address import home_of
from i2vbench.storage.files import Files
from i2vbench.storage.home import DATABASE, STATE, brought
from i2vbench.storage.keeping import Keeper, kept


@contextmanager
def machine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine of that name, with a cache of its own."""
    with monkeypatch.context() as there:
        there.setenv("I2VBENCH_CACHE", str(tmp_path / name))
        yield


def work(address: str, what: str) -> None:
    """A run that notes something, in its database and beside it."""
    with kept(address, resume=False, say=print) as keeper:
        note(keeper, what)


def note(keeper: Keeper, what: str) -> None:
    keeper.home.mkdir(parents=True, exist_ok=True)
    (keeper.home / "run.json").write_text("{}")
    with closing(sqlite3.connect(keeper.home / DATABASE)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE IF NOT EXISTS noted (what TEXT)")
        db.execute("INSERT INTO noted VALUES (?)", [what])
        db.commit()
    (keeper.home / "log.txt").write_text(what)


def noted(address: str) -> list[str]:
    home = brought(address, (), print)
    with closing(sqlite3.connect(home / DATABASE)) as db:
        found = [row[0] for row in db.execute("SELECT what FROM noted")]
    assert (home / "log.txt").read_text() == found[-1]
    return found


def test_two_machines_take_turns(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate("abaab"):
        with machine(name, tmp_path, monkeypatch):
            work(address, f"{number}")
    for name in "abc":
        with machine(name, tmp_path, monkeypatch):
            assert noted(address) == list("01234")


def test_what_was_done_after_a_machine_was_thought_lost_is_done_again(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with machine("a", tmp_path, monkeypatch):
        work(memory, "both")
        home = home_of(memory)
    with machine("b", tmp_path, monkeypatch):
        work(memory, "b's")
    with closing(sqlite3.connect(home / DATABASE)) as db:
        db.execute("INSERT INTO noted VALUES ('never put there')")
        db.commit()
    with machine("a", tmp_path, monkeypatch):
        assert noted(memory) == ["both", "b's"]
    assert f"takes the place of {home}" in capsys.readouterr().out


def test_a_put_whose_end_is_unknown_is_no_other_way(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between telling the address and noting that here: what is here has gone on from there."""
    work(memory, "one")
    record = home_of(memory).with_name(home_of(memory).name + ".json")
    before = json.loads(record.read_text())
    work(memory, "two")
    after = json.loads(record.read_text())
    record.write_text(json.dumps({**before, "coming": after["state"]}))
    work(memory, "three")
    assert noted(memory) == ["one", "two", "three"]


def test_different_ways_are_refused(memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work(memory, "one")
    older = Files(memory).read(STATE)
    work(memory, "two")
    assert older is not None
    Files(memory).put(STATE, older)
    with pytest.raises(UserError, match=r"gone another way, or is an older copy.*take that folder away"):
        work(memory, "three")
    Files(memory).put(STATE, json.dumps({"run": "other", "number": 9, "id": "x"}).encode())
    with pytest.raises(UserError, match="is another run"):
        noted(memory)
    shutil.rmtree(home_of(memory))
    assert noted(memory) == ["one", "two"]


@pytest.mark.parametrize("damage", [b"no database at all", b"SQLite format 3\0" + b"\0" * 4000])
def test_a_damaged_database_is_a_sentence_and_stays_one(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    work(memory, "one")
    good = Files(memory).read(DATABASE)
    assert good is not None
    Files(memory).put(DATABASE, damage)
    with machine("another", tmp_path, monkeypatch):
        for _ in range(2):
            with pytest.raises(UserError, match=r"run.sqlite is damaged .*bring it back from a copy"):
                noted(memory)
        Files(memory).delete([DATABASE])
        with pytest.raises(UserError, match=r"has a run.json and no run.sqlite"):
            work(memory, "two")
        Files(memory).put(DATABASE, good)
        assert noted(memory) == ["one"]


def test_what_is_no_run_is_refused(memory: str) -> None:
    with pytest.raises(UserError, match="is not a run"):
        noted(memory)
    with pytest.raises(UserError, match="there is no run at .* to resume"), kept(memory, resume=True, say=print):
        pass
    Files(memory).put("photos/cat.jpg", b"")
    with pytest.raises(UserError, match=r"holds other things \(photos/cat.jpg\)"):
        work(memory, "one")
    assert list(Files(memory).listing()) == ["photos/cat.jpg"]


def test_a_folder_that_somebody_copied_there_is_a_run_too(memory: str) -> None:
    work(memory, "one")
    Files(memory).delete([STATE])
    shutil.rmtree(home_of(memory))
    assert noted(memory) == ["one"]
    work(memory, "two")
    assert noted(memory) == ["one", "two"]


def test_the_database_that_is_put_is_whole_whatever_is_written_meanwhile(memory: str) -> None:
    stop = []
    with kept(memory, resume=False, say=print) as keeper:
        note(keeper, "0")
        with closing(sqlite3.connect(keeper.home / DATABASE)) as db:
            db.execute("PRAGMA wal_autocheckpoint = 0")  # what is new is in the log beside it alone
            for i in range(1, 9):
                db.executemany("INSERT INTO noted VALUES (?)", [[f"{i}"]] * 2)
                db.commit()
                db.execute("INSERT INTO noted VALUES ('not committed')")
                keeper.put()
                db.rollback()
                (keeper.home / "copy").write_bytes(Files(memory).read(DATABASE) or b"")
                with closing(sqlite3.connect(keeper.home / "copy")) as copy:
                    found = [row[0] for row in copy.execute("SELECT what FROM noted")]
                stop.append(found[-2:] == [f"{i}"] * 2 and len(found) == 1 + 2 * i)
    assert all(stop)
    assert not [name for name in Files(memory).listing() if name.endswith(("-wal", "-shm", ".lock"))]
