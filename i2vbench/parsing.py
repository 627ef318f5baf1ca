"""JSON and TOML as files and answers from outside hold them: one kind of error for whatever is wrong with them.

The libraries end a deep nesting by RecursionError and a number of 5,000 digits by a plain ValueError, which those who
catch their own errors let through; and what they let through (a number that no float can hold, lists in each other a
thousand deep) ends whoever works on it later.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

MOST_LEVELS = 100
"""Of lists and tables in each other: some of what is done with a value goes one call down for each."""

MOST_TOML_CHARACTERS = 1 << 20
"""Of a file that people write."""

_MOST_PARTS = 50
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
_DOTTED = re.compile(rf"""(?<![\w"'.\\-])(?:{_PART}[ \t]*+\.[ \t]*+){{{_MOST_PARTS}}}""")
"""tomllib takes time by the square of a dotted key's parts, and worse: 0.9 s for 5,000, three minutes for 60,000.
This one takes it by their length: it begins where words and quotations begin, and goes back nowhere."""

_LARGEST = 10**308
_DEEP = f"nested more than {MOST_LEVELS} deep"
_LONG = "a whole number of too many digits"


def parse_json(text: str | bytes) -> Any:
    """What a text of JSON holds.

    Raises:
        json.JSONDecodeError: It is no JSON, is nested too deeply, or has a whole number that no float can hold.
        UnicodeDecodeError: Bytes that are no text; a ValueError too.
    """
    try:
        value = json.loads(text)
        fault = _fault(value)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except RecursionError:
        fault = _DEEP
    except ValueError:  # of int(), which Python lets have 4,300 digits
        fault = _LONG
    if fault:
        raise json.JSONDecodeError(fault, "", 0)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """What a text of TOML holds.

    Raises:
        tomllib.TOMLDecodeError: It is no TOML, too long, nested too deeply, or has a whole number that no float holds.
    """
    if len(text) > MOST_TOML_CHARACTERS:
        raise tomllib.TOMLDecodeError(f"{len(text):,} characters; expected at most {MOST_TOML_CHARACTERS:,}")
    if _DOTTED.search(text):
        raise tomllib.TOMLDecodeError(f"a name with more than {_MOST_PARTS} dots")
    try:
        value = tomllib.loads(text)
        fault = _fault(value)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        fault = _DEEP
    except ValueError:
        fault = _LONG
    if fault:
        raise tomllib.TOMLDecodeError(fault)
    return value


def _fault(value: Any) -> str:
    """What in a value ends those who work on it; "" if nothing does."""
    here = [value]
    for _ in range(MOST_LEVELS + 1):
        if any(type(one) is int and not -_LARGEST < one < _LARGEST for one in here):
            return _LONG
        tables = [one.values() if isinstance(one, dict) else one for one in here if isinstance(one, (dict, list))]
        if not tables:
            return ""
        here = [inner for table in tables for inner in table]
    return _DEEP
