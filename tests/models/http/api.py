"""A real HTTP API in a thread that makes videos of pictures, keeps account of what it was paid for, and misbehaves."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import threading
import time
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from i2vbench.types import Video
from i2vbench.video import write_mp4
from tests.conftest import moving_frames

KEY = "sk-Test/0123+abc=def"
FRAMES, HEIGHT, WIDTH, FPS = 4, 32, 48, 8.0

Fault = Callable[["Call"], None]
"""Answers one call in a way of its own."""


@cache
def video_bytes(seed: int, frames: int = FRAMES, height: int = HEIGHT, width: int = WIDTH, fps: float = FPS) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_mp4(path, Video(moving_frames(frames, height, width, seed % 50), fps))
        return path.read_bytes()


@dataclass
class Job:
    """One generation that was accepted and charged."""

    who: str
    seed: int
    polls: int = 0
    fails: bool = False


@dataclass
class Api:
    """What happened, and what is to happen.

    Attributes:
        faults: By kind of call ("submit", "poll", "video", "upload", "result"), for one call each, in order.
        always: By kind of call, for every call without a fault of its own.
        calls: (kind, path, headers) of every call.
        paid: How often each request, by its prompt and seed, was charged.
        jobs: By id.
        needs_polls: Polls that a job is not done at.
        fails: Prompts whose jobs fail.
        tokens: Whether it knows a request again by its Idempotency-Key.
        seconds: That a submit takes.
    """

    url: str = ""
    other_url: str = ""
    faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    always: dict[str, Fault] = field(default_factory=dict)
    calls: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)
    jobs: dict[str, Job] = field(default_factory=dict)
    by_token: dict[str, str] = field(default_factory=dict)
    needs_polls: int = 0
    fails: set[str] = field(default_factory=set)
    tokens: bool = False
    at_once: int = 0
    most_at_once: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    mutex: threading.RLock = field(default_factory=threading.RLock)

    def kinds(self, kind: str) -> int:
        return sum(one == kind for one, _, _ in self.calls)


@dataclass
class Call:
    """One call, and ways to answer it."""

    api: Api
    handler: BaseHTTPRequestHandler
    kind: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.handler.headers.items())

    def answer(self, code: int, body: object = b"", **headers: object) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        self.head(code, **({"Content_Length": len(data), "Content_Type": kind} | headers))
        self.send(data)

    def head(self, code: int, **headers: object) -> None:
        self.handler.send_response(code)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def send(self, data: bytes) -> None:
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def drop(self) -> None:
        with suppress(OSError):
            self.handler.connection.shutdown(socket.SHUT_RDWR)

    def charge(self) -> tuple[str, bool]:
        """Accept a submit; (job's id, whether it is a new one)."""
        asked = json.loads(self.body) if self.body.startswith(b"{") else {"prompt": "form", "seed": 0}
        token = self.headers.get("Idempotency-Key", "")
        with self.api.mutex:
            if self.api.tokens and token in self.api.by_token:
                return self.api.by_token[token], False
            who = f"{asked['prompt']}/{asked.get('seed')}"
            self.api.paid[who] += 1
            job = f"job-{len(self.api.jobs)}"
            self.api.jobs[job] = Job(who, int(asked.get("seed") or 0), 0, asked["prompt"] in self.api.fails)
            self.api.by_token[token] = job
            return job, True

    @property
    def job(self) -> Job:
        return self.api.jobs[self.handler.path.rpartition("/")[2].partition("?")[0].removesuffix(".mp4")]

    def ordinary(self) -> None:
        """As the API should."""
        match self.kind:
            case "submit":
                job, _ = self.charge()
                self.answer(201, {"id": job, "status": "starting"})
            case "poll":
                job = self.job
                job.polls += 1
                id_ = self.handler.path.rpartition("/")[2]
                done = job.polls > self.api.needs_polls
                state = "failed" if done and job.fails else "succeeded" if done else "processing"
                error = "the moderators said no" if state == "failed" else None
                self.answer(200, {"status": state, "error": error, "output": [f"{self.api.other_url}/video/{id_}.mp4"]})
            case "video":
                self.answer(200, video_bytes(self.job.seed))
            case "upload":
                self.answer(200, {"url": f"{self.api.url}/pictures/1"})
            case _:
                self.answer(404, {"error": "no such thing"})


# -- ways to misbehave ------------------------------------------------------------------------------------------------


def says(code: int, body: object = b"", **headers: object) -> Fault:
    return lambda call: call.answer(code, body, **headers)


def echoes(code: int) -> Fault:
    """An error that quotes the request's headers, in JSON and in a header of its own."""
    return lambda call: call.answer(code, {"error": f"bad key {call.headers.get('Authorization')}!"})


def charged(then: Fault) -> Fault:
    """Accepts and charges, and answers otherwise."""

    def fault(call: Call) -> None:
        call.charge()
        then(call)

    return fault


def drops(call: Call) -> None:
    call.drop()


def garbage(call: Call) -> None:
    call.send(f"no HTTP {call.headers.get('Authorization')} at all\r\n\r\n".encode())
    call.drop()


def html(call: Call) -> None:
    call.answer(200, b"<html><body>Sign in first</body></html>", Content_Type="text/html")


def stalls(call: Call) -> None:
    call.api.closing.wait(20)


def dribbles(call: Call) -> None:
    """A byte of the headers, and another one, for ever."""
    call.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    with suppress(OSError):
        while not call.api.closing.wait(0.05):
            call.send(b"x")


def short(body: bytes) -> Fault:
    """Announces more than comes."""

    def fault(call: Call) -> None:
        call.head(200, Content_Length=len(body), Content_Type="application/json")
        call.send(body[: len(body) // 2])
        call.drop()

    return fault


def chunked_short(body: bytes) -> Fault:
    """Ends amid a chunk."""

    def fault(call: Call) -> None:
        call.head(200, Transfer_Encoding="chunked")
        call.send(f"{len(body):x}\r\n".encode() + body[: len(body) // 2])
        call.drop()

    return fault


def endless(call: Call) -> None:
    """A body without an end, and without a length."""
    call.head(200, Content_Type="application/json")
    with suppress(OSError):
        while not call.api.closing.is_set():
            call.send(b" " * 65536)


def bomb(call: Call) -> None:
    """64 MB of blanks in 64 KB."""
    call.answer(200, _packed(), Content_Encoding="gzip")


@cache
def _packed() -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(b" " * (1 << 26)) + packer.flush()


def redirects(to: str, code: int = 302) -> Fault:
    return lambda call: call.answer(code, b"", Location=to)


def kills(pid: Callable[[], int], then: Fault | None = None) -> Fault:
    """Ends the process that asks, before or after it is answered."""

    def fault(call: Call) -> None:
        if then:
            then(call)
            time.sleep(0.3)
        os.kill(pid(), signal.SIGKILL)

    return fault


def with_base64(call: Call) -> None:
    """A synchronous API: the video is in the answer to the request."""
    job, _ = call.charge()
    call.answer(200, {"video": base64.b64encode(video_bytes(call.api.jobs[job].seed)).decode()})


def with_body(call: Call) -> None:
    """A synchronous API: the video is the answer to the request."""
    job, _ = call.charge()
    call.answer(200, video_bytes(call.api.jobs[job].seed), Content_Type="video/mp4")


@contextmanager
def serving() -> Iterator[Api]:
    """The API on 127.0.0.1, and its videos on localhost: another host."""
    api = Api()

    class Serve(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = self.path.split("/")[1].partition("?")[0]
            call = Call(api, self, kind, body)
            with api.mutex:
                api.calls.append((kind, self.path, dict(self.headers.items())))
                if kind == "submit":
                    api.bodies.append(body)
                fault = api.faults[kind].popleft() if api.faults[kind] else api.always.get(kind)
            with suppress(BrokenPipeError, ConnectionResetError):
                fault(call) if fault else call.ordinary()

        do_GET = do_POST = do_PUT = handle_any

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Serve)
    server.daemon_threads = True
    port = server.server_address[1]
    api.url, api.other_url = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
