"""What no value on a command line may be, whatever it is for: empty, or no number where a number is meant.

Refused in one form, with the flag and the value as they were given; typer's own words change from version to version.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from i2vbench.errors import UserError

MAY_BE_EMPTY = ("prompt", "negative_prompt")
"""Parameters for which no words are words."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the values of a parameter are.

    Attributes:
        type: Of one value; of an optional one or a list, what it is or holds.
        least: The smallest number that it may be, if there is one.
        most: The largest.
    """

    type: Any
    least: float | None = None
    most: float | None = None


def kinds_of(callback: Callable[..., Any] | None) -> dict[str, Kind]:
    """The kind of each parameter of a command."""
    function = getattr(callback, "__wrapped__", callback)
    if function is None:
        return {}
    kinds = {}
    for name, hint in typing.get_type_hints(function, include_extras=True).items():
        facts = getattr(hint, "__metadata__", (None,))[0]
        kinds[name] = Kind(_innermost(hint), getattr(facts, "min", None), getattr(facts, "max", None))
    return kinds


def _innermost(hint: Any) -> Any:
    if hasattr(hint, "__metadata__"):
        hint = hint.__origin__
    while not isinstance(hint, type) or typing.get_origin(hint) is list:
        inner = [one for one in typing.get_args(hint) if one is not type(None)]
        if not inner:
            break
        hint = inner[0]
    return hint


def check_values(params: Sequence[Any], kinds: Mapping[str, Kind], given: Mapping[str, Any]) -> None:
    """Refuse what no value of any command may be.

    Args:
        params: The command's parameters.
        kinds: What their values are.
        given: What stands on the command line for each, before anything is made of it.

    Raises:
        UserError: For an empty value, and for what is no number, or not one of those it may be.
    """
    for param in params:
        kind = kinds.get(param.name, Kind(str))
        for text in _texts(given.get(param.name)):
            if not text.strip(" ,") and param.name not in MAY_BE_EMPTY:
                instead = "a value" if param.required else f"a value, or no {called(param)}"
                raise UserError(f"{called(param)} '{text}': is empty; expected {instead}")
            if kind.type in (int, float):
                _check_number(called(param), text, kind)


def called(param: Any) -> str:
    """What a parameter is called on the command line."""
    return str(param.metavar if param.param_type_name == "argument" else max(param.opts, key=len))


def _texts(given: Any) -> Iterator[str]:
    """The texts of an option, of one that is repeated or takes several, or of arguments; a flag has none."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, list | tuple):
        for one in given:
            yield from _texts(one)


def _check_number(name: str, text: str, kind: Kind) -> None:
    try:
        number = kind.type(text)
    except ValueError:
        raise UserError(f"{name} '{text}': expected {_expected(kind)}") from None
    least, most = kind.least, kind.most
    if not math.isfinite(number) or (least is not None and number < least) or (most is not None and number > most):
        raise UserError(f"{name} {text}: expected {_expected(kind)}")


def _expected(kind: Kind) -> str:
    what = "a whole number" if kind.type is int else "a number"
    if kind.least is None or kind.most is None:
        return what if kind.least is None else f"{what}, {kind.least:,g} or more"
    return f"{what} from {kind.least:g} to {kind.most:.10g}"
