"""Whether a file is whole, by the structure of its container alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

MATROSKA = "matroska,webm"
"""libav's name of the format."""

# What lies in a Matroska segment and in its clusters (RFC 9559): an element with another id is where damage starts.
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675

_ELEMENTS = {
    *(_SEGMENT, _CLUSTER, 0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1043A770, 0x1C53BB6B, 0x1941A469),
    *(0x1254C367, 0xEC, 0xBF, 0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0x5854, 0xAF),
}


_AS_STORED = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
"""An MP4 track's display matrix (ISO 14496-12, 8.3.2) that changes nothing."""


def ends_whole(path: Path, container_name: str) -> bool:
    """Whether the last element of a file that declares no number of frames ends where the file ends.

    Timestamps do not tell: without its last packets, B-frames, a file still reaches its duration.
    """
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        if container_name == MATROSKA:
            return _matroska_ends(file, end)
        if container_name.startswith("mov"):
            return _mp4_ends(file, end)
    return container_name != "mpegts" or 0 in (end % 188, end % 192, end % 204)


def _matroska_ends(file: BinaryIO, end: int) -> bool:
    """Whether the elements of a Matroska file follow each other up to its end; segment and clusters are entered."""
    position = 0
    while position < end:
        file.seek(position)
        head = file.read(12)
        id_length = 9 - head[0].bit_length()
        size_length = 9 - head[id_length].bit_length() if id_length <= 4 and id_length < len(head) else 9
        if size_length > 8:
            return False
        element = int.from_bytes(head[:id_length])
        size = int.from_bytes(head[id_length : id_length + size_length]) - (1 << 7 * size_length)
        if element not in _ELEMENTS:
            return False
        position += id_length + size_length
        is_unknown = size == (1 << 7 * size_length) - 1  # as in a file written to a pipe
        if is_unknown and element not in (_SEGMENT, _CLUSTER):
            return False
        if not is_unknown and position + size > end:
            return False
        if element not in (_SEGMENT, _CLUSTER):
            position += size
    return position == end


def _mp4_ends(file: BinaryIO, end: int) -> bool:
    """Whether the boxes of an MP4 file follow each other up to its end."""
    last = 0
    for _, start, size in _mp4_boxes(file, end):
        last = start + size
    return last == end


def _mp4_boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, size) of the boxes of an MP4 file one after the other, up to the first impossible one."""
    position = 0
    while position + 8 <= end:
        file.seek(position)
        head = file.read(16)
        size = int.from_bytes(head[:4])
        if size == 1:
            size = int.from_bytes(head[8:16])
        elif size == 0:  # to the end of the file
            size = end - position
        if size < 8:
            return
        yield head[4:8], position, size
        position += size


def is_upright_mp4(path: Path) -> bool:
    """Whether this is an MP4 file of which every track is shown as it is stored, neither turned nor mirrored."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        for kind, start, size in _mp4_boxes(file, end):
            if kind == b"moov":
                file.seek(start)
                tracks = file.read(min(size, end - start)).split(b"tkhd")[1:]
                # before the matrix: version, flags, times, track, duration, layer, ...; longer in version 1
                offsets = [52 if track[:1] == b"\1" else 40 for track in tracks]
                return all(t[o : o + 36] == _AS_STORED for t, o in zip(tracks, offsets, strict=True)) and bool(tracks)
    return False


def count_empty_chunks(path: Path) -> int:
    """How many frames an AVI repeats by an empty chunk, which counts as a frame in its header only (as XviD writes)."""
    with path.open("rb") as file:
        file.seek(12)  # after "RIFF", size, "AVI "
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"idx1":  # of each chunk: id, flags, offset, size
                index = np.frombuffer(file.read(size // 16 * 16), [("id", "S4"), ("flags", "<u4", 2), ("size", "<u4")])
                return sum(1 for entry in index if entry["size"] == 0 and entry["id"][2:] in (b"dc", b"db"))
            file.seek(size + size % 2, os.SEEK_CUR)
    return 0
