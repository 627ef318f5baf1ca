"""JSON of strangers: of bounded size and depth, every name once, every number finite and not too large for a store."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from i2vbench.leaderboards.submission.archive import Members, Refused
from i2vbench.texts import one_line

MOST_LINE_BYTES = 1 << 20
MOST_DEPTH = 12
_MOST_DIGITS = 400
_LARGEST = 1 << 63


def dumps(value: object) -> str:
    """A value on one line; equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def loads(text: bytes, where: str) -> Any:
    """What a text holds.

    Args:
        text: Of a size that is bounded already.
        where: What stands before the reason in a message.

    Raises:
        Refused: It is no JSON of the kind that is written here.
    """
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_finite,
            parse_int=_whole,
            parse_constant=_finite,
        )
        _check(value, 0)
    except RecursionError as error:
        raise Refused(f"{where}: nested more than {MOST_DEPTH} deep") from error
    except (ValueError, UnicodeError) as error:
        raise Refused(f"{where}: {one_line(str(error))[:200]}") from error
    return value


def lines(members: Members, name: str) -> Iterator[tuple[str, Any]]:
    """The values of a member, one a line, each with where it stands.

    Raises:
        Refused: A line is no JSON, or longer than `MOST_LINE_BYTES`.
    """
    for number, line in enumerate(_split(members.stream(name), name), start=1):
        where = f"{name}, line {number}"
        yield where, loads(line, where)


def _split(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if max(map(len, (*whole, rest))) > MOST_LINE_BYTES:
            raise Refused(f"{name}: a line of more than {MOST_LINE_BYTES:,} bytes")
        yield from whole
    if rest:
        raise Refused(f"{name}: its last line does not end")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _finite(number: str) -> float:
    value = float(number) if len(number) <= _MOST_DIGITS else math.inf
    if not math.isfinite(value):
        raise ValueError(f"{number[:40]} is not finite")
    return value


def _whole(number: str) -> int:
    value = int(number) if len(number) <= _MOST_DIGITS else _LARGEST
    if abs(value) >= _LARGEST:
        raise ValueError(f"{number[:40]} is too large")
    return value


def _check(value: Any, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise ValueError(f"nested more than {MOST_DEPTH} deep")
    if isinstance(value, str):
        value.encode("utf-8")  # half a character is no text
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            name.encode("utf-8")
            _check(item, depth + 1)
