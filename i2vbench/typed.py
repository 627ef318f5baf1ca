"""JSON -> dataclasses, every value of the type that its field states: a file may be damaged, or somebody else's.

Files that people write are `toml_fields`': settings with defaults and limits. Here a machine has written everything,
and lists hold records.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

_NAMES = {int: "a whole number", float: "a number", str: "a text", type(None): "null"}


def typed(kind: Any, value: Any, where: str) -> Any:
    """A value as a field of a type holds it.

    Args:
        kind: int, float, str, Any, a dataclass, or a literal, tuple of many, mapping or union of these.
        value: As JSON holds it: a tuple is a list, a dataclass an object.
        where: What it is called.

    Raises:
        ValueError: It is of another type; with `where`.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return None if value is None else typed(inner[0], value, where)
    if origin is typing.Literal:
        return _expect(value in inner, value, where, f"one of {', '.join(inner)}")
    if origin is tuple:
        _expect(isinstance(value, list), value, where, "a list")
        return tuple(typed(inner[0], one, f"{where}[{index}]") for index, one in enumerate(value))
    if dataclasses.is_dataclass(kind):
        return _filled(kind, value, where)
    if origin is not None:  # a mapping
        return _expect(isinstance(value, Mapping), value, where, "an object")
    if kind is str:
        return _expect(isinstance(value, str) and _is_text(value), value, where, _NAMES[str])
    fine = type(value) is int or (kind is float and type(value) is float and math.isfinite(value))
    return _expect(fine, value, where, _NAMES[kind])


def _expect(fine: bool, value: Any, where: str, what: str) -> Any:
    if not fine:
        raise ValueError(f"{where}: expected {what}, got {value!r:.40}")
    return value


def _is_text(text: str) -> bool:
    """Whether it can be written: JSON may hold halves of characters."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _filled(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, Mapping), value, where, "an object")
    kinds, needed = _fields(kind)
    names = [*(name for name in needed if name not in value), *(name for name in value if name not in kinds)]
    if names:
        raise ValueError(f"{where}: '{names[0]}' is {'missing' if names[0] in needed else 'unknown'}")
    start = f"{where}." if where else ""
    return kind(**{name: typed(kinds[name], one, f"{start}{name}") for name, one in value.items()})


@cache
def _fields(kind: Any) -> tuple[dict[str, Any], list[str]]:
    """The types of a dataclass's fields, and the names of those without a default."""
    needed = [one.name for one in dataclasses.fields(kind) if one.default is dataclasses.MISSING]
    return typing.get_type_hints(kind), needed
