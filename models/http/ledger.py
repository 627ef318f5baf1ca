"""What was sent and may have been paid for: one row a request, written before anything is sent.

sending    about to be sent, or on its way; after a kill nobody knows whether it arrived
unknown    sent, and no answer says whether it was accepted
accepted   the API took it: it is paid for, and its job is asked for its video
done       the video is here
failed     the API says that its job failed: it counts as paid for
refused    the API refused it, or nothing could be sent: it was not paid for
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from i2vbench.database import Database
from i2vbench.errors import UserError
from i2vbench.files import hold_lock

State = Literal["sending", "unknown", "accepted", "done", "failed", "refused"]

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS requests (
    key TEXT PRIMARY KEY,          -- a hash of everything that decides the video
    sample TEXT NOT NULL,
    seed INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({", ".join(f"'{state}'" for state in get_args(State))})),
    payments INTEGER NOT NULL,     -- times that it was sent and may have been paid for
    token TEXT NOT NULL,           -- of the last sending, for APIs that know one sent twice
    sent REAL NOT NULL,            -- when, in seconds since 1970
    job TEXT NOT NULL DEFAULT '',  -- the API's id
    reason TEXT NOT NULL DEFAULT '',
    sha256 TEXT NOT NULL DEFAULT '',
    codec TEXT NOT NULL DEFAULT '' -- of the video as it came
) STRICT;
"""

NAME = "ledger.sqlite"


class BudgetSpent(Exception):
    """As many requests as the budget allows were sent."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request's row."""

    state: State
    payments: int
    token: str
    sent: float
    job: str
    reason: str
    sha256: str


class Ledger:
    """The ledger in a folder, made if it is not there; this process alone may use it until it is closed.

    Raises:
        UserError: Another process holds it; it cannot be written, or is damaged.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / NAME
        self._lock = hold_lock(folder / "ledger.lock", f"{path} is in use: another process sends requests by it")
        hint = "it says what was paid for, so nothing is sent without it; bring it back from a copy, or begin a new run"
        try:
            self._db = Database(path, _SCHEMA, hint, durable=True)
        except UserError:
            self._lock.release()
            raise

    def close(self) -> None:
        self._db.close()
        self._lock.release()

    def entry(self, key: str) -> Entry | None:
        with self._db.told() as db:
            row = db.execute(
                "SELECT state, payments, token, sent, job, reason, sha256 FROM requests WHERE key = ?", (key,)
            ).fetchone()
        return Entry(*row) if row else None

    def spent(self) -> int:
        """Requests that were sent and may have been paid for."""
        with self._db.told() as db:
            return int(db.execute("SELECT COALESCE(SUM(payments), 0) FROM requests").fetchone()[0])

    def is_proven(self) -> bool:
        """Whether a video came back as the description states it."""
        with self._db.told() as db:
            return (
                db.execute("SELECT 1 FROM requests WHERE state = 'done' AND reason = '' LIMIT 1").fetchone() is not None
            )

    def begin(self, key: str, sample: str, seed: int, token: str, budget: int) -> None:
        """Note that a request is about to be sent and paid for, under a token of its own.

        Raises:
            BudgetSpent: So many as the budget allows were sent already; nothing is noted.
        """
        with self._db.at_once() as db:
            if self.spent() >= budget:
                raise BudgetSpent
            db.execute(
                "INSERT INTO requests (key, sample, seed, state, payments, token, sent) "
                "VALUES (?, ?, ?, 'sending', 1, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET state = 'sending', payments = payments + 1, token = excluded.token, "
                "sent = excluded.sent, job = '', reason = '', sha256 = '', codec = ''",
                (key, sample, seed, token, time.time()),
            )

    def refused(self, key: str, reason: str) -> None:
        """It was not paid for."""
        self._set(key, "state = 'refused', payments = payments - 1, reason = ?", reason)

    def unknown(self, key: str, reason: str) -> None:
        self._set(key, "state = 'unknown', reason = ?", reason)

    def accepted(self, key: str, job: str) -> None:
        self._set(key, "state = 'accepted', job = ?, reason = ''", job)

    def lost(self, key: str, reason: str) -> None:
        """It is paid for, and its video could not be had."""
        self._set(key, "reason = ?", reason)

    def failed(self, key: str, reason: str) -> None:
        self._set(key, "state = 'failed', reason = ?", reason)

    def done(self, key: str, sha256: str, codec: str, reason: str) -> None:
        """Its video is here; `reason` says what about it is not as stated, "" if all is."""
        self._set(key, "state = 'done', sha256 = ?, codec = ?, reason = ?", sha256, codec, reason)

    def _set(self, key: str, what: str, *values: str) -> None:
        with self._db.at_once() as db:
            db.execute(f"UPDATE requests SET {what} WHERE key = ?", (*values, key))
