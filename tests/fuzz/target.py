"""A reader of foreign data, and where all of them are listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.fuzz.mutate import mutate

Read = Callable[[Path, bytes], object]


@dataclass(frozen=True)
class Target:
    """A reader of foreign data.

    Attributes:
        examples: Makes data, and what else it needs, in an empty folder; the first of them is valid.
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
