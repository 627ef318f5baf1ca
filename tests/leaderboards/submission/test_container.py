"""The container of an archive: every byte is the one that we would write, or it is refused with what was found."""

from __future__ import annotations

import io
import os
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2vbench.errors import UserError
from i2vbench.leaderboards.submission import zip_layout as layout
from i2vbench.leaderboards.submission.archive import Archive, ArchiveWriter, Refused
from i2vbench.leaderboards.submission.zip_layout import Entry
from tests.leaderboards.conftest import Submitted
from tests.leaderboards.submission.archives import Raw, put_together, seal, take_apart, zip_by_hand
from tests.leaderboards.submission.conftest import Look

ONE, TWO = Raw(b"run.json", b"{}"), Raw(b"tables/a.csv", b"x")


def test_our_archives_are_plain_zips_for_everyone(submitted: Submitted) -> None:
    with zipfile.ZipFile(submitted.archive) as opened:
        assert opened.testzip() is None
        assert {info.compress_type for info in opened.infolist()} == {zipfile.ZIP_STORED}
    parts = take_apart(submitted.archive)
    by_hand = zip_by_hand([Raw(name.encode(), contents) for name, contents in parts.items()])
    assert submitted.archive.read_bytes() == by_hand == put_together(parts)


LARGE = 5 << 30


def test_members_beyond_four_gigabytes_are_as_zipfile_reads_them(tmp_path: Path) -> None:
    first = Entry("videos/m/a-seed0.mp4", LARGE, 7, 0)
    second = Entry("run.json", 2, zlib.crc32(b"{}"), first.end)
    path = tmp_path / "large.zip"
    with open(path, "wb") as file:  # with a hole, which takes no room on the disk
        file.write(layout.local_header(first))
        file.seek(second.offset)
        file.write(layout.local_header(second) + b"{}")
        records = [layout.central_header(entry) for entry in (first, second)]
        file.writelines(records)
        file.write(layout.end_of_archive(2, second.end, sum(map(len, records))))
    with zipfile.ZipFile(path) as opened:
        assert [(info.filename, info.file_size) for info in opened.infolist()] == [
            (first.name, LARGE),
            (second.name, 2),
        ]
        assert opened.read("run.json") == b"{}"
    with pytest.raises(Refused, match="5,368,709,120 bytes, more than a member of its kind can have"):
        Archive(path)


def test_an_archive_of_more_members_than_a_short_end_counts_is_read(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with open(path, "w+b") as file:
        writer = ArchiveWriter(file)
        for number in range(layout.LIMIT_16 + 3):
            writer.add_bytes(f"tables/t{number}.csv", b"")
        writer.finish()
    with zipfile.ZipFile(path) as opened:
        assert len(opened.infolist()) == layout.LIMIT_16 + 3
    with Archive(path) as archive:
        assert len(archive.entries) == layout.LIMIT_16 + 3


BOMB = zlib.compressobj(9, zlib.DEFLATED, -15)
ZEROS = BOMB.compress(bytes(64 << 20)) + BOMB.flush()


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (zip_by_hand([ONE, Raw(b"../evil.csv", b"x")]), "leaves the folder"),
        (zip_by_hand([ONE, Raw(b"tables/../../evil.csv", b"x")]), "leaves the folder"),
        (zip_by_hand([ONE, Raw(b"/etc/passwd", b"x")]), "absolute path"),
        (zip_by_hand([ONE, Raw(b"C:/x.csv", b"x")]), "absolute path, or one of another system"),
        (zip_by_hand([ONE, Raw(b"..\\evil.csv", b"x")]), "of another system"),
        (zip_by_hand([ONE, Raw(b"tables\\a.csv", b"x")]), "of another system"),
        (zip_by_hand([ONE, Raw(b"tables/a\x1b[2J.csv", b"x")]), "control character"),
        (zip_by_hand([ONE, Raw("tables/a\u202e.csv".encode(), b"x", flags=0x800)]), "control character"),
        (zip_by_hand([ONE, Raw(b"tables/\xff.csv", b"x")]), "no text"),
        (zip_by_hand([ONE, Raw(b"", b"x")]), "empty"),
        (zip_by_hand([ONE, Raw(b"tables/", b"")]), "no submission has a member of this name"),
        (zip_by_hand([ONE, Raw(b"run.sqlite", b"x")]), "no submission has a member of this name"),
        (zip_by_hand([ONE, Raw(b"adapters/m/setup.py", b"x")]), "no submission has a member of this name"),
        (zip_by_hand([ONE, Raw(b"tables/inner.zip", b"x")]), "no submission has a member of this name"),
        (zip_by_hand([ONE, Raw(b"tables/a.csv", b"/etc/passwd", mode=0o120777)]), "a link"),
        (zip_by_hand([ONE, Raw(b"tables/a.csv", b"", mode=0o010644)]), "no plain file"),
        (zip_by_hand([ONE, Raw(b"tables/a.csv", b"", mode=0)]), "no plain file"),
        (zip_by_hand([ONE, Raw(b"tables/a.csv", b"x", flags=1)]), "encrypted"),
        (zip_by_hand([ONE, Raw(b"tables/a.csv", b"x", flags=8)]), "not as `i2vbench submit` writes it"),
        (zip_by_hand([ONE, Raw(b"tables/a.csv", b"x", mode=0o104755)]), "not as `i2vbench submit` writes it"),
        (zip_by_hand([ONE, Raw(b"tables/a.csv", ZEROS, method=8, size=64 << 20)]), "compressed"),
        (zip_by_hand([ONE, Raw(b"tables/a.csv", b"x", size=1 << 31)]), "compressed"),
        (zip_by_hand([ONE, TWO, TWO]), "stands in the archive twice"),
        (zip_by_hand([ONE, TWO, Raw(b"tables/A.csv", b"x")]), "stands in the archive twice"),
        (zip_by_hand([ONE, TWO, Raw(b"tables/b.csv", b"{}", offset=0)]), "overlap"),
        (zip_by_hand([Raw(b"tables/a.csv", b"x", local_name=b"tables/b.csv")]), "one thing of it in its directory and"),
        (zip_by_hand([ONE, TWO], before=b"#!/bin/sh\n"), "overlap or something is hidden"),
        (zip_by_hand([ONE, TWO], after=b"more"), "cut short or has been added to"),
        (zip_by_hand([ONE, TWO], comment=b"hello"), "cut short or has been added to"),
        (zip_by_hand([ONE, TWO])[:-1], "cut short or has been added to"),
        (zip_by_hand([ONE, TWO])[:60], "cut short or has been added to"),
        (b"", "no archive that"),
        (b"PK\5\6" + b"\xff" * 18, "its end is not as"),
        (layout.end_of_archive(1 << 40, 1 << 50, 1 << 60), "its end is not as"),
        (bytes(100) + layout.end_of_archive(1 << 20, 100, 0), "1,048,576 members"),
        (layout.end_of_archive(3, 0, 0), "directory is damaged"),
    ],
)  # fmt: skip
def test_what_no_archive_of_ours_is_like_is_refused_by_name(look: Look, contents: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        look(contents)


def test_an_empty_archive_and_a_member_cut_out_are_refused(look: Look, submitted: Submitted) -> None:
    with pytest.raises(Refused, match="holds no manifest.json"):
        look(layout.end_of_archive(0, 0, 0))
    parts = take_apart(submitted.bare)
    del parts["tables/fid.csv"]
    with pytest.raises(Refused, match=r"tables/fid.csv is not in the archive"):
        look(put_together(parts))
    parts = take_apart(submitted.bare) | {"tables/evil.csv": b"x"}
    with pytest.raises(Refused, match=r"tables/evil.csv is not in the manifest"):
        look(put_together(parts))


def test_a_member_that_was_changed_is_named(look: Look, submitted: Submitted) -> None:
    parts = take_apart(submitted.bare)
    parts["measurements.jsonl"] = parts["measurements.jsonl"].replace(b"0.9", b"0.8", 1)
    with pytest.raises(Refused, match=r"measurements.jsonl is not what the manifest says"):
        look(put_together(parts))


def _database() -> bytes:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE t (x)")
    return bytes(database.serialize())


@pytest.mark.parametrize(
    ("name", "contents", "what"),
    [
        ("features/fid/real.npy", _database, "an SQLite database, not an array of numbers"),
        ("measurements.jsonl", _database, "an SQLite database, not lines of JSON"),
        ("tables/fid.csv", _database, "an SQLite database, not a table"),
        ("features/fid/real.npy", lambda: b"\x80\x04\x95x", "a pickle, not an array of numbers"),
        ("adapters/rolling/source.py", lambda: b"\x80\x05x", "a pickle, not text"),
        ("features/fid/real.npy", lambda: zip_by_hand([ONE]), "an archive, not an array of numbers"),
        ("videos/static/a-seed0.mp4", lambda: b"\x7fELF", "a program, not an MP4 file"),
        ("videos/static/a-seed0.mp4", lambda: b"#EXTM3U\nfile:///etc/passwd", "something else, not an MP4 file"),
        ("run.json", lambda: b"\x1f\x8b", "an archive, not JSON"),
    ],
)
def test_contents_are_known_by_what_they_are_not_by_their_name(
    look: Look, submitted: Submitted, name: str, contents: Callable[[], bytes], what: str
) -> None:
    with pytest.raises(Refused, match=f"{name} is {what}"):
        look(seal(take_apart(submitted.bare) | {name: contents()}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_no_flipped_byte_is_ever_verified(look: Look, submitted: Submitted, place: float, flip: int) -> None:
    contents = bytearray(submitted.archive.read_bytes())
    contents[int(place * len(contents))] ^= flip
    with pytest.raises(Refused):
        look(bytes(contents))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1), st.binary(max_size=40))
def test_no_cut_or_grown_archive_is_ever_verified(look: Look, submitted: Submitted, place: float, more: bytes) -> None:
    contents = submitted.archive.read_bytes()
    kept = contents[: int(place * len(contents))] + more
    if kept != contents:
        with pytest.raises(Refused):
            look(kept)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_byte_of_headers_is_held(data: st.DataObject) -> None:
    """A small archive, of which headers are most: each of its bytes, one after the other."""
    contents = zip_by_hand([ONE, TWO])
    place = data.draw(st.integers(0, len(contents) - 1))
    damaged = bytearray(contents)
    damaged[place] ^= data.draw(st.integers(1, 255))
    path = Path(os.devnull)
    file = io.BytesIO(bytes(damaged))
    with pytest.raises(Refused):
        _open(file, path)


def _open(file: io.BytesIO, path: Path) -> None:
    """Opens an archive in memory and reads all of it."""
    from i2vbench.leaderboards.submission.archive import Members, _read_directory

    archive = Archive.__new__(Archive)
    Members.__init__(archive, file, _read_directory(file))
    archive.hash_members()


def test_a_name_that_some_file_systems_do_not_keep_apart_is_not_written() -> None:
    writer = ArchiveWriter(io.BytesIO())
    writer.add_bytes("tables/a.csv", b"")
    with pytest.raises(UserError, match="differ only in case"):
        writer.add_bytes("tables/A.csv", b"")
    with pytest.raises(UserError, match="are no part of a submission"):
        writer.add_bytes("../a.csv", b"")
    with pytest.raises(UserError, match="changed while it was packed"):
        writer.add("tables/b.csv", 3, [b"four"])
