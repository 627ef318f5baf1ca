"""A run's folder."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np

from tests.fuzz.mutate import VALUES, mutate, mutate_json
from tests.fuzz.target import target, written


@functools.cache
def made_run() -> Path:
    """A small run of two models, with one metric."""
    from i2vbench.progress import Quiet
    from i2vbench.run import run
    from i2vbench.settings import RunConfig
    from tests.conftest import SMALL_PROFILE, make_dataset

    room = Path(tempfile.mkdtemp(prefix="i2vbench-fuzz-"))
    atexit.register(shutil.rmtree, room, ignore_errors=True)
    data = make_dataset(room / "data", num_clips=2, num_images=1)
    written(room, "small.toml", SMALL_PROFILE.encode())
    config = RunConfig(
        models=("static", "pan"),
        metrics=("temporal_flickering",),
        dataset=f"folder:{data}",
        profile=str(room / "small.toml"),
        device="cpu",
        out=room / "run",
    )
    run(config, Quiet())
    return room / "run"


def _run_in(room: Path) -> None:
    shutil.copytree(made_run(), room / "run")


def _run_json(room: Path) -> Sequence[bytes]:
    _run_in(room)
    said = json.loads((room / "run" / "run.json").read_bytes())
    own = json.loads(json.dumps(said))
    own["metrics"]["temporal_flickering"]["spec"] = "mine.py:Mine"
    own["first_frames"] = {"spec": "generate:x", "title": "x", "fingerprint": "a" * 64}
    return [json.dumps(said).encode(), json.dumps(own).encode()]


def look_at_run(folder: Path) -> None:
    """What `show` and `table` do, onto a terminal that knows UTF-8."""
    from i2vbench.cli.show import show
    from i2vbench.cli.table import print_results
    from i2vbench.names import FORMATS
    from i2vbench.tables import collect, write_tables

    terminal = io.TextIOWrapper(io.BytesIO(), "utf-8")
    out = folder.parent / "tables"
    with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal):
        show(str(folder))
        results = collect([folder])
        files = write_tables(results, out, FORMATS)
        for as_json in (False, True):
            print_results(results, files, as_json, False)
    terminal.flush()
    assert b"\x1b" not in terminal.buffer.getvalue()  # type: ignore[attr-defined]


@target(_run_json, mutate_json, share=0.3)
def run_json(room: Path, data: bytes) -> None:
    written(room, "run/run.json", data)
    look_at_run(room / "run")


def _databases(room: Path) -> Sequence[bytes]:
    _run_in(room)
    with contextlib.closing(sqlite3.connect(room / "run" / "run.sqlite")) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = replace(replace(sql, 'NOT NULL', ''), 'CHECK', 'DEFAULT')")
    return [(room / "run" / "run.sqlite").read_bytes()]


def change_database(example: bytes, random: Random) -> bytes:
    """A database whose cells hold what no run writes there; sometimes its bytes."""
    if random.random() < 0.3:
        return mutate(example, random)
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.deserialize(example)
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for _ in range(random.choice((1, 1, 2, 4))):
            table = random.choice(tables)
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            value = random.choice(VALUES)
            if isinstance(value, str):
                value = value.encode("utf-8", "replace").decode()
            elif not isinstance(value, (int, float, type(None))) or (isinstance(value, int) and abs(value) >= 1 << 63):
                value = json.dumps(value)
            with contextlib.suppress(sqlite3.Error):
                db.execute(
                    f"UPDATE {table} SET {random.choice(columns)} = ? WHERE {random.choice(columns)} >= ?",
                    (value, random.choice(("", 0, "m", 1))),
                )
        return db.serialize()


@target(_databases, change_database, share=0.3)
def run_sqlite(room: Path, data: bytes) -> None:
    written(room, "run/run.sqlite", data)
    look_at_run(room / "run")


def _arrays(room: Path) -> Sequence[bytes]:
    found = []
    for array in (np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(3)):
        file = io.BytesIO()
        np.save(file, array)
        found.append(file.getvalue())
    objects = io.BytesIO()
    np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
    return [*found, objects.getvalue()]


@target(_arrays)
def features(room: Path, data: bytes) -> None:
    from i2vbench.reading import Reading
    from i2vbench.rows import MeasurementRow

    reading = Reading()
    reading.folder = room
    written(room, "f.npy", data)
    reading.load_measurement(MeasurementRow("fid", "m", "s", 0, "done", None, "f.npy", {}, None))
