"""A run's home on this machine, and bringing what is at its address there."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from i2vbench.database import connect_read_only
from i2vbench.errors import UserError
from i2vbench.files import hold_lock, write_json
from i2vbench.parsing import parse_json
from i2vbench.place import FOLDERS
from i2vbench.storage import lock
from i2vbench.storage.address import home_of, lock_of, record_of
from i2vbench.storage.files import FETCHED, Files, Tell
from i2vbench.typed import typed

STATE = "state.json"
DATABASE = "run.sqlite"

_NOT_BROUGHT = (STATE, lock.NAME)


@dataclass(frozen=True, slots=True)
class State:
    """Which run it is, and the last time that it was put at the address.

    Attributes:
        run: Drawn when the run was first put there; "" of a folder that somebody copied there.
        number: How often it was put there; 0 for never.
        id: Drawn each time.
    """

    run: str = ""
    number: int = 0
    id: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What a machine knows of a home, beside it.

    Attributes:
        address: Whose home it is.
        state: What the home was when it was last put there, or brought from there.
        coming: What it is being put there as: whether that came to be may be unknown.
        token: Of who last locked the address from here.
    """

    address: str
    state: State = field(default_factory=State)
    coming: State | None = None
    token: str | None = None

    def write(self) -> None:
        path = record_of(home_of(self.address))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self))

    @classmethod
    def of(cls, address: str) -> Record:
        """What is known; nothing where there is no home."""
        home = home_of(address)
        try:
            found = parse_json(record_of(home).read_text(encoding="utf-8"))
            coming = found["coming"]
            record = cls(address, State(**found["state"]), coming and State(**coming), found["token"])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(address)
        # A home that was taken away takes what is known of its state with it.
        return record if (home / "run.json").is_file() else cls(address, token=record.token)


def state_at(files: Files) -> State | None:
    """What is at an address; None if there is no run.

    Raises:
        UserError: It is none of ours.
        OSError: It cannot be told.
    """
    content = files.read(STATE)
    if content is None:
        return State() if files.read("run.json") is not None else None
    try:
        state: State = typed(State, parse_json(content), "")
    except (ValueError, TypeError) as error:
        raise UserError(f"{files.address}/{STATE} is damaged, or not a run's: {error}") from error
    return state


def bring(files: Files, record: Record, say: Callable[[str], object], tell: Tell = lambda done, total: None) -> Record:
    """Have the home hold the run as it is at the address, unless it holds that already, or goes on from there.

    Args:
        files: What lies there.
        record: Of the home, whose lock this process holds.
        say: Tells the user what is done.
        tell: Is told how many files are there, and of how many.

    Returns:
        What is known of the home now.

    Raises:
        UserError: The two have gone different ways, or what is there is damaged.
        OSError: The address cannot be reached.
    """
    home, there = home_of(files.address), state_at(files)
    here = record.state if (home / "run.json").is_file() else None
    if there is None or not _newer(there, here, record.coming, files.address, home):
        return record
    listing = files.listing()
    if DATABASE not in listing:
        raise UserError(f"{files.address} has a run.json and no {DATABASE}; bring it back from a copy, or delete both")
    if here is not None and here.number:
        say(f"note: {files.address} was gone on with elsewhere; what is there takes the place of {home}")
    _clear(home, listing)
    files.fetch({name: size for name, size in listing.items() if _is_the_runs(name)}, home, tell)
    _check(home, files.address)
    record = Record(files.address, there, None, record.token)
    record.write()
    return record


def brought(
    address: str,
    folders: tuple[str, ...],
    say: Callable[[str], object],
    tell: Tell = lambda done, total: None,
) -> Path:
    """The home of a run that is to be read, as it is at the address; or as it is, while this machine works on it.

    Args:
        address: As `parse_address` writes it.
        folders: Of FOLDERS, those whose files are read.
        say: Tells the user what is done.
        tell: Is told how many files are there, and of how many.

    Raises:
        UserError: There is no run, it is damaged, or it cannot be reached.
    """
    files, home = Files(address), home_of(address)
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        try:
            here = hold_lock(lock_of(home), f"{address}: another process of this machine is bringing it here")
        except UserError:
            if not (home / "run.json").is_file():
                raise
        else:
            try:
                files.reach(STATE)
                bring(files, Record.of(address), say, tell)
            finally:
                here.release()
        if not (home / "run.json").is_file():
            raise UserError(f"{address} is not a run: it has no run.json")
        bring_files(files, folders, tell)
    except OSError as error:
        raise UserError(f"the run {address} cannot be read: {error.strerror or error}") from error
    return home


def bring_files(files: Files, folders: tuple[str, ...], tell: Tell = lambda done, total: None) -> None:
    """Have the home hold copies of what workers made, too: what is not there yet, or was made anew.

    Raises:
        OSError: The address cannot be reached.
    """
    home = home_of(files.address)
    wanted = {
        name: size
        for name, size in files.listing().items()
        if name.startswith(tuple(f"{folder}/" for folder in folders)) and _size(home / name) != size
    }
    if wanted:
        files.fetch(wanted, home, tell)


def is_taken(files: Files) -> str | None:
    """The name of something that lies at an address without a run; None where nothing does."""
    begun = (lock.NAME, DATABASE, "log.txt")  # by a machine that was lost before it was through with the first put
    return next((name for name in sorted(files.listing()) if name not in begun), None)


def _newer(there: State, here: State | None, coming: State | None, address: str, home: Path) -> bool:
    """Whether what is at the address has what the home has not.

    Raises:
        UserError: Each has what the other has not.
    """
    if here is None or (here.number == 0 and there.number > 0):  # nothing of the home ever came there
        return True
    if there in (here, coming):
        return False
    if there.run == here.run and there.number > here.number:
        return True
    how = "is another run" if there.run != here.run else "has gone another way, or is an older copy"
    raise UserError(
        f"{address} {how} than its copy in {home}: take that folder away to go on with what is at the address, or "
        "name another --out"
    )


def _is_the_runs(name: str) -> bool:
    """Whether a file is one of those that the one who directs keeps."""
    first, _, rest = name.partition("/")
    return not (rest and first in FOLDERS) and name not in _NOT_BROUGHT


def _clear(home: Path, listing: Mapping[str, int]) -> None:
    """Take away what is to be brought, and copies of what is another file by now."""
    for name in ("run.json", DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "log.txt"):
        (home / name).unlink(missing_ok=True)
    for left in (home / "tables", *home.glob(f"{FETCHED}*")):
        shutil.rmtree(left, ignore_errors=True)
    for folder in FOLDERS:
        for path in [path for path in (home / folder).rglob("*") if path.is_file()]:
            if listing.get(path.relative_to(home).as_posix()) != _size(path):
                path.unlink()


def _check(home: Path, address: str) -> None:
    """Refuse a database that is damaged; it is brought again the next time.

    Raises:
        UserError: With what SQLite says.
    """
    try:
        with closing(connect_read_only(home / DATABASE)) as db:
            found: Any = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = error
    if found != "ok":
        (home / "run.json").unlink(missing_ok=True)
        raise UserError(f"{address}/{DATABASE} is damaged ({found}); bring it back from a copy, or name another --out")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
