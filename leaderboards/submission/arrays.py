"""Features of many clips as one .npy file: a header that is written in one way only, and numbers in rows."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.leaderboards.submission.archive import Members, Refused

MOST_DIMENSIONS, MOST_FRAMES = 2048, 1024
"""Of a clip's features (FID's has the most): a distance needs memory and time by the square and cube of the first."""

_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<f[48])', 'fortran_order': False, "
    rb"'shape': \((\d{1,8}), (\d{1,5})(?:, (\d{1,5}))?\), \} *\n",
    re.S,
)
_MOST_HEADER = 256

Features = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Shape:
    """Of an array of features: rows, what each is, and the kind of number."""

    count: int
    row: tuple[int, ...]
    dtype: str

    @property
    def row_bytes(self) -> int:
        return math.prod(self.row) * int(self.dtype[-1])

    def header(self) -> bytes:
        """What stands in the file before the numbers."""
        written = io.BytesIO()
        facts = {"descr": self.dtype, "fortran_order": False, "shape": (self.count, *self.row)}
        np.lib.format.write_array_header_1_0(written, facts)
        return written.getvalue()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.header()) + self.count * self.row_bytes


def shape_of(count: int, row: Features) -> Shape | None:
    """The shape of an array of so many rows like this one; None if no metric of ours makes such rows."""
    dtype = row.dtype.newbyteorder("<").str
    shape = Shape(count, row.shape, dtype)
    return shape if dtype in ("<f4", "<f8") and not _fault(shape) else None


def read_shape(members: Members, name: str) -> Shape:
    """The shape that a member states, held to its size.

    Raises:
        Refused: It is no array of features.
    """
    first = next(members.stream(name), b"")[:_MOST_HEADER]
    match = _HEADER.match(first)
    if match is None:
        raise Refused(f"{name}: no .npy file of float32 or float64 rows as a run packs it")
    rows = tuple(int(number) for number in match.groups()[2:] if number)
    shape = Shape(int(match[2]), rows, match[1].decode())
    if fault := _fault(shape):
        raise Refused(f"{name}: {fault}")
    if not first.startswith(shape.header()) or members.entries[name].size != shape.size:
        raise Refused(f"{name}: it states {shape.count} rows, and its {members.entries[name].size:,} bytes are others")
    return shape


def read_rows(members: Members, name: str, shape: Shape) -> Iterator[Features]:
    """The rows of a member, one at a time.

    Raises:
        Refused: A number is not finite.
    """
    buffer, skipped = bytearray(), len(shape.header())
    for piece in members.stream(name):
        buffer += piece
        if skipped:
            del buffer[:skipped]
            skipped = 0
        whole = len(buffer) // shape.row_bytes * shape.row_bytes
        rows = np.frombuffer(bytes(buffer[:whole]), shape.dtype).reshape(-1, *shape.row)
        if not np.isfinite(rows).all():
            raise Refused(f"{name}: a feature is not finite")
        yield from rows
        del buffer[:whole]


def _fault(shape: Shape) -> str:
    frames, dimensions = (1, *shape.row)[-2:]
    if shape.count < 1 or not 1 <= dimensions <= MOST_DIMENSIONS or not 1 <= frames <= MOST_FRAMES:
        return f"expected at least one row of at most {MOST_FRAMES} x {MOST_DIMENSIONS} numbers, got {list(shape.row)}"
    return "" if len(shape.row) in (1, 2) else f"expected rows of one or two dimensions, got {list(shape.row)}"
