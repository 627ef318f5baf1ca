"""The one way in which an archive is laid out: a zip whose every byte follows from names, contents and their order.

Members lie behind one another from the first byte on, stored, without times, comments or anything between them; then
the directory, then its end. What is written is made here, and what is read must be equal to what would be made here:
a header that says one thing at its member and another in the directory, members that overlap, anything hidden between
or behind them, links, encryption and compression are all other bytes. Format: PKWARE's APPNOTE 6.3.10, 4.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

LIMIT_32, LIMIT_16 = 0xFFFFFFFF, 0xFFFF
_DATE = (1 << 5) | 1
"""1 January 1980, the first day that a zip knows."""

_MODE = 0o100644 << 16
_PLAIN, _ZIP64 = 20, 45
_UNIX = 3 << 8

LOCAL, CENTRAL, END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH")
END_64, LOCATOR_64 = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
CENTRAL_MAGIC, END_MAGIC, LOCATOR_MAGIC, END_64_MAGIC = b"PK\1\2", b"PK\5\6", b"PK\6\7", b"PK\6\6"
_LOCAL_MAGIC = b"PK\3\4"


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: its name (ASCII), its bytes, their CRC-32, and where its local header begins."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def data(self) -> int:
        """Where its contents begin."""
        return self.offset + len(local_header(self))

    @property
    def end(self) -> int:
        """Where the next member begins."""
        return self.data + self.size


def local_header(entry: Entry) -> bytes:
    """What stands before a member's contents."""
    name = entry.name.encode("ascii")
    large = entry.size >= LIMIT_32
    extra = struct.pack("<2H2Q", 1, 16, entry.size, entry.size) if large else b""
    size = LIMIT_32 if large else entry.size
    version = _ZIP64 if large else _PLAIN
    head = LOCAL.pack(_LOCAL_MAGIC, version, 0, 0, 0, _DATE, entry.crc, size, size, len(name), len(extra))
    return head + name + extra


def central_header(entry: Entry) -> bytes:
    """A member's record in the directory."""
    name = entry.name.encode("ascii")
    large, far = entry.size >= LIMIT_32, entry.offset >= LIMIT_32
    values = [*([entry.size, entry.size] if large else []), *([entry.offset] if far else [])]
    extra = struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values) if values else b""
    size, offset = (LIMIT_32 if large else entry.size), (LIMIT_32 if far else entry.offset)
    version = _ZIP64 if extra else _PLAIN
    head = CENTRAL.pack(
        *(CENTRAL_MAGIC, _UNIX | version, version, 0, 0, 0, _DATE, entry.crc, size, size),
        *(len(name), len(extra), 0, 0, 0, _MODE, offset),
    )
    return head + name + extra


def end_of_archive(count: int, start: int, size: int) -> bytes:
    """What stands behind the directory.

    Args:
        count: Members.
        start: Where the directory begins.
        size: Its bytes.
    """
    far = count >= LIMIT_16 or start >= LIMIT_32 or size >= LIMIT_32
    found = b""
    if far:
        found += END_64.pack(*(END_64_MAGIC, END_64.size - 12, _UNIX | _ZIP64, _ZIP64, 0, 0, count, count, size, start))
        found += LOCATOR_64.pack(LOCATOR_MAGIC, 0, start + size, 1)
    few = min(count, LIMIT_16)
    return found + END.pack(END_MAGIC, 0, 0, few, few, min(size, LIMIT_32), min(start, LIMIT_32), 0)
