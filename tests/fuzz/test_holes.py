"""Holes that were found by reading and by fuzzing, one test each: docs/security.md lists them."""

from __future__ import annotations

import io
import json
import logging
import os
import socket
import sqlite3
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.parsing import MOST_LEVELS, parse_json, parse_toml


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * (MOST_LEVELS + 2) + "]" * (MOST_LEVELS + 2),
        "9" * 5000,
        "[1, -" + "9" * 400 + "]",
        '{"a": ',
    ],
)
def test_json_that_cannot_be_worked_with_is_no_json(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        parse_json(text)


def test_json_as_deep_as_allowed_is_read_whatever_it_holds() -> None:
    deep = "[" * MOST_LEVELS + '"\\ud83d", -Infinity' + "]" * MOST_LEVELS
    value = parse_json(deep)
    for _ in range(MOST_LEVELS):
        value = value[0] if isinstance(value[0], list) else value
    assert value == ["\ud83d", float("-inf")], "half an emoji and schedulers' infinities come in answers and files"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = " + "[" * 100_000, "nested more than"),
        ("x = " + "{a = " * 50_000, "nested more than"),
        ("x = " + "9" * 5000, "too many digits"),
        ("x = " + "9" * 400, "too many digits"),
        ("a" + ".a" * 60_000 + " = 1", "dots"),  # which tomllib takes three minutes for
        ("[" + '"b" . ' * 60_000 + "c]", "dots"),
        ('"a !"' + '."\\" b" . \'c d\'' * 30_000 + " = 1", "dots"),
        ("# " + "long " * 300_000, "characters; expected at most"),
    ],
    ids=["lists", "tables", "digits", "beyond floats", "dots", "dots in a header", "dots of quoted names", "long"],
)
def test_toml_that_cannot_be_worked_with_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    from i2vbench.profiles import load_profile

    path = tmp_path / "profile.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"profile\.toml: .*{reason}"):
        load_profile(str(path))


ENDLESS = (
    "x" * 1_000_000,
    " " * 1_000_000,
    "a." * 40 + "b " * 450_000,
    "'" * 1_000_000,
    '"' + '\\"' * 500_000,
    "\" ' " * 250_000,
)


@pytest.mark.parametrize("long", ENDLESS, ids=["word", "blanks", "dots", "quotes", "escapes", "two quotes"])
def test_what_looks_for_dots_does_not_look_for_ever(long: str) -> None:
    assert parse_toml(f"# {long}\na = 1") == {"a": 1}


def test_toml_of_many_dots_in_texts_and_numbers_is_read() -> None:
    assert parse_toml('a = "x.y ..."\nb = 1.5\n[c.d."e.f"]\ng = "1.2.3"')["c"] == {"d": {"e.f": {"g": "1.2.3"}}}


def test_a_database_that_makes_a_gigabyte_of_nothing_is_not_given_it(tmp_path: Path) -> None:
    from i2vbench.database import connect_read_only

    path = tmp_path / "run.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE sample (id TEXT, big TEXT AS (printf('%.*c', 500000000, 'x')))")
    db.execute("INSERT INTO sample (id) VALUES ('a')")
    db.commit()
    db.close()
    db = connect_read_only(path)
    assert db.execute("SELECT big FROM sample").fetchone() == (None,)
    db.close()


def test_a_view_in_the_place_of_a_table_is_no_plan(tmp_path: Path) -> None:
    from i2vbench.store import Store
    from tests.fuzz.targets.runs import made_run

    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_bytes((made_run() / "run.json").read_bytes())
    db = sqlite3.connect(folder / "run.sqlite")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n"
    for table in ("sample", "clip", "measurement"):
        db.execute(f"CREATE VIEW {table} AS {endless}")
    db.commit()
    db.close()
    with pytest.raises(UserError, match="holds no plan"):
        Store.open(folder)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ("(1000000000000000,)", "greater than file size"),
        ("(-3,)", "."),
        ("(" * 300, "."),
    ],
)
def test_features_that_state_more_than_they_have_are_refused(tmp_path: Path, shape: str, reason: str) -> None:
    from i2vbench.files import read_array

    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(500) + b"\n"
    (tmp_path / "f.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(12))
    with pytest.raises(ValueError, match=reason):
        read_array(tmp_path / "f.npy")


def test_features_that_hold_objects_are_not_unpickled(tmp_path: Path) -> None:
    from i2vbench.files import read_array

    np.save(tmp_path / "f.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="objects"):
        read_array(tmp_path / "f.npy")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_an_endless_word_is_refused_at_once(tmp_path: Path, zipped: bool) -> None:
    import torch

    from i2vbench.checkpoints import read_state

    path = tmp_path / "weights.pt"
    torch.save({"w" * 200_000: object}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="holds a word of 200,000 characters"):
        read_state(path)


def test_a_number_of_five_thousand_digits_is_a_fault_of_its_row(tmp_path: Path) -> None:
    from i2vbench.datasets.metadata import read_table

    (tmp_path / "a.mp4").write_bytes(b"x")
    table = f"file_name,id,category,prompt,width\na.mp4,a,Pet,x,{'9' * 5000}\n"
    faults = read_table(tmp_path, table.encode()).faults
    assert [fault.row for fault in faults] == [2]
    assert "whole number" in str(faults[0])


@pytest.mark.parametrize("header", ["Content-Length", "Content-Range"])
def test_a_length_of_five_thousand_digits_is_none(header: str, tmp_path: Path) -> None:
    import http.client

    from i2vbench.weights.http import _Again, _extent

    digits = "9" * 5000
    said = f"bytes 0-{digits}/{digits}" if header == "Content-Range" else digits
    status = "206 Partial Content" if header == "Content-Range" else "200 OK"

    class Answer:
        def makefile(self, *_: object) -> io.BytesIO:
            return io.BytesIO(f"HTTP/1.1 {status}\r\n{header}: {said}\r\n\r\n".encode())

    response = http.client.HTTPResponse(Answer())  # type: ignore[arg-type]
    response.begin()
    if header == "Content-Length":
        assert _extent(response, 0, tmp_path / "partial") == (0, None)
    else:
        with pytest.raises(_Again):
            _extent(response, 0, tmp_path / "partial")


def _connection_of(port: int, *pieces: bytes) -> bytes:
    """What comes until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for piece in pieces:
            connection.sendall(piece)
        found = b""
        while piece := connection.recv(65536):
            found += piece
        return found


@pytest.mark.parametrize(
    "pieces",
    [[], [b"GET / HTTP/1.1\r\nHost: "], [b"GET /robots.txt HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", b"GET /"]],
    ids=["nothing", "half a head", "half a second head"],
)
def test_a_client_that_does_not_say_what_it_wants_is_let_go(
    pieces: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvicorn")
    from i2vbench import web
    from tests.human.raters import serving
    from tests.human.studies import make_study

    monkeypatch.setattr(web, "HEAD_SECONDS", 0.2)
    with serving(tmp_path, make_study(tmp_path)) as server:
        said = [piece % server.port if b"%d" in piece else piece for piece in pieces]
        answer = _connection_of(server.port, *said)
    assert answer.startswith(b"HTTP/1.1 200") == (len(pieces) == 2)


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e"


def _said_by(way: Any, capsys: pytest.CaptureFixture[str]) -> str:
    way.say(HOSTILE)
    return capsys.readouterr().err


def test_no_command_to_the_terminal_comes_out_of_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    from i2vbench.cli.output import plain_lines
    from i2vbench.progress import Bars, Lines
    from i2vbench.weights.progress import choose

    assert plain_lines(UserError(f"one {HOSTILE}\ntwo")).count("\n") == 1
    assert plain_lines(UserError(HOSTILE)).isprintable()
    with choose(False) as watch:
        shown = [_said_by(way, capsys) for way in (Lines(), Bars(), watch)]
    assert not [text for text in shown if "\x1b" in text or "\x07" in text]
    assert all("owned" in text for text in shown)


def test_no_command_to_the_terminal_stands_in_a_log(tmp_path: Path) -> None:
    from i2vbench.log import log_to

    with log_to(tmp_path):
        logging.getLogger("i2vbench").warning("%s\nand on", HOSTILE)
    logged = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert "owned" in logged
    assert logged.endswith("\nand on\n")
    assert "\x1b" not in logged
    assert "\x07" not in logged


def test_the_command_line_quotes_a_damaged_run_without_its_escapes(tmp_path: Path) -> None:
    from tests import processes
    from tests.conftest import command, environment

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"format": HOSTILE}))
    done = processes.run(command("show", "run"), cwd=tmp_path, env=environment())
    assert done.returncode == 2
    assert "layout" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.parametrize("state", ["gone", 3, None])
def test_a_row_of_another_kind_than_a_run_writes_is_refused(state: object) -> None:
    from i2vbench.rows import ClipRow

    with pytest.raises(ValueError, match="another kind"):
        ClipRow("m", "s", 0, 1, 0, 0, "v.mp4", state, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("i2vbench", 3),
        ("dataset.samples", "3"),
        ("dataset.note", ["x"]),
        ("selection.categories", [1]),
        ("selection.limit", "2"),
        ("seeds", []),
        ("seeds", [True]),
        ("metrics", {}),
        ("models.static.info.title", 3),
        ("metrics.temporal_flickering.info.title", {}),
        ("metrics.temporal_flickering.checkpoints", {"x": 3}),
        ("profile.protocol.fps", float("nan")),
        ("dtype", "\ud800"),
    ],
)
def test_a_run_json_with_something_else_in_a_place_is_damaged(tmp_path: Path, place: str, value: object) -> None:
    from i2vbench.run_file import read_settings
    from tests.fuzz.targets.runs import made_run

    settings = json.loads((made_run() / "run.json").read_text())
    *before, last = place.split(".")
    here = settings
    for name in before:
        here = here[name]
    here[last] = value
    (tmp_path / "run.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        read_settings(tmp_path)


def test_a_part_of_a_pipeline_is_no_name_that_no_folder_can_have(tmp_path: Path) -> None:
    from i2vbench.weights.pipelines import read_index

    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "X", "a" * 300: ["diffusers", "Y"]}))
    with pytest.raises(UserError, match="which is not of diffusers"):
        read_index(tmp_path)


def test_captions_whose_entries_are_no_tables_are_of_another_make(tmp_path: Path) -> None:
    from i2vbench.datasets.msrvtt_captions import read_annotations

    (tmp_path / "captions.json").write_text(json.dumps({"sentences": ["video1", 3, None]}))
    assert read_annotations(tmp_path, ["video1"]) == (None, ["captions.json"])


def test_a_member_without_a_name_stays_in_the_archive(tmp_path: Path) -> None:
    from i2vbench.datasets.i2v_bench.archives import Meter, unpack

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("x"), b"x")
        archive.writestr("Pet/a.mp4", b"video")
    data = (tmp_path / "a.zip").read_bytes()
    central = data.index(b"PK\1\2")
    nameless = bytearray(data)
    nameless[central + 28 : central + 32] = b"\0\0\1\0"  # the name's letter counts as the extra field
    (tmp_path / "a.zip").write_bytes(nameless)
    found = unpack(tmp_path / "a.zip", tmp_path / "room", Meter())
    assert [parts for parts, _ in found.members] == [("Pet", "a.mp4")]
    assert [reason for _, reason in found.left] == ["its name is empty or longer than 1,000 characters"]


def test_a_pipe_in_the_place_of_a_file_of_a_run_is_not_waited_for(tmp_path: Path) -> None:
    from i2vbench.files import read_array
    from i2vbench.run_file import read_settings

    for name in ("run.json", "features.npy"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="is no file"):
        read_settings(tmp_path)
    with pytest.raises(ValueError, match="is no file"):
        read_array(tmp_path / "features.npy")


def test_a_run_json_without_an_end_is_not_read(tmp_path: Path) -> None:
    from i2vbench.run_file import MOST_BYTES, read_settings

    with open(tmp_path / "run.json", "wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UserError, match="at most"):
        read_settings(tmp_path)


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 4200, "1e999"])
def test_details_hold_what_floats_can(number: str) -> None:
    from i2vbench.rows import parse_details

    assert parse_details('{"frames": -16}') == {"frames": -16}
    with pytest.raises(ValueError, match="is not finite"):
        parse_details(f'{{"frames": {number}}}')


def test_a_checkpoint_that_grows_when_it_is_unpacked_is_refused(tmp_path: Path) -> None:
    from i2vbench.checkpoints import read_state

    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
    with pytest.raises(UserError, match="compressed"):
        read_state(path)


@pytest.mark.parametrize("field", ["repository", "checkpoints"])
def test_an_external_model_with_a_path_that_no_system_has(field: str, tmp_path: Path) -> None:
    from i2vbench.models.external.reading import Places, read

    said = {"repository": ".", "python": sys.executable, field: "./" + "x" * 300}
    path = tmp_path / "model.toml"
    checkpoint = f"[checkpoints.model]\npath = '{said.pop('checkpoints', '.')}'\nsource = 'there'\n"
    fields = "".join(f"{name} = '{text}'\n" for name, text in said.items())
    path.write_text(f"{fields}{checkpoint}[once]\ncommand = ['{{python}}', '{{seed}}']\nvideo = '{{out_dir}}/*.mp4'\n")
    with pytest.raises(UserError, match="there is no (folder|checkpoint) .*x{300}"):
        Places(read(path))
