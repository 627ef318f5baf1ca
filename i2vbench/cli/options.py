"""Options that several commands share, so that one flag means one thing everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from i2vbench.errors import UserError
from i2vbench.names import FORMATS


def split(values: Sequence[str] | None) -> list[str]:
    """The items of a repeatable option whose values may also be separated by commas."""
    return [item.strip() for value in values or () for item in value.split(",") if item.strip()]


def parse_formats(values: Sequence[str] | None) -> list[str]:
    """The table formats named; all of them if none is.

    Raises:
        UserError: For an unknown one.
    """
    formats = split(values) or list(FORMATS)
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UserError(f"unknown format {', '.join(map(repr, unknown))}: expected {', '.join(FORMATS)}")
    return formats
