"""What curation has measured, in one SQLite file that one process works on.

- measurement: what was seen of an item by a stage; `key` names all that decided it, so that what was measured under
  other settings, or of another file, is measured anew.
- written: the cells of each row of metadata.csv as curation wrote them last; edited: those that a person has changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

from i2vbench.database import Database
from i2vbench.errors import UserError
from i2vbench.files import hold_lock
from i2vbench.parsing import parse_json

if TYPE_CHECKING:
    from filelock import FileLock

FOLDER = ".curation"
"""Below the data set's folder: the file, the videos and clips that curation works on."""

Array = npt.NDArray[np.float32]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS measurement (
    stage TEXT NOT NULL, item TEXT NOT NULL, key TEXT NOT NULL, day TEXT NOT NULL, facts TEXT NOT NULL, features BLOB,
    PRIMARY KEY (stage, item)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS written (item TEXT PRIMARY KEY, cells TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS edited (item TEXT PRIMARY KEY, cells TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a stage saw of an item.

    Attributes:
        facts: Numbers and texts, as JSON holds them.
        features: Of a network, float32; None if it has none.
    """

    facts: Mapping[str, Any]
    features: Array | None = field(default=None, compare=False)


class Store:
    """The measurements of one data set; threads may share it.

    Args:
        folder: The data set's; made if it is not there.
        read_only: Nothing is made or changed; what is not there is empty.

    Raises:
        UserError: The folder cannot be written to, another process curates it, or the file is not ours.
    """

    def __init__(self, folder: Path, read_only: bool = False) -> None:
        self._lock: FileLock | None = None
        path = folder / FOLDER / "curation.sqlite"
        if not read_only:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"{folder} cannot be written to: {error.strerror}") from error
            busy = f"{folder} is being curated by another process; wait, or name another --out"
            self._lock = hold_lock(path.with_name("lock"), busy)
        try:
            self._database = Database(path, _SCHEMA, "delete it to measure anew", read_only=read_only)
        except BaseException:
            self._release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._release()

    def _release(self) -> None:
        if self._lock:
            self._lock.release()

    def measured(self, stage: str, keys: Mapping[str, str]) -> dict[str, Measured]:
        """What was seen of these items under these keys; without features."""
        with self._database.told() as db:
            rows = db.execute("SELECT item, key, facts FROM measurement WHERE stage = ?", (stage,))
            return {item: Measured(parse_json(facts)) for item, key, facts in rows if keys.get(item) == key}

    def features(self, stage: str, items: Iterable[str]) -> dict[str, Array]:
        """The features of those items that have them."""
        wanted = frozenset(items)
        with self._database.told() as db:
            rows = db.execute("SELECT item, features FROM measurement WHERE stage = ?", (stage,))
            return {item: np.frombuffer(blob, np.float32) for item, blob in rows if item in wanted and blob is not None}

    def keep(self, stage: str, item: str, key: str, seen: Measured) -> None:
        """One measurement; on the disk, or with those before it, when this returns."""
        blob = None if seen.features is None else np.ascontiguousarray(seen.features, np.float32).tobytes()
        with self._database.told() as db:
            db.execute(
                "INSERT OR REPLACE INTO measurement VALUES (?, ?, ?, ?, ?, ?)",
                (
                    stage,
                    item,
                    key,
                    datetime.now(UTC).date().isoformat(),
                    json.dumps(seen.facts, ensure_ascii=False),
                    blob,
                ),
            )

    def days(self, stages: Sequence[str] = ()) -> tuple[str, str]:
        """The first and the last day on which something was measured (by these stages), as "2026-11-29"; "" if none."""
        among = f"WHERE stage IN ({', '.join('?' * len(stages))})" if stages else ""
        with self._database.told() as db:
            first, last = db.execute(f"SELECT min(day), max(day) FROM measurement {among}", stages).fetchone()
        return first or "", last or ""

    def cells(self, table: Literal["written", "edited"]) -> dict[str, dict[str, str]]:
        """The cells of rows of metadata.csv, by item and column."""
        with self._database.told() as db:
            return {item: parse_json(cells) for item, cells in db.execute(f"SELECT item, cells FROM {table}")}

    def keep_cells(self, table: Literal["written", "edited"], rows: Mapping[str, Mapping[str, str]]) -> None:
        """Replace what is known of these items' rows."""
        with self._database.at_once() as db:
            db.executemany(
                f"INSERT OR REPLACE INTO {table} VALUES (?, ?)",
                [(item, json.dumps(cells, ensure_ascii=False)) for item, cells in rows.items()],
            )

    def items(self, stage: str) -> set[str]:
        """Whatever a stage has ever measured and not forgotten."""
        with self._database.told() as db:
            return {item for (item,) in db.execute("SELECT item FROM measurement WHERE stage = ?", (stage,))}
