"""A real HTTP server in a thread, which serves files well or badly."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Handler = BaseHTTPRequestHandler
Answer = Callable[["Request"], None]


@dataclass
class Site:
    """What is served, and what was asked for.

    Attributes:
        answers: What answers each path; a path without one is 404.
        asked: (path, Range header or "") of every GET, in order.
        closing: Set when the server ends, so that a stalled answer does too.
    """

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def ranges(self, path: str) -> list[str]:
        return [range_ for asked, range_ in self.asked if asked == path]


@dataclass
class Request:
    """One GET, and ways to answer it."""

    site: Site
    handler: Handler
    count: int

    @property
    def start(self) -> int:
        """The first byte asked for."""
        return int(self._range[0])

    def end(self, length: int) -> int:
        """Behind the last byte asked for, of so many."""
        return min(int(self._range[2] or length - 1) + 1, length)

    @property
    def _range(self) -> tuple[str, str, str]:
        return self.handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")

    def head(self, status: int, **headers: object) -> None:
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def body(self, contents: bytes) -> None:
        self.handler.wfile.write(contents)
        self.handler.wfile.flush()

    def stall(self) -> None:
        self.site.closing.wait(20)


def etag(contents: bytes) -> str:
    return f'"{hashlib.sha256(contents).hexdigest()[:16]}"'


def good(contents: bytes, seconds: float = 0.0, kind: str = "") -> Answer:
    """As a server should: whole, or the part asked for if it is still of the same file; `kind` is its media type."""
    said = {"Content_Type": kind} if kind else {}

    def answer(request: Request) -> None:
        same = request.handler.headers.get("If-Range", etag(contents)) == etag(contents)
        if not request.handler.headers.get("Range") or not same:
            request.head(200, Content_Length=len(contents), ETag=etag(contents), **said)
            part = contents
        elif request.start >= len(contents):
            request.head(416, Content_Range=f"bytes */{len(contents)}")
            return
        else:
            part = contents[request.start : request.end(len(contents))]
            extent = f"bytes {request.start}-{request.end(len(contents)) - 1}/{len(contents)}"
            request.head(206, Content_Length=len(part), Content_Range=extent, ETag=etag(contents), **said)
        for i in range(0, len(part), 1 << 16):
            time.sleep(seconds)
            request.body(part[i : i + (1 << 16)])

    return answer


def cut(contents: bytes, after: int, times: int = 10**9, *, stall: bool = False) -> Answer:
    """Announces all that is left, sends `after` bytes and closes, or stalls; well again after so many times."""

    def answer(request: Request) -> None:
        if request.count > times:
            good(contents)(request)
            return
        start = request.start
        if request.handler.headers.get("Range"):
            extent = f"bytes {start}-{len(contents) - 1}/{len(contents)}"
            request.head(206, Content_Length=len(contents) - start, Content_Range=extent, ETag=etag(contents))
        else:
            request.head(200, Content_Length=len(contents), ETag=etag(contents))
        request.body(contents[start : start + after])
        if stall:
            request.stall()

    return answer


def status(code: int, then: Answer | None = None, times: int = 10**9) -> Answer:
    """An error, for so many times."""

    def answer(request: Request) -> None:
        if then and request.count > times:
            then(request)
        else:
            request.head(code, Content_Length=0)

    return answer


def redirect(to: str) -> Answer:
    return lambda request: request.head(302, Location=to, Content_Length=0)


def announced(contents: bytes, length: int | None) -> Answer:
    """All of it, under a length that is not its own; None announces none."""

    def answer(request: Request) -> None:
        headers = {} if length is None else {"Content_Length": length}
        request.head(200, ETag=etag(contents), **headers)
        request.body(contents)

    return answer


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()
    counts: dict[str, int] = {}

    class Serve(Handler):
        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers.get("Range", "")))
            counts[self.path] = counts.get(self.path, 0) + 1
            with suppress(BrokenPipeError, ConnectionResetError):
                site.answers.get(self.path, status(404))(Request(site, self, counts[self.path]))

        def do_HEAD(self) -> None:
            site.answers.get(f"HEAD {self.path}", status(404))(Request(site, self, 1))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Serve)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
