"""What is kept beside metadata.csv: proposals and rejections, in one SQLite file that one process works on.

What was accepted is not in it: that is in metadata.csv alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from i2vbench.annotate.proposals import Proposal
from i2vbench.database import Database
from i2vbench.files import hold_lock

FILE = ".i2vbench-annotations.sqlite"
LOCK = ".i2vbench-annotations.lock"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS proposal (
    clip TEXT NOT NULL, proposer TEXT NOT NULL, seen TEXT NOT NULL, PRIMARY KEY (clip, proposer)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejection (id TEXT PRIMARY KEY, clip TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


class Store:
    """The file of one folder, whole at any instant; `clip` is always the hash of a clip's contents.

    Raises:
        UserError: The folder cannot be written to, another process works on it, or the file is not ours.
    """

    def __init__(self, folder: Path) -> None:
        busy = f"{folder} is being annotated by another process; stop that one first"
        self._lock = hold_lock(folder / LOCK, busy)
        hint = "delete it to propose anew; what is in metadata.csv stays, rejections are lost"
        try:
            self._database = Database(folder / FILE, _SCHEMA, hint, durable=True)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._lock.release()

    def proposal(self, clip: str, proposer: str) -> Proposal | None:
        """What was kept, if it was; what cannot be read is proposed anew."""
        with self._database.told() as db:
            found = db.execute("SELECT seen FROM proposal WHERE clip = ? AND proposer = ?", (clip, proposer))
            row = found.fetchone()
        try:
            return None if row is None else Proposal.from_json(row[0])
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def keep(self, clip: str, proposer: str, proposal: Proposal) -> None:
        with self._database.told() as db:
            db.execute("INSERT OR REPLACE INTO proposal VALUES (?, ?, ?)", (clip, proposer, proposal.as_json()))

    def rejections(self) -> dict[str, str]:
        """The contents that were rejected, by sample id."""
        with self._database.told() as db:
            return dict(db.execute("SELECT id, clip FROM rejection"))

    def reject(self, id_: str, clip: str) -> None:
        with self._database.told() as db:
            db.execute("INSERT OR REPLACE INTO rejection VALUES (?, ?)", (id_, clip))

    def unreject(self, id_: str) -> None:
        with self._database.told() as db:
            db.execute("DELETE FROM rejection WHERE id = ?", (id_,))
