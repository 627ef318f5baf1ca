"""Text from outside (data sets, models, web sites) as it may stand in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_BROKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Unicode's categories Cc and Cs, but for line ends and tabs."""


def clean(text: str) -> str:
    """Text from outside as it may stand in a file: without control characters and broken code points."""
    return _BROKEN.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def csv_text(text: str) -> str:
    """Text as a spreadsheet shows it: what would be taken for a formula gets a leading apostrophe."""
    text = clean(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    return "".join(",".join(map(_csv_field, row)) + "\n" for row in rows)


def _csv_field(value: object) -> str:
    # The csv module of Python < 3.13 leaves a lone carriage return unquoted, and readers take it for a line's end.
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
