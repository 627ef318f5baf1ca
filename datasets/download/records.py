"""What is known of each clip of a download, in an SQLite file: one status record a clip, and the videos that came.

A file that a record names was whole on the disk before the record was written, so a process killed at any instant
leaves nothing half-done that a later one would believe.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Self

from i2vbench.database import Database
from i2vbench.files import file_sha256

DATABASE = ".download.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS clip (
    id TEXT PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('here', 'failed')),
    kind TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
    source TEXT NOT NULL, "start" REAL, "end" REAL, at TEXT NOT NULL,
    file TEXT NOT NULL, bytes INTEGER, mtime_ns INTEGER, sha256 TEXT NOT NULL,
    width INTEGER, height INTEGER, fps REAL, frames INTEGER,
    title TEXT NOT NULL, author TEXT NOT NULL, licence TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS video (
    name TEXT PRIMARY KEY, file TEXT NOT NULL, bytes INTEGER NOT NULL, begins REAL NOT NULL, whole INTEGER NOT NULL,
    description TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class ClipRecord:
    """How it stands with one clip.

    Attributes:
        id: The clip's.
        state: "here" or "failed".
        kind: Of the failure, one of `faults.KINDS`; "" if it is here.
        reason: Of the failure.
        attempts: Downloads tried for it.
        source: The address of its video.
        start: Seconds of the video, as the manifest had it.
        end: Seconds of the video, as the manifest had it.
        at: When this was written, UTC, as 2026-11-29T12:34:56+00:00.
        file: Relative to the folder.
        bytes: The file's size.
        mtime_ns: The file's time, by which a change of it is seen.
        sha256: Of the file.
        width: Pixels.
        height: Pixels.
        fps: Frames per second.
        frames: That the file shows.
        title: What the site says.
        author: What the site says.
        licence: What the site says.
    """

    id: str
    state: str
    kind: str
    reason: str
    attempts: int
    source: str
    start: float | None
    end: float | None
    at: str
    file: str = ""
    bytes: int | None = None
    mtime_ns: int | None = None
    sha256: str = ""
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    frames: int | None = None
    title: str = ""
    author: str = ""
    licence: str = ""

    @property
    def is_here(self) -> bool:
        return self.state == "here"


@dataclass(frozen=True, slots=True)
class VideoRecord:
    """A video, or a section of one, that came and is still needed.

    Attributes:
        name: What its files' names begin with.
        file: Its name.
        bytes: Its size.
        begins: As `site.Fetched` has it.
        whole: As `site.Fetched` has it.
        description: What the site says of it, as JSON.
    """

    name: str
    file: str
    bytes: int
    begins: float
    whole: bool
    description: str


_CLIP = ", ".join(f'"{field.name}"' for field in fields(ClipRecord))
_VIDEO = ", ".join(f'"{field.name}"' for field in fields(VideoRecord))


class Records:
    """The records of a folder, whose lock this process holds. Threads may share it.

    Raises:
        UserError: The file is not such a database, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database = Database(folder / DATABASE, _SCHEMA, "delete it to begin anew")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def clips(self) -> dict[str, ClipRecord]:
        """All records of clips, by id."""
        return {row[0]: ClipRecord(*row) for row in self._rows(f"SELECT {_CLIP} FROM clip")}

    def save_clips(self, records: Iterable[ClipRecord]) -> None:
        """Write records, all of them or none."""
        marks = ", ".join("?" * len(fields(ClipRecord)))
        with self._database.at_once() as db:
            db.executemany(f"REPLACE INTO clip ({_CLIP}) VALUES ({marks})", [astuple(r) for r in records])

    def video(self, name: str) -> VideoRecord | None:
        """A video that is still there, whole."""
        rows = self._rows(f"SELECT {_VIDEO} FROM video WHERE name = ?", name)
        return VideoRecord(*rows[0]) if rows else None

    def save_video(self, record: VideoRecord) -> None:
        marks = ", ".join("?" * len(fields(VideoRecord)))
        self._rows(f"REPLACE INTO video ({_VIDEO}) VALUES ({marks})", *astuple(record))

    def forget_video(self, name: str) -> None:
        self._rows("DELETE FROM video WHERE name = ?", name)

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._database.told() as db, closing(db.execute(sql, values)) as cursor:
            return cursor.fetchall()

    def is_here(self, record: ClipRecord) -> bool:
        """Whether a clip's file is there and still the one that was recorded."""
        path = self._folder / record.file
        if not record.is_here or not path.is_file():
            return False
        facts = path.stat()
        if facts.st_size != record.bytes:
            return False
        return facts.st_mtime_ns == record.mtime_ns or file_sha256(path) == record.sha256
