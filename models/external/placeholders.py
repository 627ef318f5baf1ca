"""{prompt}, {seed}, ... in the texts of a TOML file: checked when the file is read, filled for each request.

A value is put in once and never looked at again, so that a prompt with braces stays what it is. A text that is one
placeholder and nothing else takes the value with its type: "{seed}" in a table becomes a whole number.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from i2vbench.models.external.writing import dotlist, write_arguments
from i2vbench.names import nearest
from i2vbench.toml_fields import texts_in

MODEL = ("repository", "python", "drivers", "here", "device", "dtype")
"""The same for every request; checkpoint.NAME too."""

RUN = ("request_dir", "out_dir", "num_frames", "height", "width", "fps")
"""The same for all requests that are made by one process."""

REQUEST = ("first_frame", "prompt", "prompt_file", "seed", "index", "frame_stride")
"""A request's own."""

CONFIG = "config"
"""The table [config], filled. In a command {config:arguments} and {config:dotlist} become several elements."""

_PLACE = re.compile(r"\{\{|\}\}|\{([a-z_]+(?:\.[A-Za-z0-9_-]+)?)(?::([a-z]+))?\}|[{}]")
_SPREAD = {"arguments": write_arguments, "dotlist": dotlist}


def places(text: str) -> list[tuple[str, str]]:
    """(name, form) of each placeholder in a text.

    Raises:
        ValueError: A brace that belongs to none.
    """
    found = []
    for match in _PLACE.finditer(text):
        if match[0] in "{}":
            raise ValueError(f"'{text}': a single brace; placeholders are written {{name}}, and a brace {{{{ or }}}}")
        if match[1]:
            found.append((match[1], match[2] or ""))
    return found


def names_in(data: Any) -> set[str]:
    return {name for text in texts_in(data) for name, _ in places(text)}


def check(where: str, data: Any, known: Collection[str], command: bool = False) -> None:
    """Hold the placeholders in a value to those that have a meaning there.

    Raises:
        ValueError: Naming the one that has none, with the nearest.
    """
    for text in texts_in(data):
        try:
            found = places(text)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        for name, form in found:
            if name not in known:
                raise ValueError(f"{where}: '{text}': there is no {{{name}}} here: {nearest(name, sorted(known))}")
            if form and not (name == CONFIG and form in _SPREAD and command):
                raise ValueError(f"{where}: '{text}': there is no form '{form}' of {{{name}}} here")
            if name == CONFIG and (command != bool(form) or text != _written(name, form)):
                takes = "{config:arguments} or {config:dotlist}" if command else "{config}"
                raise ValueError(f"{where}: '{text}': the table config is put in by {takes}, alone")


def fill(text: str, values: Mapping[str, Any]) -> Any:
    """A text with its placeholders filled; the value itself where the text is one placeholder."""
    if (match := _PLACE.fullmatch(text)) and match[1]:
        return values[match[1]]
    return fill_text(text, values)


def fill_text(text: str, values: Mapping[str, Any]) -> str:
    """A text with its placeholders filled, as a text."""
    return _PLACE.sub(lambda match: as_text(values[match[1]]) if match[1] else match[0][0], text)


def fill_data(data: Any, values: Mapping[str, Any]) -> Any:
    """A value of a TOML file with every text in it filled."""
    if isinstance(data, str):
        return fill(data, values)
    if isinstance(data, Mapping):
        return {key: fill_data(value, values) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [fill_data(value, values) for value in data]
    return data


def fill_command(command: Collection[str], values: Mapping[str, Any]) -> list[str]:
    """The elements of a command; {config:FORM} becomes as many as it has settings."""
    filled: list[str] = []
    for text in command:
        match = _PLACE.fullmatch(text)
        if match and match[1] == CONFIG:
            filled += _SPREAD[match[2]](values[CONFIG])
        else:
            filled.append(fill_text(text, values))
    return filled


def without(data: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A table without what depends on any of these placeholders: what is known of it before there is a request.

    A list goes whole: one that lacks an element would be another list.
    """
    kept: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            kept[key] = without(value, names)
        elif not names_in(value) & set(names):
            kept[key] = value
    return kept


def as_text(value: Any) -> str:
    """A value as a command line and a text show it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _written(name: str, form: str) -> str:
    return f"{{{name}:{form}}}" if form else f"{{{name}}}"
