"""Archives taken apart, changed and put together again: carelessly, or with every hash made to fit."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2vbench.leaderboards.submission.archive import ArchiveWriter

Parts = dict[str, bytes]
"""Members by name, in their order."""

MANIFEST = "manifest.json"


def take_apart(archive: Path) -> Parts:
    """The members, as another program reads them."""
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def put_together(parts: Mapping[str, bytes]) -> bytes:
    """An archive of these members as `submit` lays it out; the manifest is taken as it is."""
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    for name, contents in parts.items():
        writer.add_bytes(name, contents)
    writer.finish()
    return file.getvalue()


def seal(parts: Parts) -> bytes:
    """The same by somebody who makes the manifest fit."""
    manifest = json.loads(parts.pop(MANIFEST))
    manifest["members"] = {
        name: {"bytes": len(contents), "sha256": hashlib.sha256(contents).hexdigest()}
        for name, contents in parts.items()
    }
    parts[MANIFEST] = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    return put_together(parts)


Edit = Callable[[Parts], object]


def of_json(name: str, change: Callable[[Any], object]) -> Edit:
    """Changes a member that holds JSON."""

    def edit(parts: Parts) -> None:
        data = json.loads(parts[name])
        change(data)
        parts[name] = json.dumps(data).encode()

    return edit


def at(*keys: str, to: Any) -> Callable[[Any], None]:
    """Puts a value in a place of JSON."""

    def change(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = to

    return change


def of_line(name: str, wanted: Callable[[Any], bool], change: Callable[[Any], object]) -> Edit:
    """Changes the first line that is wanted."""

    def edit(parts: Parts) -> None:
        lines = [json.loads(line) for line in parts[name].splitlines()]
        change(next(line for line in lines if wanted(line)))
        parts[name] = as_lines(lines)

    return edit


def of_lines(name: str, keep: Callable[[Any], bool]) -> Edit:
    """Leaves lines out."""

    def edit(parts: Parts) -> None:
        parts[name] = as_lines([line for line in map(json.loads, parts[name].splitlines()) if keep(line)])

    return edit


def as_lines(values: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def text(name: str, before: str, after: str) -> Edit:
    """Puts another text in the place of the first that is found."""

    def edit(parts: Parts) -> None:
        assert before.encode() in parts[name], (name, before)
        parts[name] = parts[name].replace(before.encode(), after.encode(), 1)

    return edit


@dataclass
class Raw:
    """A member of a zip by hand (APPNOTE 4.3.7 and 4.3.12), with whatever lies its headers are to tell."""

    name: bytes
    data: bytes
    local_name: bytes | None = None
    mode: int = 0o100644
    flags: int = 0
    method: int = 0
    size: int | None = None
    offset: int | None = None
    crc: int | None = None


def zip_by_hand(members: Sequence[Raw], *, before: bytes = b"", after: bytes = b"", comment: bytes = b"") -> bytes:
    """A zip of these members, with bytes before and behind it."""
    body, directory = bytearray(before), bytearray()
    for member in members:
        offset = len(body) if member.offset is None else member.offset
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        packed, size = len(member.data), len(member.data) if member.size is None else member.size
        local = member.name if member.local_name is None else member.local_name
        facts = (20, member.flags, member.method, 0, 33, crc, packed, size)
        if member.offset is None:
            body += struct.pack("<4s5H3L2H", b"PK\3\4", *facts, len(local), 0) + local + member.data
        directory += struct.pack(
            "<4sH5H3L5H2L", b"PK\1\2", 0x314, *facts, len(member.name), 0, 0, 0, 0, member.mode << 16, offset
        )
        directory += member.name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(members), len(members), len(directory), len(body), len(comment))
    return bytes(body + directory) + end + comment + after
