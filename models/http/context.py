"""What the steps of one request share, and why a clip may have no video."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.http.description import Description
from i2vbench.models.http.ledger import Ledger
from i2vbench.models.http.rules import takes_http
from i2vbench.models.http.secret import Secret
from i2vbench.models.http.template import find, scalar
from i2vbench.models.http.transport import Broken, Response, get, origin, read
from i2vbench.parsing import parse_json
from i2vbench.texts import clean

MOST_JSON = 2 << 20
"""Bytes of an answer that says how a job is; one that holds a video may have more."""

MOST_ODD = 3
"""Videos in a row that are not as stated, once one was: then it is no exception, and nothing more is sent."""

MOST_SAID = 1 << 16
"""Bytes of a refusal that are looked into."""

_log = logging.getLogger("i2vbench")


class ClipError(UserError):
    """Why a clip has no video."""


class Lost(ClipError):
    """It is paid for, and its video cannot be had."""


class Stopped(ClipError):
    """The user stopped it; the ledger knows how far it was."""


@dataclass(eq=False)
class Context:
    """One API under one ledger.

    Attributes:
        description: How it is asked.
        secret: Its key.
        ledger: What was sent.
        folder: Where answers and videos are kept as they came.
        stop: Set when the user wants to stop.
        halted: Why nothing more is sent; "" while there is no reason.
        sending: Requests on their way, which may be paid for and are waited for.
        show_progress: Whether to tell on standard error how far a job is.
    """

    description: Description
    secret: Secret
    ledger: Ledger
    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)
    halted: str = ""
    show_progress: bool = False
    _odd: int = 0
    _sending: int = 0
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def file(self) -> str:
        """The description's file, as sentences name it."""
        return self.description.path.name

    @property
    def sending(self) -> int:
        return self._sending

    @contextmanager
    def on_its_way(self) -> Iterator[None]:
        """While a request is sent and its answer comes."""
        with self._mutex:
            self._sending += 1
        try:
            yield
        finally:
            with self._mutex:
                self._sending -= 1

    def has_come(self, fault: str) -> None:
        """Note that a video has come, and what about it is not as stated.

        As long as none was as stated, one that is not ends the sending: the next one would cost as much for nothing.
        """
        with self._mutex:
            self._odd = self._odd + 1 if fault else 0
            if self._odd >= (MOST_ODD if self.ledger.is_proven() else 1):
                self.halted = f"nothing is sent any more: {fault}; every other clip would fail as this one does"

    def check_open(self) -> None:
        """Go on only where something may still be sent.

        Raises:
            Stopped: The user stopped it.
            ClipError: Why nothing more is sent.
        """
        if self.stop.is_set():
            raise Stopped("stopped")
        if self.halted:
            raise ClipError(self.halted)

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: The user stopped it meanwhile.
        """
        if self.stop.wait(seconds):
            raise Stopped("stopped")

    def wait_before(self, tried: int) -> float:
        """Seconds before what has been tried so many times is tried again."""
        limits = self.description.limits
        return float(min(limits.first_wait_seconds * 2 ** min(tried - 1, 30), limits.longest_wait_seconds))

    def tell(self, line: str) -> None:
        """Say how far it is, in the log and where somebody is looking."""
        line = self.secret.redact(line)
        _log.info("%s: %s", self.description.name, line)
        if self.show_progress:
            import sys

            print(clean(line), file=sys.stderr, flush=True)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str], seconds: float, *, named: bool = True) -> Iterator[Response]:
        """The answer to a GET.

        Args:
            url: Of the description, or, where it is not `named` there, of an answer: then the key goes there only if it
                is where requests are sent to, or the description says so.
            headers: Beside the key.
            seconds: For all of it.

        Raises:
            NotSent, Broken: As `transport.get`.
        """
        description = self.description
        keyed = named or description.result.send_key or origin(url) == origin(description.submit.url)
        key = self.secret.headers if keyed else {}
        with get(url, headers, key, seconds, takes_http(description)) as response:
            yield response

    def said(self, response: Response, path: str) -> str:
        """What a refusal says, at a path or as a whole, for a sentence: ": REASON", or nothing."""
        try:
            text = read(response, MOST_SAID).decode("utf-8", "replace")
        except Broken:
            return ""
        return self.reason(text, path)

    def reason(self, text: str, path: str) -> str:
        """The same of a text."""
        try:
            data = parse_json(text)
            text = scalar(self.secret.redact_json(data))
            if path:
                text = scalar(self.secret.redact_json(find(data, path)))
        except ValueError:
            pass  # all of it then
        quoted = self.secret.quoted(text)
        return f": {quoted}" if quoted else ""

    def json(self, response: Response, at_most: int = MOST_JSON) -> Any:
        """An answer that is to be JSON.

        Raises:
            Broken: It is not, or as `transport.read`.
        """
        body = read(response, at_most)
        try:
            return parse_json(body)
        except ValueError as error:
            kind = self.secret.quoted(response.headers.get("Content-Type", "no type"), 40)
            text = self.secret.quoted(body[:200].decode("utf-8", "replace"), 60)
            reason = self.secret.quoted(str(error), 60)
            raise Broken(f"answered with {kind} instead of JSON: {text!r} ({reason})") from error

    def find(self, data: Any, path: str) -> Any:
        """The value at a path of an answer.

        Raises:
            ValueError: There is none.
        """
        try:
            return find(data, path)
        except ValueError as error:
            raise ValueError(self.secret.quoted(str(error))) from None  # the names in an answer are a server's text too

    @property
    def most_bytes(self) -> int:
        """Of a video."""
        return int(self.description.result.max_megabytes * 1e6)

    @property
    def most_json(self) -> int:
        """Bytes of an answer that may hold a video in base64."""
        return self.most_bytes * 4 // 3 + MOST_JSON

    def clock(self) -> float:
        return time.monotonic()
