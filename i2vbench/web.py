"""What our pages' servers share: an app without pages of its library's, headers, refusals, a server that we stop.

A page is told its address, which holds a secret; it runs one script, and what changes anything is JSON that it sends.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from i2vbench.errors import UserError
from i2vbench.pages import policy_hash
from i2vbench.texts import clean

MOST_BYTES = 64 * 1024
"""Of what a page sends."""

HEAD_SECONDS = 10.0
"""In which the head of a request must have come."""

HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
"""Of every answer that does not say otherwise."""


class Body(BaseModel):
    """What a page sends: these fields, of these types."""

    model_config = ConfigDict(extra="forbid", strict=True)


def bare_app() -> FastAPI:
    """An app whose errors are JSON with the reason in `why`."""
    # Without a schema there are no pages of FastAPI's own, which load scripts from outside; and nothing is recorded for
    # others to collect.
    app = FastAPI(
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )

    @app.exception_handler(HTTPException)
    def http(_request: object, error: HTTPException) -> JSONResponse:
        return told(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    def not_ours(_request: object, _error: RequestValidationError) -> JSONResponse:
        return told(422, "not what the page sends")

    return app


def told(status: int, text: str) -> JSONResponse:
    """An answer that says why."""
    return JSONResponse({"why": clean(text)}, status)


def page(text: str, script: str, style: str) -> HTMLResponse:
    """A page that may run its one script and talk to its own server, and nothing else.

    Args:
        text: With the script and the style in it.
        script: The same.
        style: The same.
    """
    policy = (
        f"default-src 'none'; script-src '{policy_hash(script)}'; style-src '{policy_hash(style)}'; "
        "connect-src 'self'; img-src blob: data:; media-src blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return HTMLResponse(text, headers={"Content-Security-Policy": policy})


def guarded(send: Send) -> Send:
    """Sends with `HEADERS`, but for those that the answer has of its own."""

    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_guarded


def foreign(scope: Scope, *origins: str) -> tuple[int, str] | None:
    """(status, text) for a request that changes something and is not what a page of these origins sends."""
    if scope["method"] in ("GET", "HEAD"):
        return None
    headers = Headers(scope=scope)
    if len(headers.getlist("origin")) != 1 or headers["origin"] not in origins:
        return 403, "only the page itself may change anything"
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "expected JSON"
    length = headers.get("content-length", "")
    if not re.fullmatch(r"\d{1,9}", length):
        return 411, "expected a length"
    return (413, f"expected at most {MOST_BYTES} bytes") if int(length) > MOST_BYTES else None


class _Prompt(H11Protocol):
    """Ends a connection on which the head of a request does not come: uvicorn would wait for it for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.loop.call_later(HEAD_SECONDS, self._end_if_idle, self.cycle)

    def _end_if_idle(self, before: RequestResponseCycle | None) -> None:
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and self.cycle is before:
            self.transport.close()
        else:
            self.loop.call_later(HEAD_SECONDS, self._end_if_idle, self.cycle)


class Server(uvicorn.Server):
    """Serves until it is stopped."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            http=_Prompt,
            lifespan="off",
            ws="none",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)

    def stop(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are `stopped_by_signal`'s."""
        yield


@contextmanager
def stopped_by_signal(server: Server) -> Iterator[list[int]]:
    """The first Ctrl-C or SIGTERM stops the server, a second one ends the process at once.

    Yields:
        The numbers of the signals received.
    """
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        if received:
            os._exit(128 + number)  # what was said to be saved is on the disk
        received.append(number)
        server.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def listen(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A socket on this machine, by default for it alone; port 0 is any free one.

    Raises:
        UserError: The port is taken, or not for us; the host is no address of this machine.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where reusing would let others in
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # whoever is told the address may be quicker than the server
    except OSError as error:
        listener.close()
        raise UserError(f"--port {port}: {error.strerror}; 0 takes any free one") from error
    return listener
