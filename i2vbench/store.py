"""A run on disk: `run.json`, `run.sqlite`, `videos/`, `first_frames/`, `features/`, `tables/`, `log.txt`.

`run.json` holds what decides the numbers and is written first; `run.sqlite` (WAL, one transaction per result) holds
the plan, the state of every clip, and the measurements. A file that the database names was complete on disk before
the database named it, so a process killed at any instant leaves nothing half-done that a later one would believe.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import filelock
import numpy as np

from i2vbench.database import connect_read_only
from i2vbench.errors import UserError
from i2vbench.files import atomic_file, write_json
from i2vbench.place import Place
from i2vbench.reading import FAILED_BY, ROWS_AT_ONCE, Reading, as_list, readable
from i2vbench.rows import ClipState, MeasurementRow
from i2vbench.run_file import read_settings
from i2vbench.timings import timed
from i2vbench.types import Measurement, PlannedClip, Sample

REFERENCE = ""
"""Stands for a model's name where the real clips are meant."""

Merge = Callable[[dict[str, Any], Mapping[str, Any]], Mapping[str, Any]]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sample (
    id TEXT PRIMARY KEY, position INTEGER NOT NULL, category TEXT NOT NULL, prompt TEXT NOT NULL,
    objects TEXT NOT NULL, scene TEXT NOT NULL, first_frame TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clip (
    model TEXT NOT NULL, sample TEXT NOT NULL REFERENCES sample(id), seed INTEGER NOT NULL,
    request_seed INTEGER NOT NULL, position INTEGER NOT NULL, batch INTEGER NOT NULL, video TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'owed' CHECK (state IN ('owed', 'done', 'failed', 'not_applicable')), reason TEXT,
    PRIMARY KEY (model, sample, seed)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS clip_by_position ON clip (model, position);
CREATE INDEX IF NOT EXISTS clip_by_batch ON clip (model, batch, state);
CREATE TABLE IF NOT EXISTS measurement (
    metric TEXT NOT NULL, model TEXT NOT NULL, sample TEXT NOT NULL REFERENCES sample(id), seed INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('done', 'failed', 'not_applicable')),
    value REAL, features TEXT, details TEXT NOT NULL DEFAULT '{}', reason TEXT,
    PRIMARY KEY (model, sample, seed, metric)
) STRICT, WITHOUT ROWID;
"""


class Store(Reading):
    """Reads and writes one run. Threads may share it; processes may not (see `open`).

    Args:
        folder: The run's folder, which `create` has laid out.
        lock: The run's lock, which this process holds; None opens the run for reading.
    """

    def __init__(self, folder: Path, lock: filelock.BaseFileLock | None = None) -> None:
        self.folder = folder
        self._lock = lock
        self._mutex = threading.RLock()
        path = folder / "run.sqlite"
        if lock is None:
            self._db = connect_read_only(path)
        else:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)

    # -- opening ------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, folder: Path, settings: Mapping[str, Any], merge: Merge = lambda old, new: new) -> Store:
        """Open the run at `folder` for work, laying it out if it is not there.

        Args:
            folder: Made if it is not there.
            settings: What `run.json` is to say.
            merge: Makes of the settings on disk and these what `run.json` says from now on, or refuses.

        Raises:
            UserError: If another process works on it, or the folder cannot be written to.
        """
        made = not folder.exists()
        if not made and folder.is_dir() and not (folder / "run.json").exists():
            others = sorted(
                path.name for path in folder.iterdir() if path.name not in ("run.lock", ".run.json.partial")
            )
            if others:
                raise UserError(f"{folder} holds other things ({others[0]}) and no run.json; name another --out")
        lock = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(folder / "run.lock")
            lock.acquire(timeout=0)
            if (folder / "run.json").exists():
                before = read_settings(folder)
                settings = merge(before, settings)
                if settings != before:
                    write_json(folder / "run.json", settings)
            else:
                write_json(folder / "run.json", settings)
            for name in ("videos", "first_frames", "features", "tables"):
                (folder / name).mkdir(exist_ok=True)
            return cls(folder, lock)
        except filelock.Timeout as error:
            raise UserError(f"another process works on the run {folder}; wait for it, or name another --out") from error
        except BaseException as error:
            if lock is not None:
                lock.release()
            if made and not (folder / "run.json").exists():
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                reason = error.strerror or error
                raise UserError(f"the run {folder} cannot be written to: {reason}; name another --out") from error
            raise

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open a run to read it; another process may be working on it.

        Raises:
            UserError: If there is no run there, or one of another version's layout.
        """
        read_settings(folder)
        no_plan = UserError(f"{folder} holds no plan yet; run the same command again to go on")
        if not (folder / "run.sqlite").is_file():
            raise no_plan
        with readable(folder):
            store = cls(folder)
            tables = {row[0] for row in store._query("SELECT name FROM pragma_table_list WHERE type = 'table'")}
        if not {"sample", "clip", "measurement"} <= tables:
            store.close()
            raise no_plan
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._mutex:
            self._db.close()
            if self._lock is not None:
                self._lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with timed("database"), self._mutex:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # -- the plan -----------------------------------------------------------------------------------------------

    def plan(self, model: str, plan: Sequence[PlannedClip], batch_size: int) -> None:
        """Write what `model` owes, in batches that stay what they are; a plan that is there already is kept."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (_sample_values(position, sample) for position, sample in enumerate(_samples_of(plan))),
            )
            db.executemany(
                "INSERT OR IGNORE INTO clip (model, sample, seed, request_seed, position, batch, video) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (model, p.sample.id, p.seed, p.request_seed, i, i // batch_size, video_path(model, p))
                    for i, p in enumerate(plan)
                ),
            )

    def owed_batches(self, model: str) -> list[int]:
        """Batches in which a clip is still owed; such a batch is generated again as a whole."""
        rows = self._query("SELECT DISTINCT batch FROM clip WHERE model = ? AND state = 'owed' ORDER BY batch", model)
        return [row[0] for row in rows]

    def lose_missing_files(self, models: Iterable[str], place: Place | None = None) -> None:
        """Owe again what the store believes to have and the disk does not: videos of these models, any features."""
        there = (place or Place(self.folder)).look()
        for model in models:
            done = self._rows("SELECT batch, video FROM clip WHERE model = ? AND state = 'done'", model)
            self.owe_again(model, {batch for batch, video in done if not there(video)})
        kept = self._rows("SELECT model, sample, seed, metric, features FROM measurement WHERE features IS NOT NULL")
        self.forget_measurements([row[:4] for row in kept if not there(row[4])])

    def finish_batch(self, model: str, states: Mapping[tuple[str, int], tuple[ClipState, str | None]]) -> None:
        """Record what became of every clip of one batch, by (sample id, seed), in one transaction."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE clip SET state = ?, reason = ? WHERE model = ? AND sample = ? AND seed = ?",
                [(state, reason, model, sample, seed) for (sample, seed), (state, reason) in states.items()],
            )

    def finish_first_frames(self, paths: Mapping[str, str]) -> None:
        """Record where the first frames of these samples are, by sample id."""
        with self._transaction() as db:
            db.executemany("UPDATE sample SET first_frame = ? WHERE id = ?", [(p, s) for s, p in paths.items()])

    def owe_again(self, model: str, batches: Iterable[int]) -> None:
        """Forget the clips of these batches and what was measured of them."""
        with self._transaction() as db:
            for batch in batches:
                db.execute(
                    "DELETE FROM measurement WHERE model = ?1 AND (sample, seed) IN "
                    "(SELECT sample, seed FROM clip WHERE model = ?1 AND batch = ?2)",
                    (model, batch),
                )
                db.execute(
                    "UPDATE clip SET state = 'owed', reason = NULL WHERE model = ? AND batch = ?", (model, batch)
                )

    def forget_measurements(self, keys: Iterable[tuple[str, str, int, str]]) -> None:
        """Owe these again, by model, sample id, seed and metric."""
        with self._transaction() as db:
            db.executemany("DELETE FROM measurement WHERE model = ? AND sample = ? AND seed = ? AND metric = ?", keys)

    def forget_failed(self, models: Iterable[str], metrics: Iterable[str]) -> None:
        """Owe again what these metrics failed on, of these models."""
        with self._transaction() as db:
            for model in models:
                db.execute(f"DELETE FROM measurement WHERE model = ?1 AND {FAILED_BY}", (model, as_list(metrics)))

    # -- measurements -------------------------------------------------------------------------------------------

    def measured(self, model: str, clips: Iterable[tuple[str, int]]) -> set[tuple[str, str, int]]:
        """The records there are of these clips (sample id, seed), as (metric, sample id, seed)."""
        found: set[tuple[str, str, int]] = set()
        wanted = list(clips)
        for some in (wanted[i : i + ROWS_AT_ONCE] for i in range(0, len(wanted), ROWS_AT_ONCE)):
            asked = ", ".join("(?, ?)" for _ in some)
            found.update(
                self._query(
                    f"WITH asked (sample, seed) AS (VALUES {asked}) SELECT m.metric, m.sample, m.seed FROM asked "
                    "CROSS JOIN measurement m ON m.model = ? AND m.sample = asked.sample AND m.seed = asked.seed",
                    *(value for clip in some for value in clip),
                    model,
                )
            )
        return found

    def record(self, rows: Iterable[MeasurementRow]) -> None:
        """Keep records in one transaction; the files of their features are there already."""
        values = [
            (r.metric, r.model, r.sample_id, r.seed, r.state, r.value, r.features, _as_json(r.details), r.reason)
            for r in rows
        ]
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO measurement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def keep(measurement: Measurement, model: str, seed: int, place: Place) -> MeasurementRow:
    """A measurement as the store holds it, once its features are in a file of the run.

    Args:
        measurement: Of one clip.
        model: Whose clip it is; REFERENCE for a real one.
        seed: Of that clip.
        place: Where the run keeps its files.
    """
    features, reason = None, measurement.error if measurement.error is not None else measurement.not_applicable
    if measurement.features is not None:
        features = features_path(measurement.metric, model, measurement.sample_id, seed)
        with timed("features", measurement.metric, clips=1), place.write(features) as path:
            write_array(path, measurement.features)
    state: ClipState = "failed" if measurement.error is not None else "done" if reason is None else "not_applicable"
    m = measurement
    return MeasurementRow(m.metric, model, m.sample_id, seed, state, m.value, features, m.details, reason)


def video_path(model: str, planned: PlannedClip) -> str:
    """Where a clip's video is kept, relative to the run's folder."""
    return f"videos/{folder_name(model)}/{planned.sample.id}-seed{planned.seed}.mp4"


def features_path(metric: str, model: str, sample_id: str, seed: int) -> str:
    """Where the features of a clip (of a real one, if `model` is REFERENCE) are kept, relative to the run's folder."""
    whose = f"models/{folder_name(model)}" if model != REFERENCE else "real"
    return f"features/{folder_name(metric)}/{whose}/{sample_id}-seed{seed}.npy"


def folder_name(name: str) -> str:
    """A safe folder name; names that had to be changed get a hash so that they stay apart."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".-") or "_"
    if safe == name and len(name) <= 80:
        return safe
    return f"{safe[:80]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _as_json(details: Mapping[str, Any]) -> str:
    return json.dumps(dict(details), allow_nan=False)


def write_array(path: Path, array: np.ndarray[Any, Any]) -> None:
    """Write a .npy file so that it is either whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        np.save(file, array, allow_pickle=False)


def _samples_of(plan: Sequence[PlannedClip]) -> list[Sample]:
    return list({planned.sample.id: planned.sample for planned in plan}.values())


def _sample_values(position: int, sample: Sample) -> tuple[Any, ...]:
    objects = json.dumps(list(sample.objects), ensure_ascii=False)
    return sample.id, position, sample.category, sample.prompt, objects, sample.scene
