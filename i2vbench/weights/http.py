"""A plain download that can be stopped at any byte and goes on there, with the standard library.

The part that is here is continued only if the server says that the file is still the same one (If-Range with a strong
ETag or a date); otherwise it begins anew. Lengths are held to what was announced. Whether the contents are right is
the caller's to check, before the file gets its name.
"""

from __future__ import annotations

import http.client
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from i2vbench import __version__
from i2vbench.files import write_json
from i2vbench.parsing import parse_json

STALL_SECONDS = 30.0
"""A server that sends nothing for so long is tried again."""

ATTEMPTS = 6
"""Failures in a row, each less than a megabyte further than the best before it, until a source is given up."""

FIRST_WAIT_SECONDS = 1.0
"""Before the second attempt; doubled before each further one."""

LONGEST_WAIT_SECONDS = 30.0

_CHUNK = 1 << 18
_PROGRESS = 1 << 20
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_LENGTH = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18}|\*)")

Tell = Callable[[int, int | None], None]
"""Called with (bytes that are here, bytes in all or None)."""


class SourceError(Exception):
    """A source that does not give the file; the text says why."""


class Stopped(Exception):
    """The user stopped it; the part that is here stays."""


class _Again(Exception):
    """What may go better at the next attempt."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class _SafeRedirects(HTTPRedirectHandler):
    """Follows redirects, but not from https to anything less."""

    def redirect_request(  # type: ignore[no-untyped-def]
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers, newurl: str
    ) -> Request | None:
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise SourceError(f"redirects from https to {newurl.partition(':')[0]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = build_opener(_SafeRedirects)


@dataclass(frozen=True, slots=True)
class _Part:
    """What is known of a file of which a part is here."""

    url: str
    validator: str
    total: int | None


def download(
    url: str,
    partial: Path,
    *,
    size: int | None = None,
    at_most: int | None = None,
    tell: Tell = lambda done, total: None,
    stop: threading.Event | None = None,
) -> None:
    """Bring all of `url` into the file `partial`, going on from what of it is there.

    Args:
        size: Bytes that it must have; a server that announces another number is refused.
        at_most: Bytes after which it is given up, where the size is not known.

    Raises:
        SourceError: The source does not have it, or failed `ATTEMPTS` times in a row.
        Stopped: `stop` was set.
        OSError: The disk is at fault.
    """
    stop = stop or threading.Event()
    partial.parent.mkdir(parents=True, exist_ok=True)
    failures, best = 0, _here(partial)
    while True:
        try:
            _attempt(url, partial, size, at_most, tell, stop)
            return
        except _Again as error:
            here = _here(partial)
            failures = 1 if here >= best + _PROGRESS else failures + 1
            best = max(best, here)
            if failures >= ATTEMPTS:
                raise SourceError(f"{error} ({failures} attempts)") from error
            wait = min(max(error.wait, FIRST_WAIT_SECONDS * 2 ** (failures - 1)), LONGEST_WAIT_SECONDS)
            if stop.wait(wait):
                raise Stopped from error


def discard(partial: Path) -> None:
    """Forget a part, so that the next download begins anew."""
    partial.unlink(missing_ok=True)
    _note(partial).unlink(missing_ok=True)


def _attempt(url: str, partial: Path, size: int | None, at_most: int | None, tell: Tell, stop: threading.Event) -> None:
    part = _read_note(partial, url)
    here = _here(partial) if part else 0
    if here and part and here == part.total:
        return
    headers = {"User-Agent": f"i2vbench/{__version__}", "Accept-Encoding": "identity"}
    if here and part:
        headers |= {"Range": f"bytes={here}-", "If-Range": part.validator}
    try:
        response = _OPENER.open(Request(url, headers=headers), timeout=STALL_SECONDS)
    except HTTPError as error:
        error.close()
        raise _refusal(error, partial) from error
    except (OSError, http.client.HTTPException) as error:  # of plain ones too: TLS, lost routes
        raise _Again(_reason(error)) from error
    with response:
        begin, total = _extent(response, here, partial)
        if size is not None and total is not None and total != size:
            raise SourceError(f"has {total:,} bytes there, expected {size:,}")
        total = size if total is None else total
        _write_note(partial, _Part(url, _validator(response), total))
        _receive(response, partial, begin, total, size if size is not None else at_most, tell, stop)


def _extent(response: http.client.HTTPResponse, here: int, partial: Path) -> tuple[int, int | None]:
    """(first byte that comes, bytes in all) of an answer."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceError(f"comes encoded ({response.headers['Content-Encoding']})")
    if response.status == 206:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not match or match[1] is None or int(match[1]) != here:
            discard(partial)
            raise _Again("sent another part than the one asked for")
        return here, None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if _LENGTH.fullmatch(length) else None


def _receive(
    response: http.client.HTTPResponse,
    partial: Path,
    begin: int,
    total: int | None,
    at_most: int | None,
    tell: Tell,
    stop: threading.Event,
) -> None:
    """Write what comes after byte `begin`, all of it or with an exception."""
    here = begin
    with open(partial, "r+b" if begin else "wb") as file:
        file.seek(begin)
        file.truncate()
        try:
            while chunk := _read(response):
                if stop.is_set():
                    raise Stopped
                here += len(chunk)
                if at_most is not None and here > at_most:
                    discard(partial)
                    raise SourceError(f"has more than the {at_most:,} bytes expected")
                file.write(chunk)
                tell(here, total)
        finally:
            file.flush()
            os.fsync(file.fileno())
    if total is not None and here < total:
        raise _Again(f"ended after {here:,} of {total:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:  # read from the network alone
        raise _Again(_reason(error)) from error


def _refusal(error: HTTPError, partial: Path) -> Exception:
    """What an answer of 400 and above means."""
    if error.code == 416:  # the part is longer than the file: it has changed
        discard(partial)
        return _Again("has become shorter")
    if error.code in _AGAIN:
        after = error.headers.get("Retry-After", "")
        return _Again(f"answered {error.code}", float(after) if _LENGTH.fullmatch(after) else 0.0)
    return SourceError(f"answered {error.code}")


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"sent nothing for {STALL_SECONDS:g} s"
    if isinstance(error, http.client.IncompleteRead):
        return "ended early"
    return str(cause) or type(cause).__name__


def _validator(response: http.client.HTTPResponse) -> str:
    """By what a later answer is known to be of the same file; "" if the server says nothing that is strong enough."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _here(partial: Path) -> int:
    return partial.stat().st_size if partial.is_file() else 0


def _note(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _read_note(partial: Path, url: str) -> _Part | None:
    """What was noted when the part was begun; None if it cannot be continued from this address."""
    try:
        part = _Part(**parse_json(_note(partial).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return part if part.url == url and part.validator else None


def _write_note(partial: Path, part: _Part) -> None:
    write_json(_note(partial), {"url": part.url, "validator": part.validator, "total": part.total})
