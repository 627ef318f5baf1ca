"""An SQLite file that the threads of one process share, and that tells its faults in a sentence."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from i2vbench.errors import UserError


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
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            return
        self._db = sqlite3.connect(":memory:" if read_only else path, check_same_thread=False, isolation_level=None)
        with self.told() as db:
            if durable:
                db.execute("PRAGMA synchronous = FULL")
            else:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
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
        try:
            with self._mutex:
                yield self._db
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
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
