"""The reading half of a run's database; it may come from somebody else, so every row is checked as it is read."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from i2vbench.database import connect_read_only
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error, read_array
from i2vbench.parsing import parse_json
from i2vbench.rows import ClipRow, ClipState, MeasurementLot, MeasurementRow, SampleRow, parse_details
from i2vbench.timings import timed
from i2vbench.types import Measurement

_RECORDS = "SELECT metric, model, sample, seed, state, value, features, details, reason FROM measurement"

_CLIPS = "SELECT model, sample, seed, request_seed, position, batch, video, state, reason FROM clip"

FAILED_BY = "state = 'failed' AND metric IN (SELECT value FROM json_each(?2))"

ROWS_AT_ONCE = 500
"""So many stay in the processor's cache while they are looked through."""


class Reading:
    """What a run's database and its folder hold; `Store` opens it, and writes.

    Attributes:
        folder: The run's folder.
    """

    folder: Path
    _db: sqlite3.Connection
    _mutex: threading.RLock

    def count_clips(self, model: str, batch: int | None = None) -> int:
        """How many clips a model's plan, or one batch of it, has."""
        where, values = _where(model=model, batch=batch)
        count: int = self._query(f"SELECT count(*) FROM clip{where}", *values)[0][0]
        return count

    def batch_of_clips(self, model: str) -> list[tuple[int, int]]:
        """The position in the plan and the batch of each of a model's clips, in the plan's order."""
        return self._query("SELECT position, batch FROM clip WHERE model = ? ORDER BY position", model)

    def samples(self) -> list[SampleRow]:
        """The samples of the plan, in the data set's order."""
        rows = self._query(
            "SELECT id, position, category, prompt, objects, scene, first_frame FROM sample ORDER BY position"
        )
        with readable(self.folder):
            return [SampleRow(r[0], r[1], r[2], r[3], _texts_of(r[4]), r[5], r[6]) for r in rows]

    def without_first_frame(self) -> set[str]:
        """Ids of the samples whose first frame is not kept yet."""
        return {id_ for (id_,) in self._query("SELECT id FROM sample WHERE first_frame IS NULL")}

    def clips(
        self,
        model: str | None = None,
        batch: int | None = None,
        positions: range | None = None,
        state: ClipState | None = None,
    ) -> list[ClipRow]:
        """The clips of the plan, in its order; of one model, batch of a model, state or stretch where named."""
        where, values = _where(model=model, batch=batch, state=state)
        if positions is not None:
            where += (" AND" if where else " WHERE") + " position >= ? AND position < ?"
            values += [positions.start, positions.stop]
        # Left to itself, SQLite goes through a model's whole plan for each of its batches.
        index = "" if batch is None else " INDEXED BY clip_by_batch"
        rows = self._query(f"{_CLIPS}{index}{where} ORDER BY model, position", *values)
        with readable(self.folder):
            return [ClipRow(*row) for row in rows]

    def clips_failed_by(self, model: str, metrics: Iterable[str]) -> list[ClipRow]:
        """The clips of a model that are there, and that some of these metrics failed on."""
        rows = self._query(
            f"{_CLIPS} WHERE model = ?1 AND state = 'done' AND (sample, seed) IN "
            f"(SELECT sample, seed FROM measurement WHERE model = ?1 AND {FAILED_BY}) ORDER BY position",
            model,
            as_list(metrics),
        )
        with readable(self.folder):
            return [ClipRow(*row) for row in rows]

    def measurements(self, metric: str | None = None, model: str | None = None) -> Iterator[MeasurementRow]:
        """The records of one metric or model where named, one after the other from the disk."""
        where, values = _where(metric=metric, model=model)
        with readable(self.folder):
            yield from map(
                _measurement_row, self._rows(f"{_RECORDS}{where} ORDER BY model, sample, seed, metric", *values)
            )

    def planned_measurements(
        self, metric: str, model: str, details: Collection[str] | None
    ) -> Iterator[tuple[int, MeasurementRow]]:
        """One metric's records of a model's planned clips, in its order; of the details those named, or all.

        Each is looked up: by `measurements` all that others measured of the model would be gone through.
        """
        names = sorted(details or ())
        wanted = "".join(f", json_extract(m.details, {_quoted(name)})" for name in names)
        sql = (
            "SELECT m.metric, model, sample, seed, m.state, m.value, m.features, m.details, m.reason, c.position"
            f"{wanted} FROM clip c CROSS JOIN measurement m USING (model, sample, seed) "
            "WHERE c.model = ? AND m.metric = ? ORDER BY c.position"
        )
        with readable(self.folder):
            for row in self._rows(sql, model, metric):
                found = row[10:]
                # SQLite takes whole numbers out of a text as they are, and many times faster than it is parsed.
                known = details is not None and all(type(value) is int for value in found)
                yield row[9], _measurement_row(row, dict(zip(names, found, strict=True)) if known else details)

    def measurements_of(self, metric: str, model: str, clips: Iterable[tuple[str, int]]) -> Iterator[MeasurementRow]:
        """One metric's records of these few clips (sample id, seed) of a model."""
        sql = f"{_RECORDS} WHERE model = ? AND sample = ? AND seed = ? AND metric = ?"
        with readable(self.folder), closing(connect_read_only(self.folder / "run.sqlite")) as db:
            for sample, seed in clips:
                yield from map(_measurement_row, db.execute(sql, (model, sample, seed, metric)))

    def measurement_lots(self, model: str, wanted: Sequence[str]) -> Iterator[MeasurementLot]:
        """All records of a model's planned clips without their features, many at once.

        Args:
            model: As its column is called.
            wanted: Names of details; those of a record are read where they may have one of these.
        """
        sql = (
            "SELECT c.position, m.metric, m.state, m.value, m.reason, m.details FROM clip c "
            "CROSS JOIN measurement m USING (model, sample, seed) WHERE c.model = ?"
        )
        words = [json.dumps(name) for name in wanted]
        with readable(self.folder), closing(connect_read_only(self.folder / "run.sqlite")) as db:
            cursor = db.execute(sql, (model,))
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                positions, metrics, states, values, reasons, texts = zip(*rows, strict=True)
                together = "\n".join(texts)  # nearly always none of the words is there
                there = [word for word in words if word in together]
                some = [i for i, text in enumerate(texts) if any(word in text for word in there)] if there else []
                details = {i: parse_details(texts[i]) for i in some}
                yield MeasurementLot(positions, metrics, states, np.array(values, np.float64), reasons, details)

    def count_failed(self) -> int:
        """Clips without a video, and measurements without a number, because something failed."""
        found: int = self._query(
            "SELECT (SELECT count(*) FROM clip WHERE state = 'failed')"
            " + (SELECT count(*) FROM measurement WHERE state = 'failed')"
        )[0][0]
        return found

    def load_measurement(self, row: MeasurementRow) -> Measurement:
        """The record as the metric made it, its features read from their file.

        Raises:
            UserError: They cannot be read.
        """
        features = None if row.features is None else _features(self.folder / row.features)
        return Measurement(row.sample_id, row.metric, row.value, features, row.details, row.reason)

    def _query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with timed("database"), self._mutex, readable(self.folder):
            return self._db.execute(sql, values).fetchall()

    def _rows(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The same, one after the other from the disk; what a connection of its own sees."""
        with readable(self.folder), closing(connect_read_only(self.folder / "run.sqlite")) as db:
            yield from db.execute(sql, values)


def _features(path: Path) -> np.ndarray[Any, Any]:
    try:
        return read_array(path)
    except (OSError, ValueError) as error:
        raise UserError(f"features {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _measurement_row(row: Sequence[Any], details: Mapping[str, Any] | Collection[str] | None = None) -> MeasurementRow:
    """What `_RECORDS` selects, checked; with these details, or of its own those named, or all."""
    metric, model, sample, seed, state, value, features, text, reason = row[:9]
    if not isinstance(details, Mapping):
        parsed = parse_details(text)
        details = parsed if details is None else {name: parsed[name] for name in details if name in parsed}
    return MeasurementRow(metric, model, sample, seed, state, value, features, details, reason)


def _quoted(name: str) -> str:
    """A detail's name as a path in JSON, as SQL has texts."""
    return "'$." + json.dumps(name).replace("'", "''") + "'"


@lru_cache(maxsize=1024)  # the words of many samples are alike
def _texts_of(array: str) -> tuple[str, ...]:
    return tuple(parse_json(array))


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """A database that is damaged, or not ours, is a sentence about its file."""
    try:
        yield
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        if isinstance(error, sqlite3.OperationalError) and is_disk_error(error):
            raise
        raise UserError(f"{folder / 'run.sqlite'} cannot be read: {error}") from error


def _where(**conditions: object) -> tuple[str, list[object]]:
    given = {column: value for column, value in conditions.items() if value is not None}
    clause = " AND ".join(f"{column} = ?" for column in given)
    return (f" WHERE {clause}" if clause else ""), list(given.values())


def as_list(texts: Iterable[str]) -> str:
    """As SQL's json_each takes them."""
    return json.dumps(list(texts))
