"""Writing archives, and reading those of strangers: see `zip_layout` for what every byte of one must be."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self

from i2vbench.errors import UserError
from i2vbench.leaderboards.submission import zip_layout as layout
from i2vbench.leaderboards.submission.names import MOST_MEMBERS, MOST_NAME_BYTES, fault_of_name, folded, kind_of
from i2vbench.leaderboards.submission.zip_layout import Entry
from i2vbench.texts import one_line

CHUNK = 1 << 20
_MOST_DIRECTORY_BYTES = MOST_MEMBERS * (layout.CENTRAL.size + MOST_NAME_BYTES + 28)


class Refused(UserError):
    """An archive, or something in it, that is not looked at any further: it is not ours, damaged, or hostile."""


class Members:
    """Named stretches of a file."""

    def __init__(self, file: IO[bytes], entries: dict[str, Entry]) -> None:
        self._file = file
        self.entries: Mapping[str, Entry] = entries

    def stream(self, name: str) -> Iterator[bytes]:
        """A member's contents, in pieces."""
        entry = self.entries[name]
        position, left = entry.data, entry.size
        while left:
            self._file.seek(position)
            piece = self._file.read(min(CHUNK, left))
            if not piece:
                raise Refused(f"{name} is cut short")
            position, left = position + len(piece), left - len(piece)
            yield piece

    def read(self, name: str) -> bytes:
        """A member's contents as a whole; its size is bounded by its kind."""
        return b"".join(self.stream(name))

    def under(self, folder: str) -> list[str]:
        """The names of the members in a folder."""
        return [name for name in self.entries if name.startswith(f"{folder}/")]


class ArchiveWriter(Members):
    """Writes an archive, whose members can be read before it is finished.

    Args:
        file: Empty, opened for writing and reading.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._written: dict[str, Entry] = {}
        super().__init__(file, self._written)
        self.hashes: dict[str, str] = {}
        self._folded: dict[str, str] = {}
        self._end = 0

    def add_bytes(self, name: str, contents: bytes) -> None:
        self.add(name, len(contents), [contents])

    def add_file(self, name: str, path: Path) -> None:
        """Copy a file into the archive.

        Raises:
            UserError: It cannot be read, or changes while it is.
        """
        with _readable(path):
            size = path.stat().st_size
        self.add(name, size, _pieces(path))

    def add(self, name: str, size: int, pieces: Iterable[bytes]) -> None:
        """Write a member.

        Raises:
            UserError: It comes to another size than stated, or is larger than what is read again; or its name is not
                one that every file system keeps apart from the others.
        """
        kind = kind_of(name)
        if kind is None or size > kind.most_bytes:
            raise UserError(f"{name}: {size:,} bytes of this name are no part of a submission")
        if folded(name) in self._folded:
            raise UserError(
                f"{self._folded[folded(name)]} and {name} differ only in case, which some file systems do not see: "
                "rename the model"
            )
        self._folded[folded(name)] = name
        entry = Entry(name, size, 0, self._end)
        self._file.seek(entry.data)
        crc, sha256, count = 0, hashlib.sha256(), 0
        for piece in pieces:
            crc, count = zlib.crc32(piece, crc), count + len(piece)
            sha256.update(piece)
            if count > size:
                break
            self._file.write(piece)
        if count != size:
            raise UserError(f"{name} changed while it was packed: {size:,} bytes at first; run the command again")
        entry = self._written[name] = Entry(name, size, crc, self._end)
        self._file.seek(entry.offset)
        self._file.write(layout.local_header(entry))
        self.hashes[name], self._end = sha256.hexdigest(), entry.end

    def finish(self) -> None:
        """Write the directory."""
        self._file.seek(self._end)
        size = 0
        for entry in self.entries.values():
            size += self._file.write(layout.central_header(entry))
        self._file.write(layout.end_of_archive(len(self.entries), self._end, size))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """A file that cannot be read is told from an archive that cannot be written."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


def _pieces(path: Path) -> Iterator[bytes]:
    """A file's contents.

    Raises:
        UserError: It cannot be read.
    """
    with ExitStack() as stack:
        with _readable(path):
            file = stack.enter_context(open(path, "rb"))
        while True:
            with _readable(path):
                piece = file.read(CHUNK)
            if not piece:
                return
            yield piece


class Archive(Members):
    """An archive that nobody vouches for; nothing of it is unpacked, and no name in it becomes a path.

    Raises:
        Refused: Its bytes are not those of an archive of ours, with what was found.
        UserError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            file = open(path, "rb")  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refused(f"{path} is no file")
            super().__init__(file, _read_directory(file))
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def hash_members(self) -> dict[str, str]:
        """The SHA-256 of every member.

        Raises:
            Refused: A member's contents are not those that the archive was made with.
        """
        found = {}
        for name, entry in self.entries.items():
            crc, sha256 = 0, hashlib.sha256()
            for piece in self.stream(name):
                crc = zlib.crc32(piece, crc)
                sha256.update(piece)
            if crc != entry.crc:
                raise Refused(f"{name} is damaged: its CRC-32 is not the one stated")
            found[name] = sha256.hexdigest()
        return found


def _read_directory(file: IO[bytes]) -> dict[str, Entry]:
    """The members of an archive, once its layout is seen to be ours."""
    count, start, size = _read_end(file)
    file.seek(start)
    directory = file.read(size)
    entries: dict[str, Entry] = {}
    names: dict[str, str] = {}
    position, expected = 0, 0
    for _ in range(count):
        entry, length = _read_record(directory, position)
        if folded(entry.name) in names:
            raise Refused(f"{entry.name} stands in the archive twice (as {names[folded(entry.name)]})")
        if entry.offset != expected:
            raise Refused(f"{entry.name} begins at byte {entry.offset:,}, where members overlap or something is hidden")
        names[folded(entry.name)], entries[entry.name] = entry.name, entry
        position, expected = position + length, entry.end
        header = layout.local_header(entry)
        file.seek(entry.offset)
        if file.read(len(header)) != header:
            raise Refused(f"{entry.name}: the archive says one thing of it in its directory and another beside it")
    if position != len(directory) or expected != start:
        raise Refused("its directory is not where its members end, or holds more than its members")
    return entries


def _read_end(file: IO[bytes]) -> tuple[int, int, int]:
    """Members, where the directory begins, and its bytes."""
    length = file.seek(0, os.SEEK_END)
    most = layout.END.size + layout.LOCATOR_64.size + layout.END_64.size
    file.seek(max(0, length - most))
    tail = file.read()
    if len(tail) < layout.END.size or not tail[-layout.END.size :].startswith(layout.END_MAGIC):
        raise Refused("it is no archive that `i2vbench submit` has made, or one that is cut short or has been added to")
    _, _, _, _, count, size, start, _ = layout.END.unpack(tail[-layout.END.size :])
    if len(tail) == most and tail[-layout.END.size - layout.LOCATOR_64.size :].startswith(layout.LOCATOR_MAGIC):
        far = layout.END_64.unpack(tail[: layout.END_64.size])
        count, size, start = far[7], far[8], far[9]
    end = layout.end_of_archive(count, start, size) if max(count, start, size) < 1 << 63 else b""
    if start + size + len(end) != length or not tail.endswith(end) or not end:
        raise Refused("its end is not as `i2vbench submit` writes it: a comment, a part of several, or damage")
    if count > MOST_MEMBERS or size > _MOST_DIRECTORY_BYTES:
        raise Refused(
            f"it states {count:,} members in a directory of {size:,} bytes; expected at most {MOST_MEMBERS:,}"
        )
    return count, start, size


def _read_record(directory: bytes, position: int) -> tuple[Entry, int]:
    """A member's record in the directory, and its length."""
    head = directory[position : position + layout.CENTRAL.size]
    if len(head) < layout.CENTRAL.size or not head.startswith(layout.CENTRAL_MAGIC):
        raise Refused("its directory is damaged")
    (_, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length, _, _, mode, offset) = (
        layout.CENTRAL.unpack(head)
    )
    length = layout.CENTRAL.size + name_length + extra_length + comment_length
    raw = directory[position : position + length]
    name = raw[layout.CENTRAL.size : layout.CENTRAL.size + name_length]
    shown = repr(one_line(name[:200].decode("utf-8", "replace")))
    if fault := fault_of_name(name) or _fault_of_record(flags, method, mode >> 16, packed != size):
        raise Refused(f"{shown} in the archive: {fault}")
    size, offset = _wide(size, offset, raw[layout.CENTRAL.size + name_length :])
    entry = Entry(name.decode("ascii"), size, crc, offset)
    if layout.central_header(entry) != raw:
        raise Refused(f"{shown} in the archive: its record is not as `i2vbench submit` writes it")
    kind = kind_of(entry.name)
    if kind is None or size > kind.most_bytes:
        raise Refused(f"{shown} in the archive: {size:,} bytes, more than a member of its kind can have")
    return entry, length


def _fault_of_record(flags: int, method: int, mode: int, shrunk: bool) -> str:
    if stat.S_ISLNK(mode):
        return "a link"
    if flags & 1:
        return "encrypted"
    if method or shrunk:
        return "compressed; `i2vbench submit` stores members, so that none unpacks to more than it is"
    return "" if stat.S_ISREG(mode) else "no plain file"


def _wide(size: int, offset: int, extra: bytes) -> tuple[int, int]:
    """Size and offset, from the record's extra field where they are too large for the record."""
    count = max(0, len(extra) - 4) // 8
    values = list(struct.unpack_from(f"<{count}Q", extra, 4)) if count else []
    if size == layout.LIMIT_32 and len(values) >= 2:
        size, values = values[0], values[2:]
    if offset == layout.LIMIT_32 and values:
        offset = values[0]
    return size, offset
