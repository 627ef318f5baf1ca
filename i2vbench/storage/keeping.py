"""Putting a run's home at its address while the run goes on: the database as of one instant, and what is beside it."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from i2vbench.database import connect_read_only
from i2vbench.errors import UserError
from i2vbench.files import hold_lock
from i2vbench.place import FOLDERS
from i2vbench.storage.address import home_of, lock_of
from i2vbench.storage.files import Files
from i2vbench.storage.home import DATABASE, STATE, Record, State, bring, bring_files, is_taken
from i2vbench.storage.lock import Lock, new_token

EVERY_SECONDS = 60.0
"""How often a run is put at its address. What was done since is done again where this machine is lost."""

LEAST_SHARE = 10
"""Putting takes at most one part in so many of the time, however long it takes."""


class Keeper:
    """The one who directs a run at an address, on the way between its home and there."""

    def __init__(self, files: Files, record: Record, lock: Lock, say: Callable[[str], object]) -> None:
        self.files, self.home = files, home_of(files.address)
        self._record, self._lock, self._say = record, lock, say
        self._mutex = threading.Lock()
        self._put_before: dict[str, tuple[int, ...]] = {}  # what each file was when it was put there
        self._ended = threading.Event()

    @contextmanager
    def going_on(self, stop: threading.Event) -> Iterator[None]:
        """Put the run there now, and again as long as the block lasts.

        Args:
            stop: Is set when another machine takes over.

        Raises:
            OSError: It cannot be put there in the beginning; later that is a note, and tried again.
            UserError: Another machine has taken over.
        """
        self._lock.when_lost(stop.set)
        self.put()
        thread = threading.Thread(target=self._put_on_and_on, name="keep", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
        self._lock.check()

    def put(self) -> None:
        """Put there what has changed here.

        Raises:
            OSError: It cannot be put there.
            UserError: Another machine has taken over.
        """
        with self._mutex:
            self._lock.check()
            changed = self._changed()
            if not changed:
                return
            last = self._record.state
            coming = State(last.run or new_token(), last.number + 1, new_token())
            self._record = replace(self._record, coming=coming)
            self._record.write()
            for name, seen in changed.items():
                self.files.put(name, _snapshot(self.home) if name == DATABASE else (self.home / name).read_bytes())
                self._put_before[name] = seen
            self.files.put(STATE, json.dumps(asdict(coming)).encode())
            self._record = replace(self._record, state=coming, coming=None)
            self._record.write()

    def bring_features(self) -> None:
        """Have here what tables are made of.

        Raises:
            OSError: The address cannot be reached.
        """
        bring_files(self.files, ("features",))

    def _put_on_and_on(self) -> None:
        wait = EVERY_SECONDS
        while not self._ended.wait(wait):
            began = time.monotonic()
            try:
                self.put()
            except UserError:
                return  # another machine has taken over; `going_on` says so
            except (OSError, sqlite3.Error) as error:
                self._say(f"note: the run is kept in {self.home} alone for now: {getattr(error, 'strerror', error)}")
            wait = max(EVERY_SECONDS, LEAST_SHARE * (time.monotonic() - began))

    def _changed(self) -> dict[str, tuple[int, ...]]:
        """Files of the home that are not at the address as they are here; run.json, which makes it a run, is last."""
        found: dict[str, tuple[int, ...]] = {}
        for name in _names(self.home):
            seen = _seen(self.home / name)
            if name == DATABASE:  # what is new is first in the log beside it
                seen += _seen(self.home / f"{name}-wal")
            if self._put_before.get(name) != seen:
                found[name] = seen
        last = ("", DATABASE, "run.json")
        order = sorted(found, key=lambda name: (last.index(name) if name in last else 0, name))
        return {name: found[name] for name in order}


@contextmanager
def kept(address: str, resume: bool, say: Callable[[str], object]) -> Iterator[Keeper]:
    """A run at an address, this process's alone: locked here and there, and brought here where it is newer there.

    However the block ends, what is done is put there, as far as that is possible.

    Raises:
        UserError: Somebody else works on it; there is none to resume; other things lie there.
        OSError: The address cannot be reached.
    """
    files, home = Files(address), home_of(address)
    home.parent.mkdir(parents=True, exist_ok=True)
    here = hold_lock(
        lock_of(home), f"another process of this machine works on the run {address}; wait for it, or name another --out"
    )
    try:
        files.reach(STATE)
        record, token = Record.of(address), new_token()
        lock = Lock.take(files, token, record.token, say)
        try:
            record = replace(record, token=token)
            record.write()
            record = bring(files, record, say)
            if not (home / "run.json").is_file():
                if resume:
                    raise UserError(f"there is no run at {address} to resume")
                if other := is_taken(files):
                    raise UserError(f"{address} holds other things ({other}) and no run.json; name another --out")
            say(f"{address}: worked on in {home}, and put there every {EVERY_SECONDS:.0f} s")
            keeper = Keeper(files, record, lock, say)
            try:
                yield keeper
            except BaseException:
                _try_to_put(keeper)
                raise
            keeper.put()
        finally:
            lock.release()
    finally:
        here.release()


def put_tables(address: str) -> None:
    """Put the tables of a run that has ended at its address.

    Raises:
        OSError: They cannot be put there.
    """
    home = home_of(address)
    for name in [name for name in _names(home) if name.startswith("tables/")]:
        Files(address).put(name, (home / name).read_bytes())


def _try_to_put(keeper: Keeper) -> None:
    """Once more before the end, whose reason is told by who raised it."""
    try:
        if (keeper.home / DATABASE).is_file():
            keeper.put()
    except (OSError, sqlite3.Error, UserError):
        pass


def _names(home: Path) -> list[str]:
    """What the home keeps at the address, relative to it: all but what workers put there, and this machine's own."""
    found = []
    for folder, folders, files in os.walk(home):
        inside = Path(folder).relative_to(home)
        folders[:] = [
            name for name in folders if not (name.startswith(".") or (folder == str(home) and name in FOLDERS))
        ]
        found += [
            (inside / name).as_posix()
            for name in files
            if not name.startswith(".") and not name.endswith((".lock", "-wal", "-shm"))
        ]
    return found


def _seen(path: Path) -> tuple[int, ...]:
    """What tells a file from what it was: its size and time."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return 0, 0
    return there.st_size, there.st_mtime_ns


def _snapshot(home: Path) -> bytes:
    """The database as of one instant, whatever is being written to it meanwhile."""
    with tempfile.TemporaryDirectory(prefix="i2vbench-") as room:
        path = Path(room) / DATABASE
        with closing(connect_read_only(home / DATABASE)) as now, closing(sqlite3.connect(path)) as copy:
            now.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, complete in itself
        return path.read_bytes()
