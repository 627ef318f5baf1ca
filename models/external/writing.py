"""Values as files and command lines hold them: YAML, JSON, lists. Values are data: no text in them can end a quote."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from i2vbench.models.external.failed import Refused

_INTERPOLATION = re.compile(r"(\\*)\$\{")
_MISSING = "???"
"""What OmegaConf takes for a value that is not given."""


def as_json(data: Any) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def as_json_lines(items: Sequence[Any]) -> str:
    return "".join(json.dumps(item, allow_nan=False) + "\n" for item in items)


def as_yaml(data: Any, omegaconf: bool = False) -> str:
    """A table as YAML that every reader of YAML 1.1 or 1.2 reads alike: ASCII, texts in double quotes.

    Args:
        data: Tables, lists, texts, numbers, true, false, None.
        omegaconf: Texts reach a program that reads the file by OmegaConf as they are, `${` included.

    Raises:
        Refused: A text that OmegaConf cannot hold.
    """
    if isinstance(data, Mapping) and data:
        return "".join(f"{_quoted(str(key))}: {_flow(value, omegaconf)}\n" for key, value in data.items())
    return _flow(data, omegaconf) + "\n"


def as_csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue()


def write_arguments(table: Mapping[str, Any]) -> list[str]:
    """`--name=value` for each setting; `--name` for true, nothing for false, `--name a b` for a list."""
    elements: list[str] = []
    for name, value in table.items():
        if value is True:
            elements.append(f"--{name}")
        elif isinstance(value, list | tuple):
            elements += [f"--{name}", *map(_plain, value)]
        elif value is not False and value is not None:
            elements.append(f"--{name}={_plain(value)}")
    return elements


def dotlist(table: Mapping[str, Any], prefix: str = "") -> list[str]:
    """`a.b=value` for each setting, as OmegaConf.from_dotlist and from_cli read them."""
    elements: list[str] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            elements += dotlist(value, f"{prefix}{name}.")
        else:
            elements.append(f"{prefix}{name}={_flow(value, omegaconf=True)}")
    return elements


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _flow(value: Any, omegaconf: bool) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(k))}: {_flow(v, omegaconf)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(v, omegaconf) for v in value) + "]"
    if isinstance(value, str):
        return _quoted(_escaped(value) if omegaconf else value)
    if isinstance(value, float):
        # YAML 1.1 takes 1e-05 for a text: it wants a point.
        text = repr(value)
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    return json.dumps(value)


def _escaped(text: str) -> str:
    """A text as OmegaConf (2.1 and later) gives it back: without interpolation."""
    if text == _MISSING:
        raise Refused("the text '???' cannot be handed to this repository: its OmegaConf takes it for a missing value")
    return _INTERPOLATION.sub(lambda match: match[1] * 2 + "\\${", text)


def _quoted(text: str) -> str:
    """A double-quoted scalar of YAML, in ASCII."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    if " " <= c <= "~":
        return c
    code = ord(c)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"
