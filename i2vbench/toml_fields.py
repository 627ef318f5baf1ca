"""Dataclasses that a TOML file fills: a field's default, meaning and limits stand together, and hold every value."""

from __future__ import annotations

import dataclasses
import math
import operator
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, field
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.names import nearest
from i2vbench.parsing import parse_toml

_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_NAMES_OF_MANY = {int: "whole numbers", str: "texts"}


def setting(default: Any, text: str, *, low: float | None = None, high: float | None = None,
            above: float | None = None, below: float | None = None, choices: Sequence[str] = ()) -> Any:  # fmt: skip
    """A field: its default, what it means, and which values it takes (low <= x <= high, above < x < below)."""
    limits = {"low": low, "high": high, "above": above, "below": below, "choices": tuple(choices)}
    return field(default=default, metadata={"text": text, **limits})


def read_toml(path: Path, what: str, hint: str) -> dict[str, Any]:
    """What a TOML file holds.

    Args:
        path: The file.
        what: What it is to its user, as "plan".
        hint: What to do where there is no such file.

    Raises:
        UserError: It is missing, cannot be read, or is not TOML.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{what} {path}: is no file; {hint}")
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{what} {path}: no such file; {hint}") from error
    except OSError as error:
        raise UserError(f"{what} {path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{what} {path}: is not TOML: {error}") from error


def fill(kind: type, table: Any, where: str = "", **given: Any) -> Any:
    """A dataclass that a table fills; what the table leaves out is at its default.

    Its fields may be plain (int, float, str, bool), `tuple[PLAIN, ...]`, another such dataclass or None, a
    `Mapping[str, ...]` of any of these, or Any, which takes what is there.

    Args:
        kind: The dataclass.
        table: As TOML holds it.
        where: The table's name with a dot behind it, "" for the whole file.
        given: Fields that are no settings, with their values.

    Raises:
        ValueError: Naming the setting: it is unknown (with the nearest name), of another type, or beyond a limit.
    """
    if not isinstance(table, Mapping):
        raise ValueError(f"{where.rstrip('.')}: expected a table, [{where.rstrip('.')}], got {table!r}")
    known = {one.name: one for one in dataclasses.fields(kind) if one.name not in given}
    kinds, values = typing.get_type_hints(kind), dict(given)
    for name, value in table.items():
        if name not in known:
            raise ValueError(f"unknown setting '{where}{name}'; {nearest(name, known)}")
        values[name] = _value(known[name], kinds[name], value, where + name)
    return kind(**values)


def _value(known: Field[Any], kind: Any, value: Any, where: str) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return _value(known, inner[0], value, where)
    if dataclasses.is_dataclass(kind):
        return fill(typing.cast(type, kind), value, f"{where}.")
    if origin is tuple:
        if not isinstance(value, list) or any(type(one) is not inner[0] for one in value):
            raise ValueError(f"{where}: expected a list of {_NAMES_OF_MANY[inner[0]]}, got {value!r}")
        return tuple(value)
    if kind in _NAMES:
        return plain_value(known, kind, value, where)
    if kind is Any:
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: expected a table, got {value!r}")
    return {name: _value(known, inner[1], one, f"{where}.{name}") for name, one in value.items()}


def check_json(where: str, value: Any) -> None:
    """Hold a value to what JSON and YAML have: TOML has dates and infinities beside.

    Raises:
        ValueError: Naming the place.
    """
    if isinstance(value, Mapping):
        for name, one in value.items():
            check_json(f"{where}.{name}", one)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            check_json(f"{where}.{index}", one)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: expected a finite number, got {value!r}")
    elif not isinstance(value, str | int | float):
        raise ValueError(f"{where}: expected what JSON can hold, got {value!r}; write it as a text")


def plain_value(known: Field[Any], kind: type, value: Any, where: str = "") -> Any:
    """A value as a field's plain type (int, float, str, bool; a whole number is a number), held to its limits.

    Args:
        known: The field.
        kind: Its type.
        value: As TOML holds it.
        where: What messages call it, if not by the field's name.

    Raises:
        ValueError: It is of another type, or beyond a limit.
    """
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"{where or known.name}: expected {_NAMES[kind]}, got {value!r}")
    check_limits(known, value, where)
    return value


def check_limits(known: Field[Any], value: Any, where: str = "") -> None:
    """Hold a value to its field's choices and limits.

    Raises:
        ValueError: Naming the field, what is expected and what was found.
    """
    rule, name = known.metadata, where or known.name
    if rule.get("choices") and value not in rule["choices"]:
        raise ValueError(f"{name}: expected one of {', '.join(rule['choices'])}, got {value!r}")
    if type(value) not in (int, float):
        return
    if not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    for key, words, fits in (
        ("low", "at least", operator.ge),
        ("high", "at most", operator.le),
        ("above", "more than", operator.gt),
        ("below", "less than", operator.lt),
    ):
        if rule.get(key) is not None and not fits(value, rule[key]):
            raise ValueError(f"{name}: expected {words} {rule[key]}, got {value!r}")


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a value, at any depth; names of tables are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)
