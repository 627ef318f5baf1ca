"""What a process prints, line by line into the log: cleaned, cut, and no more of it than a log can bear."""

from __future__ import annotations

import codecs
import logging
import re
import sys
from collections import deque
from collections.abc import Callable
from typing import IO

from i2vbench.texts import clean

MOST_CHARACTERS = 500
"""Of a line; the rest of it is left out."""

MOST_LINES = 400
"""Between two calls of `begin`; the rest are counted."""

KEPT_LINES = 12
"""Last lines, for the reason of a failure."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""What colours a terminal and moves its cursor."""

_log = logging.getLogger("i2vbench")


class Output:
    """The lines of one process.

    Args:
        name: The model's, before every line of the log.
        show: Whether to tell a terminal too.
    """

    def __init__(self, name: str, show: bool) -> None:
        self._name, self._show = name, show
        self._last: deque[str] = deque(maxlen=KEPT_LINES)
        self._told = self._left_out = 0

    def begin(self) -> None:
        """A new request: lines are counted anew, and what was said of the one before explains nothing any more."""
        self._note_left_out()
        self._told = 0
        self._last.clear()

    def read(self, stream: IO[bytes]) -> None:
        """Take in a stream until its end."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        lines = _Lines(self._take)
        while data := stream.read1(1 << 16):  # type: ignore[attr-defined]  # of a BufferedReader
            lines.feed(decoder.decode(data))
        lines.feed(decoder.decode(b"", final=True))
        lines.end()
        self._note_left_out()

    @property
    def last(self) -> list[str]:
        """The last lines that say anything."""
        return list(self._last)

    def _take(self, text: str, cut: int) -> None:
        line = clean(_ESCAPES.sub("", text)).replace("\t", " ").rstrip()
        if not line:
            return
        if cut:
            line += f" [... {cut} characters more]"
        self._last.append(line)
        if self._told >= MOST_LINES:
            self._left_out += 1
            return
        self._told += 1
        _log.info("%s: %s", self._name, line)
        if self._show:
            print(f"{self._name}: {line}", file=sys.stderr, flush=True)

    def _note_left_out(self) -> None:
        if self._left_out:
            _log.info("%s: [... %d lines more]", self._name, self._left_out)
        self._left_out = 0


class _Lines:
    """Lines out of pieces of text. What a carriage return takes back (progress bars) counts only if it stands last."""

    def __init__(self, take: Callable[[str, int], None]) -> None:
        self._take = take
        self._text, self._cut, self._returned = "", 0, False

    def feed(self, text: str) -> None:
        for part in re.split(r"([\r\n])", text):
            if part == "\n":
                self.end()
            elif part == "\r":
                self._returned = True
            elif part:
                if self._returned:
                    self._text, self._cut, self._returned = "", 0, False
                room = MOST_CHARACTERS - len(self._text)
                self._cut += max(0, len(part) - room)
                self._text += part[: max(0, room)]

    def end(self) -> None:
        self._take(self._text, self._cut)
        self._text, self._cut, self._returned = "", 0, False
