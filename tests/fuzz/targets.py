"""What parses foreign data, each with valid data to begin with. A target returns or raises UserError; no more."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from i2vbench.errors import UserError
from tests.fuzz.mutate import VALUES, mutate, mutate_json

Read = Callable[[Path, bytes], object]


@dataclass(frozen=True)
class Target:
    """A reader of foreign data.

    Attributes:
        examples: Makes valid data, and what else it needs, in an empty folder.
        read: Reads data (in that folder). Ends by itself, or with a UserError.
        change: Makes an example invalid.
        share: Of the examples that are tried in CI; a slow reader gets fewer.
    """

    examples: Callable[[Path], Sequence[bytes]]
    read: Read
    change: Callable[[bytes, Random], bytes] = mutate
    share: float = 1.0


TARGETS: dict[str, Target] = {}


def target(
    examples: Callable[[Path], Sequence[bytes]], change: Callable[[bytes, Random], bytes] = mutate, share: float = 1.0
) -> Callable[[Read], Read]:
    def add(read: Read) -> Read:
        TARGETS[read.__name__] = Target(examples, read, change, share)
        return read

    return add


def texts(*given: str) -> Callable[[Path], Sequence[bytes]]:
    return lambda room: [text.encode() for text in given]


def written(room: Path, name: str, data: bytes) -> Path:
    path = room / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# -- a run's folder -----------------------------------------------------------------------------------------------


@functools.cache
def _made_run() -> Path:
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
    shutil.copytree(_made_run(), room / "run")


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
    from i2vbench.tables import collect, write_tables

    terminal = io.TextIOWrapper(io.BytesIO(), "utf-8")
    out = folder.parent / "tables"
    with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal):
        show(str(folder))
        results = collect([folder])
        files = write_tables(results, out, ("csv", "tex", "md", "html"))
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


# -- data sets ----------------------------------------------------------------------------------------------------


def _metadata(room: Path) -> Sequence[bytes]:
    written(room, "a.mp4", b"x")
    written(room, "b.png", b"x")
    plain = "file_name,id,category,prompt,objects,scene\na.mp4,a,Pet,a dog,dog,park\nb.png,b,Food,,,\n"
    header = "file_name,id,category,prompt,start,end,width,height,num_frames,fps,sha256,prompt_state,source"
    full = f"\ufeff{header}\na.mp4,a,Pet,a dog,0.5,2.5,48,32,8,8,{'a' * 64},checked,https://example.org\n"
    return [plain.encode(), full.encode()]


@target(_metadata)
def metadata_csv(room: Path, data: bytes) -> None:
    from i2vbench.datasets.metadata import read_table

    for fault in read_table(room, data).faults:
        str(fault)


@target(_metadata)
def further_columns(room: Path, data: bytes) -> None:
    """As `data sheets` reads them: of a folder that was found valid."""
    from i2vbench.curation.folder_clips import _other_columns
    from i2vbench.datasets.metadata import read_table

    if not read_table(room, data).faults:
        written(room, "metadata.csv", data)
        _other_columns(room)


@target(_metadata)
def annotated_metadata(room: Path, data: bytes) -> None:
    from i2vbench.datasets.annotations import Annotation, with_annotations
    from i2vbench.datasets.metadata import read_table

    if not read_table(room, data).faults:
        read_table(room, with_annotations(data, {"a": Annotation('x,"\n', ("cat",), "sea", "checked")}))


@target(
    texts(
        "source,start,end,category,prompt\nhttps://youtu.be/dQw4w9WgXcQ,1:02,62.5,Pet,a dog\n",
        "youtube_id,id,source_start,source_end,category,prompt,title\ndQw4w9WgXcQ,a,0,2,Pet,a dog,=1\n",
    )
)
def download_manifest(room: Path, data: bytes) -> None:
    from i2vbench.datasets.download.manifest import read_manifest

    read_manifest(written(room, "manifest.csv", data))


_TABLES = (
    ("t.csv", b"video,caption,category\na.mp4,a dog,Pet\nb.mp4,a cat,Food\n"),
    ("t.tsv", b"file\tprompt\na.mp4\ta dog\n"),
    ("t.json", json.dumps({"data": {"Pet": {"a.mp4": "a dog", "b": {"caption": "x", "fps": 8}}}}).encode()),
    ("t.json", json.dumps({"video": ["a.mp4", "b.mp4"], "prompt": ["x", "y"]}).encode()),
    ("t.jsonl", b'{"video": "a.mp4", "prompt": "a"}\n["b.mp4", "b"]\n'),
    ("t.txt", b"a.mp4: a dog\nb.mp4: a cat\n"),
)


@target(lambda room: [name.encode() + b"\0" + data for name, data in _TABLES])
def import_table(room: Path, data: bytes) -> None:
    from i2vbench.datasets.i2v_bench.sources import Found
    from i2vbench.datasets.i2v_bench.tables import read_table

    for name in ("t.csv", "t.json", "t.jsonl", "t.txt"):
        path = written(room, name, data.partition(b"\0")[2])
        read_table(Found(path, ("Pet", name)), lambda text: text in ("a.mp4", "b.mp4", "a", "b"))


def _archives(room: Path) -> Sequence[bytes]:
    found = []
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("Pet/a.mp4", b"video" * 50)
            archive.writestr("t.csv", "video,prompt\na.mp4,x\n")
        found.append(file.getvalue())
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        with io.BytesIO() as file:
            with tarfile.open(fileobj=file, mode=mode) as tar:  # type: ignore[call-overload]
                info = tarfile.TarInfo("Pet/a.mp4")
                info.size = 250
                tar.addfile(info, io.BytesIO(b"video" * 50))
                link = tarfile.TarInfo("Pet/b.mp4")
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(link)
            found.append(file.getvalue())
    return found


@target(_archives)
def import_archive(room: Path, data: bytes) -> None:
    from i2vbench.datasets.i2v_bench.archives import Damaged, Meter, TooMuch, unpack

    inside = room / "inside"
    try:
        unpack(written(room, "archive", data), inside, Meter())
    except (Damaged, TooMuch):
        pass
    finally:
        assert not any(path.is_symlink() for path in inside.rglob("*"))
        shutil.rmtree(inside, ignore_errors=True)


@target(
    texts(
        json.dumps(
            {"sentences": [{"video_id": "video1", "caption": "x"}], "videos": [{"video_id": "video1", "category": 1}]}
        ),
        json.dumps({"annotations": [{"image_id": "video1", "caption": "x"}]}),
        json.dumps([{"video": "video1.mp4", "caption": ["x", "y"]}]),
    ),
    mutate_json,
)
def msrvtt_captions(room: Path, data: bytes) -> None:
    from i2vbench.datasets.msrvtt_captions import read_annotations

    written(room, "captions.json", data)
    read_annotations(room, ["video1"])


# -- TOML ---------------------------------------------------------------------------------------------------------


def _shipped(folder: str, pattern: str = "*.toml") -> Callable[[Path], Sequence[bytes]]:
    root = Path(__file__).resolve().parents[2]
    return lambda room: [path.read_bytes() for path in sorted((root / folder).glob(pattern))]


@target(_shipped("i2vbench/profiles"))
def profile_toml(room: Path, data: bytes) -> None:
    from i2vbench.profiles import load_profile

    load_profile(str(written(room, "profile.toml", data)))


@target(_shipped("i2vbench/curation"))
def plan_toml(room: Path, data: bytes) -> None:
    from i2vbench.curation.plan import load_plan

    load_plan(written(room, "plan.toml", data))


@target(_shipped("models/external", "**/*.toml"))
def external_toml(room: Path, data: bytes) -> None:
    from i2vbench.models.external.reading import Places, read

    Places(read(written(room, "model.toml", data)))


@target(_shipped("models/http", "**/*.toml"))
def http_toml(room: Path, data: bytes) -> None:
    from i2vbench.models.http.description import load_description

    load_description(written(room, "api.toml", data))


@target(_shipped("models/consisti2v", "**/*.toml"))
def training_toml(room: Path, data: bytes) -> None:
    from i2vbench.models.consisti2v.training.config import load_config

    load_config(written(room, "train.toml", data))


# -- answers over a network ---------------------------------------------------------------------------------------

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_BODY = b'{"status": "done", "output": ["https://example.org/x.mp4"]}'


def _answers(room: Path) -> Sequence[bytes]:
    import gzip

    packed = gzip.compress(_BODY)
    return [
        _HEAD + b"Content-Length: %d\r\n\r\n" % len(_BODY) + _BODY,
        _HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed,
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(_BODY), _BODY),
        b"HTTP/1.1 302 Found\r\nLocation: https://example.org/\r\nRetry-After: 3\r\n\r\n",
    ]


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


@target(_answers)
def http_answer(room: Path, data: bytes) -> None:
    """An answer as `transport` hands it on: what it raises is a `Broken`, or turned into one there."""
    import http.client
    import zlib

    from i2vbench.models.http.template import find
    from i2vbench.models.http.transport import Broken, describe, read, retry_after
    from i2vbench.parsing import parse_json

    response = http.client.HTTPResponse(_Socket(data))  # type: ignore[arg-type]
    try:
        response.begin()
        retry_after(response)
        find(parse_json(read(response, 1 << 20)), "output.0")
    except (OSError, http.client.HTTPException, zlib.error) as error:
        describe(error)
    except (Broken, ValueError):
        pass


@target(_answers)
def download_answer(room: Path, data: bytes) -> None:
    """What the downloader makes of an answer's head."""
    import http.client

    from i2vbench.weights.http import SourceError, _Again, _extent, _receive, _validator

    response = http.client.HTTPResponse(_Socket(data.replace(b"200 OK", b"206 OK")))  # type: ignore[arg-type]
    try:
        response.begin()
        _, total = _extent(response, 0, room / "partial")
        _validator(response)
        import threading

        _receive(response, room / "partial", 0, total, 1 << 20, lambda done, total: None, threading.Event())
    except (http.client.HTTPException, OSError, SourceError, _Again):
        pass


@target(texts(json.dumps({"run": "a" * 32, "number": 3, "id": "b" * 32})), mutate_json)
def state_json(room: Path, data: bytes) -> None:
    from i2vbench.storage.home import state_at

    class There:
        address = "s3://bucket/run"

        def read(self, name: str) -> bytes | None:
            return data

    state_at(There())  # type: ignore[arg-type]


@target(texts(json.dumps({"token": "a", "host": "b", "process": 1, "at": 1.5, "beat": 3})), mutate_json)
def lock_json(room: Path, data: bytes) -> None:
    from i2vbench.storage.lock import _parse

    _parse(data)


# -- studies ------------------------------------------------------------------------------------------------------


def _study(room: Path) -> Sequence[bytes]:
    from tests.human.studies import make_study

    make_study(room / "study")
    return [(room / "study" / "study.json").read_bytes()]


@target(_study, mutate_json)
def study_json(room: Path, data: bytes) -> None:
    from i2vbench.human.study import read_study

    written(room, "study/study.json", data)
    read_study(room / "study")


def _votes(room: Path) -> Sequence[bytes]:
    from i2vbench.human.session import Session
    from i2vbench.human.votes import Votes
    from tests.human.studies import make_study

    study = make_study(room / "study")
    with Votes(room / "study") as votes:
        votes.invite(2)
        session = Session(study, room / "study", votes)
        for rater in votes.raters():
            session.consent(rater, "Ann")
            rater = next(one for one in votes.raters() if one.id == rater.id)
            for number in (1, 2):
                session.shown(rater, number)
                session.save(rater, number, {question.id: (0,) for question in study.questions})
    path = next((room / "study").glob("*.sqlite"))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = replace(replace(sql, 'NOT NULL', ''), 'CHECK', 'DEFAULT')")
    return [path.read_bytes()]


@target(_votes, change_database)
def votes_sqlite(room: Path, data: bytes) -> None:
    """A study of a colleague, as `human report` reads it."""
    from i2vbench.human.administration import links_csv, progress, votes_csv
    from i2vbench.human.study import read_study
    from i2vbench.human.votes import Votes

    study = read_study(room / "study")
    written(room, f"study/{next((room / 'study').glob('*.sqlite')).name}", data)
    with Votes(room / "study", read_only=True) as votes:
        votes_csv(study, votes).encode()
        links_csv(votes, "http://127.0.0.1:1").encode()
        json.dumps(progress(study, votes), allow_nan=False)


async def ask(app: Any, path: str, body: bytes, host: str = "127.0.0.1:8000") -> int:
    """The status with which an app answers what a page might post."""
    head = {"host": host, "origin": f"http://{host}", "content-type": "application/json"}
    headers = [(name.encode(), text.encode()) for name, text in (*head.items(), ("content-length", str(len(body))))]
    scope = {
        **{"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""},
        **{"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "http_version": "1.1"},
        **{"scheme": "http", "root_path": "", "asgi": {"version": "3.0"}},
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


_POSTS = (
    {"nickname": "Ann", "agree": True},
    {"chosen": {"appearance": [0], "motion": [1]}},
    {},
    {
        **{"prompt": "a dog", "objects": "dog", "scene": "park", "decision": "annotate"},
        "before": {"prompt": "x", "objects": ["dog"], "scene": "park", "prompt_state": ""},
    },
)


@target(
    lambda room: [_study(room), [json.dumps(post).encode() for post in _POSTS]][1],
    lambda data, random: (mutate_json if random.random() < 0.7 else mutate)(data, random),
)
def posts(room: Path, data: bytes) -> None:
    """What is posted to a study: whatever it is, the answer is none of a server that has a fault."""
    app, token = _app(room / "study")

    async def post() -> list[int]:
        return [await ask(app, f"/{path}", data[: 64 * 1024]) for path in _paths(token)]

    assert max(asyncio.run(post())) < 500


@functools.cache
def _app(folder: Path) -> tuple[Any, str]:
    """A study's server, and whom it has invited."""
    from i2vbench.human.server import make_app
    from i2vbench.human.study import read_study
    from i2vbench.human.votes import Votes
    from tests.human.raters import access_at

    votes = Votes(folder)
    votes.invite(1)
    return make_app(read_study(folder), folder, votes, access_at(8000)), votes.raters()[0].token


def _paths(token: str) -> Sequence[str]:
    return "enrol", f"r/{token}/consent", f"r/{token}/tasks/1"


@target(
    lambda room: [json.dumps(post).encode() for post in _POSTS],
    lambda data, random: (mutate_json if random.random() < 0.7 else mutate)(data, random),
)
def decisions(room: Path, data: bytes) -> None:
    """What is posted to the page of `data annotate`, up to the rules for words."""
    from pydantic import ValidationError

    from i2vbench.annotate.rules import Refused, decide
    from i2vbench.annotate.server import Decision

    try:
        given = Decision.model_validate_json(data)
        decide(given.before.annotation(), given.prompt, given.objects, given.scene)
    except (ValidationError, Refused):
        pass


# -- pictures and checkpoints -------------------------------------------------------------------------------------


def _pictures(room: Path) -> Sequence[bytes]:
    from PIL import Image

    found = []
    for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"):
        file = io.BytesIO()
        Image.new("RGB", (8, 6), "red").save(file, name)
        found.append(file.getvalue())
    moving = io.BytesIO()
    Image.new("P", (8, 6)).save(moving, "GIF", save_all=True, append_images=[Image.new("P", (8, 6), 1)])
    return [*found, moving.getvalue()]


@target(_pictures)
def pictures(room: Path, data: bytes) -> None:
    from i2vbench.video import read_image, read_pictures
    from i2vbench.video.pictures import jpeg_facts

    path = written(room, "picture", data)
    jpeg_facts(path)
    read_image(path)
    read_pictures(path)


def _checkpoints(room: Path) -> Sequence[bytes]:
    import torch
    from safetensors.torch import save

    state = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}
    arrays = io.BytesIO()
    np.savez(arrays, **{name: tensor.numpy() for name, tensor in state.items()})
    found = [b"s" + save(state), b"n" + arrays.getvalue()]
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save({"state_dict": state}, file, _use_new_zipfile_serialization=zipped)
        found.append(b"t" + file.getvalue())
    return found


@target(_checkpoints)
def checkpoints(room: Path, data: bytes) -> None:
    from i2vbench.checkpoints import read_state

    suffix = {b"s": ".safetensors", b"n": ".npz"}.get(data[:1], ".pt")
    read_state(written(room, f"weights{suffix}", data[1:]))


# -- submissions --------------------------------------------------------------------------------------------------


def _cells(room: Path) -> Sequence[bytes]:
    cell = {
        "metric": "fid",
        "category": None,
        "value": "1.5",
        "n": 2,
        "planned": 3,
        "low": "1",
        "high": "2",
        "note": "",
    }
    clip = {"sample": "a", "category": "Pet", "prompt": "x", "seed": 0, "scores": {"fid": "1.5"}}
    record = {
        **{"format": 1, "board": "msrvtt", "model": "m", "i2vbench": "1", "reasons": [], "facts": {"a": "b"}},
        **{"notes": ["x"], "clips": [clip], "cells": [cell]},
    }
    return [json.dumps(record).encode()]


@target(_cells, mutate_json)
def cells_json(room: Path, data: bytes) -> None:
    from i2vbench.leaderboards.folders.record import parse_record

    parse_record(data).as_bytes()


@target(texts("sample,seed,metric,state,value,used\na,0,fid,done,0.5,yes\n"))
def scores_csv(room: Path, data: bytes) -> None:
    from i2vbench.leaderboards.folders.scores import parse_scores

    parse_scores(data)


def _cards(room: Path) -> Sequence[bytes]:
    from i2vbench.leaderboards.folders.card import Card, starting_card

    return [starting_card(Card(board="msrvtt", model="m", name="M", title="A model", authors=("A. Author",)))]


@target(_cards)
def entry_toml(room: Path, data: bytes) -> None:
    from i2vbench.leaderboards.folders.card import faults_of_card, read_card

    faults_of_card(read_card(written(room, "entry.toml", data)), True)


def _submissions(room: Path) -> Sequence[bytes]:
    from i2vbench.leaderboards.submission.pack import Wish, pack

    packed = room / "packed.zip"
    pack(Wish(run=_made_run(), out=packed, videos=True, contact="A. Author, a@example.org"))
    return [packed.read_bytes()]


def change_submission(example: bytes, random: Random) -> bytes:
    """An archive whose bytes are wrong, or that is well made of something wrong."""
    from tests.leaderboards.submission.archives import put_together, seal

    if random.random() < 0.2:
        return mutate(example, random)
    with zipfile.ZipFile(io.BytesIO(example)) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    name = random.choice([one for one in parts if one.endswith((".json", ".jsonl", ".csv", ".npy"))])
    if name.endswith(".json"):
        parts[name] = mutate_json(parts[name], random) + b"\n"
    elif name.endswith(".jsonl"):
        lines = parts[name].splitlines()
        place = random.randrange(len(lines))
        lines[place] = mutate_json(lines[place], random)
        parts[name] = b"".join(line + b"\n" for line in lines)
    else:
        parts[name] = mutate(parts[name], random)
    try:
        return put_together(parts) if name == "manifest.json" else seal(parts)
    except UserError:  # too large a part: the writer refuses it before a reader has to
        return example


@target(_submissions, change_submission, share=0.2)
def submission(room: Path, data: bytes) -> None:
    from i2vbench.leaderboards.submission.verify import Wish, verify

    path = written(room, "archive.zip", data)
    inside = room / "inside"
    inside.mkdir()
    try:
        verify(Wish(archive=path, recompute_only=True, device="cpu"), inside)
    finally:
        shutil.rmtree(inside)


# -- what else is lying about -------------------------------------------------------------------------------------


@target(texts('{"text": "a dog", "file": "a.mp4", "fps": 8}\n{"text": "b", "file": "/x/b.mp4", "fps": 8}\n'))
def training_lines(room: Path, data: bytes) -> None:
    from i2vbench.models.consisti2v.training.clips import ClipError, WebVidClips

    with contextlib.suppress(ClipError):
        list(WebVidClips(written(room, "clips.jsonl", data), room))


@target(
    texts(
        json.dumps(
            {
                "_class_name": "StableVideoDiffusionPipeline",
                "_diffusers_version": "0.30.0",
                "unet": ["diffusers", "UNetSpatioTemporalConditionModel"],
                "vae": ["diffusers", "AutoencoderKL"],
                "image_encoder": [None, None],
            }
        )
    ),
    mutate_json,
)
def pipeline_json(room: Path, data: bytes) -> None:
    from i2vbench.weights.pipelines import files_in, read_configs, read_index

    written(room, "unet/config.json", b"{}")
    written(room, "unet/diffusion_pytorch_model.safetensors", b"")
    written(room, "model_index.json", data)
    index = read_index(room)
    read_configs(room, index)
    files_in(room, index)


@target(texts("name = 1", "[a, 'b']", "x.y=2"))
def set_option(room: Path, data: bytes) -> None:
    from i2vbench.cli.generate import parse_options

    parse_options([f"x={data.decode('utf-8', 'surrogateescape')}"])
