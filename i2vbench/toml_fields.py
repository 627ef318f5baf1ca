"""Dataclasses that a TOML file fills: a field's default, meaning and limits stand together, and hold every value."""

from __future__ import annotations

import math
import operator
import tomllib
from collections.abc import Sequence
from dataclasses import Field, field
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError

_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


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
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{what} {path}: no such file; {hint}") from error
    except OSError as error:
        raise UserError(f"{what} {path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{what} {path}: is not TOML: {error}") from error


def plain_value(known: Field[Any], kind: type, value: Any) -> Any:
    """A value as a field's plain type (int, float, str, bool; a whole number is a number), held to its limits.

    Raises:
        ValueError: It is of another type, or beyond a limit.
    """
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"{known.name}: expected {_NAMES[kind]}, got {value!r}")
    check_limits(known, value)
    return value


def check_limits(known: Field[Any], value: Any) -> None:
    """Hold a value to its field's choices and limits.

    Raises:
        ValueError: Naming the field, what is expected and what was found.
    """
    rule = known.metadata
    if rule["choices"] and value not in rule["choices"]:
        raise ValueError(f"{known.name}: expected one of {', '.join(rule['choices'])}, got {value!r}")
    if type(value) not in (int, float):
        return
    if not math.isfinite(value):
        raise ValueError(f"{known.name}: expected a finite number, got {value!r}")
    for key, words, fits in (
        ("low", "at least", operator.ge),
        ("high", "at most", operator.le),
        ("above", "more than", operator.gt),
        ("below", "less than", operator.lt),
    ):
        if rule[key] is not None and not fits(value, rule[key]):
            raise ValueError(f"{known.name}: expected {words} {rule[key]}, got {value!r}")
