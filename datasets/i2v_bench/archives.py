"""Unpacking an archive that nobody vouches for.

No name of a member ever becomes a path: members are written under numbers, and a list beside them says what they are
called. Links, devices, names that leave the folder, and kinds of file that nothing here reads stay in the archive. What
comes out is counted as it comes, so no header is believed.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import re
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, Any

from i2vbench.datasets.i2v_bench.kinds import ARCHIVE_SUFFIXES, TABLE_SUFFIXES, is_hidden, kind_of, why_not_read
from i2vbench.datasets.metadata import VIDEO_SUFFIXES
from i2vbench.files import atomic_file, write_json
from i2vbench.parsing import parse_json
from i2vbench.texts import clean, one_line

MAX_MEMBERS = 100_000
MAX_BYTES = 512 << 30
"""Of everything that is unpacked in one import."""

MAX_RATIO, SLACK_BYTES = 20, 64 << 20
"""An archive may give so many times its size, and so many bytes more: videos hardly shrink."""

MAX_TABLE_BYTES = 64 << 20
MAX_HEADER_BYTES = 8 << 20
"""What tar may ask for at once, for a header's text."""

INDEX = "index.json"
_FOLDER = "a folder"
_CHUNK = 1 << 20
_OPENERS: dict[bytes, Callable[[Path, str], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_OTHERS = {b"Rar!\x1a\x07": ".rar", b"7z\xbc\xaf\x27\x1c": ".7z", b"\x28\xb5\x2f\xfd": ".zst"}
_PAGE = re.compile(rb"\s*<(!doctype|html|head|\?xml)", re.I)
# What the libraries raise on damage; ValueError and its like where a damaged number is believed.
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError),
    *(ValueError, OverflowError, NotImplementedError, RuntimeError),
)


class Damaged(Exception):
    """An archive that is not whole, or not one that is opened; the text says which, and what to do."""


class TooMuch(Exception):
    """An archive holds more than a set of clips can."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out of an archive.

    Attributes:
        members: (parts of the name, where it lies now) of each, in the archive's order.
        left: (name, why) of what was left in it.
    """

    members: list[tuple[tuple[str, ...], Path]]
    left: list[tuple[str, str]]


class Meter:
    """Counts what comes out of all archives of an import, and of the one that is open."""

    def __init__(self) -> None:
        self._members = self._bytes = 0
        self._here = self._most_here = 0

    def open(self, archive: Path) -> None:
        self._here, self._most_here = 0, MAX_RATIO * archive.stat().st_size + SLACK_BYTES

    def member(self) -> None:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise TooMuch(f"more than {MAX_MEMBERS:,} files")

    def add(self, count: int) -> None:
        self._bytes += max(count, 0)  # a header may state less than nothing
        self._here += max(count, 0)
        if self._here > self._most_here:
            raise TooMuch(f"more than {MAX_RATIO} times its size")
        if self._bytes > MAX_BYTES:
            raise TooMuch(f"more than {MAX_BYTES:,} bytes")


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in an archive.

    Attributes:
        refusal: Why it is no plain file; "" if it is one.
        alone: Whether the archive can be read on where this one is damaged.
    """

    name: str
    size: int
    refusal: str
    alone: bool
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, room: Path, meter: Meter) -> Unpacked:
    """Bring the videos, tables and archives of an archive into a folder; what is there already is not read again.

    Args:
        room: The folder, of this archive only.

    Raises:
        Damaged: It is not whole, or of an unknown kind. What came out stays, for the next call.
        TooMuch: It holds more than a set of clips can.
        OSError: The disk is at fault.
    """
    if (done := _read_index(room)) is not None:
        return done
    room.mkdir(parents=True, exist_ok=True)
    meter.open(archive)
    try:
        with ExitStack() as stack:
            members, left = _bring(_members(archive, stack), room, meter)
    except _DAMAGE as error:
        raise Damaged(f"damaged or cut short ({one_line(str(error))}): fetch it again") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise
        # bz2's way to say so, and what comes of a place in the file that a damaged number gave.
        raise Damaged(f"damaged ({one_line(str(error))}): fetch it again") from error
    except TooMuch as error:
        raise TooMuch(f"{archive.name} unpacks to {error}: no set of clips does; it was not unpacked further") from None
    write_json(room / INDEX, {"members": members, "left": left})
    return Unpacked([(tuple(parts), room / file) for parts, file, _ in members], left)


def _read_index(room: Path) -> Unpacked | None:
    """What an earlier call brought, if all of it is still here."""
    try:
        index = parse_json((room / INDEX).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    for _, file, size in index["members"]:
        path = room / file
        if not (path.is_file() and path.stat().st_size == size) and not (inner_room(path) / INDEX).is_file():
            return None
    members = [(tuple(parts), room / file) for parts, file, _ in index["members"]]
    return Unpacked(members, [(name, reason) for name, reason in index["left"]])


def inner_room(archive: Path) -> Path:
    """Where what is in an archive goes that came out of an archive."""
    return archive.with_name(f"{archive.name}.d")


def _bring(
    members: Iterator[_Member], room: Path, meter: Meter
) -> tuple[list[tuple[tuple[str, ...], str, int]], list[tuple[str, str]]]:
    brought: list[tuple[tuple[str, ...], str, int]] = []
    left: list[tuple[str, str]] = []
    names: set[str] = set()
    for number, member in enumerate(members):
        meter.member()
        if member.refusal == _FOLDER:
            continue
        parts = _parts(member.name)
        reason = parts if isinstance(parts, str) else member.refusal or _refusal(member, parts, names)
        if isinstance(parts, str) or reason is not None:
            if reason:
                left.append((one_line(member.name)[:200], str(reason)))
            if not member.alone:
                meter.add(member.size)  # it is read all the same, to come to the next one
            continue
        target = room / f"{number:06d}{_suffix(parts[-1])}"
        try:
            _write(member, target, meter)
        except (*_DAMAGE, OSError) as error:
            if not member.alone or (isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)):
                raise
            left.append((one_line(member.name)[:200], f"damaged in the archive ({one_line(str(error))})"))
            continue
        brought.append((parts, target.name, target.stat().st_size))
    return brought, left


def _refusal(member: _Member, parts: tuple[str, ...], names: set[str]) -> str | None:
    """Why a plain file is left in the archive: "" for what is no matter, None for what comes."""
    kind = kind_of(parts[-1])
    if any(is_hidden(part) for part in parts):
        return ""
    if kind == "other":
        return why_not_read(parts[-1])
    if kind == "table" and member.size > MAX_TABLE_BYTES:
        return f"a table of {member.size:,} bytes; expected at most {MAX_TABLE_BYTES:,}"
    folded = unicodedata.normalize("NFC", "/".join(parts)).casefold()
    if folded in names:
        return "stands in the archive twice; the first was taken"
    names.add(folded)
    return None


def _parts(name: str) -> tuple[str, ...] | str:
    """The parts of a member's name, or what is wrong with it, by the rules of every system."""
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in name):
        return "its name holds a control character"
    plain = clean(name).replace("\\", "/")
    if plain.startswith("/") or PureWindowsPath(plain).drive:
        return "its name is an absolute path"
    parts = tuple(part for part in plain.split("/") if part not in ("", "."))
    if ".." in parts:
        return "its name leaves the folder"
    return parts if parts and len(plain) <= 1000 else "its name is empty or longer than 1,000 characters"


def _suffix(name: str) -> str:
    known = (*ARCHIVE_SUFFIXES, *VIDEO_SUFFIXES, *TABLE_SUFFIXES)
    return next(suffix for suffix in known if name.lower().endswith(suffix))


def _write(member: _Member, target: Path, meter: Meter) -> None:
    if target.is_file() and target.stat().st_size == member.size:  # it has its name since it was whole
        meter.add(member.size)
        return
    with member.open() as reader, atomic_file(target) as writer:
        while chunk := reader.read(_CHUNK):
            meter.add(len(chunk))
            writer.write(chunk)


def _members(archive: Path, stack: ExitStack) -> Iterator[_Member]:
    with open(archive, "rb") as file:
        head = file.read(512)
    if other := next((suffix for magic, suffix in _OTHERS.items() if head.startswith(magic)), ""):
        raise Damaged(why_not_read(other))
    if _PAGE.match(head):
        raise Damaged("a web page, not an archive: its site answered with a page instead of the file; fetch it again")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _in_zip(stack.enter_context(zipfile.ZipFile(archive)))
    opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), Path.open)
    limited: Any = _Limited(stack.enter_context(opener(archive, "rb")))
    try:
        return _in_tar(stack.enter_context(tarfile.open(fileobj=limited, mode="r:")))
    except tarfile.ReadError as error:
        raise Damaged(f"no zip or tar archive, or a damaged one ({one_line(str(error))}): fetch it again") from error


def _in_zip(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        mode = info.external_attr >> 16
        refusal = "a link" if stat.S_ISLNK(mode) else "encrypted" if info.flag_bits & 1 else ""
        refusal = _FOLDER if info.filename.endswith("/") else refusal  # is_dir() fails on an empty name
        yield _Member(info.filename, info.file_size, refusal, True, lambda info=info: archive.open(info))  # type: ignore[misc]


def _in_tar(archive: tarfile.TarFile) -> Iterator[_Member]:
    while (info := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]  # else a list of all that was met, which nobody reads
        refusal = "" if info.isreg() else "a link" if info.issym() or info.islnk() else "no plain file"
        refusal = _FOLDER if info.isdir() else refusal
        if info.size < 0:
            raise tarfile.ReadError(f"a size below zero at byte {info.offset:,}")

        def reader(info: tarfile.TarInfo = info) -> IO[bytes]:
            stream = archive.extractfile(info)
            assert stream is not None  # for what is no plain file only
            return stream

        yield _Member(info.name, info.size, refusal, False, reader)
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile takes a bad header for the end
        raise tarfile.ReadError(f"no header and no mark of the end at byte {archive.offset:,}")


class _Limited:
    """A stream that hands out no more at once than a header may have: tarfile takes a header's word for its length."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise Damaged(f"a header of {size:,} bytes: no archive of clips has that")
        return self._stream.read(size)
