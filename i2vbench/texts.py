"""Text from outside (data sets, models, web sites) as it may stand in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_BROKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Unicode's categories Cc and Cs, but for line ends and tabs."""

_QUOTED = re.compile('[,"\r\n]')


def clean(text: str) -> str:
    """Text from outside as it may stand in a file: without control characters and broken code points."""
    # What is printable has none of them, which is known many times faster.
    return text if text.isprintable() else _BROKEN.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def amount(number: int, noun: str) -> str:
    """A number of things, each called by a noun that takes an s: "1 clip", "2,950 clips"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def csv_text(text: str) -> str:
    """Text as a spreadsheet shows it: what would be taken for a formula gets a leading apostrophe."""
    text = clean(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    return "".join(",".join(map(csv_field, row)) + "\n" for row in rows)


def csv_field(value: object) -> str:
    """A value between two commas, in quotes where it needs them."""
    # The csv module of Python < 3.13 leaves a lone carriage return unquoted, and readers take it for a line's end.
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
