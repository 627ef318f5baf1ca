"""What stands in braces in a description, filled in for a request; and finding values in JSON by a path."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from i2vbench.names import nearest
from i2vbench.toml_fields import texts_in
from i2vbench.types import Request
from i2vbench.video import encode_png

PICTURE = "first_frame"
"""The picture itself: a file of a multipart form."""

UPLOADED = "upload"
"""What the upload step answered: the picture's address, or its id."""

NAMES = (
    "prompt", "seed", "num_frames", "height", "width", "fps", "seconds",
    PICTURE, "first_frame_base64", "first_frame_data_uri", UPLOADED,
)  # fmt: skip
"""What a body may hold, in braces."""

PICTURES = frozenset(NAMES[-4:])

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")

Values = Mapping[str, Callable[[], object]]
"""What each name stands for, made when it is asked for."""


def names_in(value: object, known: tuple[str, ...]) -> set[str]:
    """The names in braces in a text, or in all texts of a table or list.

    Raises:
        ValueError: One that is not known.
    """
    found: set[str] = set()
    for text in texts_in(value):
        for match in _BRACES.finditer(text):
            if match[1] is None:
                continue
            if match[1] not in known:
                hint = nearest(match[1], known) if known else "nothing may stand in braces here"
                raise ValueError(f"unknown {{{match[1]}}}; {hint} (a brace that is meant is written twice)")
            found.add(match[1])
    return found


def fill(value: Any, values: Values) -> Any:
    """A template with its names replaced; a text that is one name and nothing else takes that value's type."""
    if isinstance(value, dict):
        return {key: fill(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, values) for inner in value]
    return _fill_text(value, values) if isinstance(value, str) else value


def _fill_text(text: str, values: Values) -> object:
    whole = _BRACES.fullmatch(text)
    if whole and whole[1] is not None:
        return values[whole[1]]()
    doubled = {"{{": "{", "}}": "}"}
    return _BRACES.sub(lambda match: doubled.get(match[0]) or str(values[match[1]]()), text)


def values_of(request: Request, png: bytes, uploaded: str) -> Values:
    """What the names stand for in a request.

    Args:
        request: What is asked for.
        png: Its first frame as a PNG file.
        uploaded: What the upload step answered, "" without one.
    """

    def encoded() -> str:
        return base64.b64encode(png).decode()

    return {
        "prompt": lambda: request.prompt,
        "seed": lambda: request.seed,
        "num_frames": lambda: request.num_frames,
        "height": lambda: request.height,
        "width": lambda: request.width,
        "fps": lambda: _plain(request.fps),
        "seconds": lambda: _plain(request.num_frames / request.fps),
        PICTURE: lambda: png,
        "first_frame_base64": encoded,
        "first_frame_data_uri": lambda: f"data:image/png;base64,{encoded()}",
        UPLOADED: lambda: uploaded,
    }


def first_frame_png(request: Request) -> bytes:
    return encode_png(request.first_frame)


def find(data: Any, path: str) -> Any:
    """The value at a path: names and, in lists, positions from 0, separated by dots, as "output.0.url".

    Raises:
        ValueError: There is none, with the names that there are.
    """
    here = data
    for step in path.split("."):
        inside = here
        if isinstance(inside, dict) and step in inside:
            here = inside[step]
        elif isinstance(inside, list) and step.isdecimal() and int(step) < len(inside):
            here = inside[int(step)]
        else:
            raise ValueError(
                f"it has no '{path}' ({_shape(inside)}{'' if inside is data else f' where {step} is meant'})"
            )
    return here


def scalar(value: object) -> str:
    """A value of JSON as a text: texts as they are, others as JSON writes them."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shape(value: object) -> str:
    if isinstance(value, dict):
        return f"it has {', '.join(list(map(str, value))[:8])}" if value else "it is empty"
    return f"a list of {len(value)}" if isinstance(value, list) else f"it is {scalar(value)[:60]}"


def _plain(number: float) -> int | float:
    """A number as people write it in JSON: 8, not 8.0."""
    return int(number) if float(number).is_integer() else round(float(number), 6)
