"""An SQLite file that the threads of one process share, and that tells its faults in a sentence."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from i2vbench.errors import UserError

MOST_BYTES = 64 << 20
"""Of a text or a row that is read: a column can be stated that makes a gigabyte of nothing for every row."""


class Database:
    """A file with a schema, made if it is not there. Whoever opens it for writing holds its lock (`hold_lock`).

    Args:
        path: The file.
        schema: SQL that may be run on a database that has it.
        hint: What to do with a damaged file.
        durable: Whether each write is on the disk when it returns; else it may be lost with the power, never by a kill.
        read_only: Nothing is made or changed; a file that is not there is empty.

    Raises:
        UserError: The file cannot be read or written, or is not ours.
    """

    def __init__(self, path: Path, schema: str, hint: str, *, durable: bool = False, read_only: bool = False) -> None:
        self._mutex = threading.RLock()
        self._path, self._hint = path, hint
        if read_only and path.is_file():
            with self._sentence():
                self._db = connect_read_only(path)
            return
        place = ":memory:" if read_only else path
        with self._sentence():
            self._db = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
        with self.told() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.executescript(schema)

    def close(self) -> None:
        with self._mutex:
            self._db.close()

    @contextmanager
    def told(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone.

        Raises:
            UserError: The file cannot be read or written, or is damaged.
        """
        with self._sentence(), self._mutex:
            yield self._db

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UserError(f"{self._path} cannot be read or written: {error}") from error
        except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
            raise UserError(f"{self._path} is damaged ({error}): {self._hint}") from error

    @contextmanager
    def at_once(self) -> Iterator[sqlite3.Connection]:
        """The same, and all that is done is done together or not at all."""
        with self.told() as db:
            db.execute("BEGIN")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk may have ended it already
                    db.execute("ROLLBACK")
                raise


def make_private(path: Path) -> None:
    """Make an empty file that only its owner can read, if there is none; SQLite's files beside it follow it.

    Raises:
        UserError: It cannot be made.
    """
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise UserError(f"{path} cannot be read or written: {error.strerror}") from error


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that reads what is committed, also from a folder that cannot be written to.

    Raises:
        UserError: What is committed cannot be seen, because the folder is read-only and holds an unmerged log.
    """
    address = f"{path.resolve().as_uri()}?mode=ro"
    db = _careful(sqlite3.connect(address, uri=True, check_same_thread=False))
    try:
        db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        # WAL wants to write its index beside the file; on a read-only file system nobody else can be writing.
        db.close()
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size > 0:
            raise UserError(
                f"{path} cannot be read: {log.name} holds results that are not merged yet, and the folder is "
                "read-only; make it writable, or copy it"
            ) from error
        db = _careful(sqlite3.connect(f"{address}&immutable=1", uri=True, check_same_thread=False))
    return db


def _careful(db: sqlite3.Connection) -> sqlite3.Connection:
    """A connection to a file that may be somebody else's: what its schema computes calls nothing, and is small."""
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    db.execute("PRAGMA trusted_schema = OFF")
    return db
