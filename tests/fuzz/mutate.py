"""Valid data made invalid: bytes flipped, cut, doubled, and hostile words, numbers and nestings put between them."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

WORDS: tuple[bytes, ...] = (
    *(b"\0", b"\x1b]0;x\x07", b"\x1b[2J", b"\r", b"\n", b'"', b"'", b",", b";", b"\\", b"\xff\xfe", b"\xed\xa0\x80"),
    *(b"../../../etc/passwd", b"/dev/zero", b"C:\\x", b"CON", b"a" * 300, b"-1", b"0", b"1e999", b"NaN", b"-Infinity"),
    *(b"9" * 30, b"9" * 400, b"9" * 5000, b"[" * 200, b"[" * 50_000, b'{"a":' * 5000, b"x" + b".x" * 20_000),
    *(b"=1+1", b"@SUM(A1)", b"<script>alert(1)</script>", b"]]>", b"\\write18{id}", b"^^5cinput", b"{{7*7}}", b"%s%n"),
    *("\u202e\u2066\u200b".encode(), "\N{FULLWIDTH SOLIDUS}..".encode(), b"true", b"null", b"{}", b"[]", b'""'),
)

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1 << 62, 1 << 70, 10**300, 1e300, float("nan"), float("inf"), -0.0, 0.5),
    *("", "\0", "a\nb", "\x1b[2J", "\ud800", "../../x", "/etc/passwd", "x" * 5000, "=1+1", "\u202e", "<b>", "9" * 400),
    *([], {}, [[]], [None], {"": ""}, [0] * 50, ["x"], {"a": {"a": {}}}, [[[[[[[[]]]]]]]]),
)

_TOKEN = re.compile(rb"[\w.+-]+")


def mutate(example: bytes, random: Random) -> bytes:
    """The example with a few things wrong with it."""
    data = bytearray(example)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        place = random.randrange(len(data) + 1)
        length = min(random.choice((1, 1, 2, 4, 16, 200)), len(data) - place)
        what = random.randrange(10)
        if what == 0 and data:
            data[place % len(data)] ^= 1 << random.randrange(8)
        elif what == 1 and data:
            data[place % len(data)] = random.randrange(256)
        elif what == 2:
            del data[place : place + length]
        elif what == 3:
            del data[place:]
        elif what == 4:
            data[place:place] = random.choice(WORDS)
        elif what == 5:
            data[place : place + length] = random.choice(WORDS)
        elif what == 6:
            begin = random.randrange(len(data) + 1)
            data[place:place] = data[begin : begin + 200]
        elif token := random.choice([None, *_TOKEN.finditer(data[:100_000])]):
            data[token.start() : token.end()] = random.choice(WORDS)
    return bytes(data)


def mutate_json(example: bytes, random: Random) -> bytes:
    """A value of JSON with some of its values replaced, left out, doubled or renamed; sometimes its text too."""
    value = json.loads(example)
    for _ in range(random.choice((1, 1, 2, 4))):
        value = _changed(value, random)
    text = json.dumps(value).encode()
    return mutate(text, random) if random.random() < 0.1 else text


def _changed(value: Any, random: Random) -> Any:
    if not isinstance(value, (dict, list)) or not value or random.random() < 0.1:
        return random.choice(VALUES)
    value = value.copy()
    key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
    what = random.randrange(8)
    if what == 0:
        del value[key]
    elif what == 1 and isinstance(value, list):
        value.append(value[key])
    elif what == 1:
        value[random.choice(("", "x", "\ud800", "name", "a" * 300, "../x"))] = value.pop(key)
    else:
        value[key] = _changed(value[key], random)
    return value
