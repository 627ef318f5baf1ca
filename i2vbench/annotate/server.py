"""The local page: who may ask, and what is answered.

It listens on 127.0.0.1 alone, and still other pages in the same browser could ask it things, so:
every address begins with a secret; the Host must be this machine (a name that an attacker's server resolves to
127.0.0.1 is refused); what changes anything must come from our own page (Origin) as JSON; and the page may run its one
script alone, and talk to nobody else. Clips go by number; nothing that is sent becomes a path.
"""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI, HTTPException, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from i2vbench.annotate.rules import MOST_CHARACTERS, MOST_PROMPT_CHARACTERS, Refused
from i2vbench.annotate.session import Session
from i2vbench.datasets.annotations import Annotation, Conflict
from i2vbench.datasets.metadata import PromptState
from i2vbench.errors import UserError
from i2vbench.pages import policy_hash, templates
from i2vbench.texts import clean
from i2vbench.video import VideoError

_HERE = Path(__file__).parent
_MOST_BYTES = 64 * 1024
_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?")

Text = Annotated[str, Field(max_length=4 * MOST_CHARACTERS)]
"""Beyond what the rules take, so that they say what is wrong."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Typed(_Body):
    """What stands in the fields."""

    prompt: str
    objects: Text
    scene: Text


class Shown(_Body):
    """A clip's annotation as the page showed it."""

    prompt: str
    objects: Annotated[list[str], Field(max_length=1000)]
    scene: str
    prompt_state: PromptState

    def annotation(self) -> Annotation:
        return Annotation(self.prompt, tuple(self.objects), self.scene, self.prompt_state)


class Decision(Typed):
    """What a person decided."""

    decision: Literal["annotate", "reject", "undo"]
    before: Shown


def make_app(session: Session, name: str, token: str, finish: Callable[[], None]) -> ASGIApp:
    """The page of a session.

    Args:
        session: What it shows and does.
        name: Of the folder.
        token: The secret that addresses begin with.
        finish: Called when the person is done.
    """
    # Without a schema there are no pages of FastAPI's own, which load scripts from outside; and nothing is recorded for
    # others to collect.
    app = FastAPI(
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    text, policy = _page(name)

    def known(index: int) -> int:
        if not 0 <= index < len(session.samples):
            raise HTTPException(404, "there is no such clip")
        return index

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(text, headers={"Content-Security-Policy": policy})

    @app.get("/clips")
    def overview() -> dict[str, Any]:
        return session.overview()

    @app.get("/clips/{index}")
    def clip(index: int) -> dict[str, Any]:
        return session.clip(known(index))

    @app.get("/clips/{index}/video")
    def video(index: int) -> Response:
        if session.samples[known(index)].reference is None:
            raise HTTPException(404, "this is a picture")
        return Response(session.video(index), media_type="video/mp4")

    @app.get("/clips/{index}/frame")
    def frame(index: int) -> Response:
        return Response(session.frame(known(index)), media_type="image/png")

    @app.post("/clips/{index}/check")
    def check(index: int, typed: Typed) -> dict[str, Any]:
        return session.check(known(index), typed.prompt, typed.objects, typed.scene)

    @app.post("/clips/{index}")
    def decide(index: int, wanted: Decision) -> dict[str, Any]:
        known(index)
        before = wanted.before.annotation()
        if wanted.decision == "annotate":
            session.annotate(index, wanted.prompt, wanted.objects, wanted.scene, before)
        elif wanted.decision == "reject":
            session.reject(index, before)
        else:
            session.undo(index, before)
        return session.clip(index)

    @app.post("/finish")
    def finished() -> dict[str, Any]:
        finish()
        return {}

    @app.exception_handler(HTTPException)
    def http(_request: object, error: HTTPException) -> JSONResponse:
        return _told(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    def not_ours(_request: object, _error: RequestValidationError) -> JSONResponse:
        return _told(422, "not what the page sends")

    @app.exception_handler(Refused)
    def refused(_request: object, error: Refused) -> JSONResponse:
        return _told(422, str(error))

    @app.exception_handler(Conflict)
    def conflict(_request: object, error: Conflict) -> JSONResponse:
        return _told(409, str(error))

    @app.exception_handler(VideoError)
    def unreadable(_request: object, error: VideoError) -> JSONResponse:
        return _told(404, error.reason)

    @app.exception_handler(UserError)
    def user_error(_request: object, error: UserError) -> JSONResponse:
        return _told(500, str(error))

    @app.exception_handler(OSError)
    def disk(_request: object, error: OSError) -> JSONResponse:
        return _told(507, f"metadata.csv could not be written, so nothing was saved: {error.strerror or error}")

    return _Guard(app, token)


def _told(status: int, text: str) -> JSONResponse:
    return JSONResponse({"why": clean(text)}, status)


def _page(name: str) -> tuple[str, str]:
    """The page's text, and its content security policy."""
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    page = templates(_HERE).get_template("page.html.jinja")
    text = page.render(
        name=name,
        script=Markup(script),
        style=Markup(style),
        most=MOST_CHARACTERS,
        most_prompt=MOST_PROMPT_CHARACTERS,
    )
    policy = (
        f"default-src 'none'; script-src '{policy_hash(script)}'; style-src '{policy_hash(style)}'; "
        "connect-src 'self'; img-src blob: data:; media-src blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return text, policy


class _Guard:
    """Refuses whoever is not our own page, before anything else sees the request."""

    _HEADERS = {  # noqa: RUF012 - never changed
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            rest = scope["path"].removeprefix(f"/{self._token}")
            await self._app({**scope, "path": rest, "raw_path": rest.encode()}, receive, send_guarded)
        else:
            await PlainTextResponse(refusal[1], refusal[0])(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """(status, text) for whom to refuse."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not _HOST.fullmatch(host):
            return 403, "this page is for 127.0.0.1 and localhost alone"
        given = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not secrets.compare_digest(given.encode(), self._token.encode()) or scope["path"].count("/") < 2:
            return 404, "not found: open the address that `i2vbench data annotate` printed"
        if scope["method"] in ("GET", "HEAD"):
            return None
        if headers.get("origin") != f"http://{host}":
            return 403, "only the page itself may change anything"
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "expected JSON"
        length = headers.get("content-length", "")
        if not re.fullmatch(r"\d{1,9}", length):
            return 411, "expected a length"
        return (413, f"expected at most {_MOST_BYTES} bytes") if int(length) > _MOST_BYTES else None


class Server(uvicorn.Server):
    """Serves until `should_exit` is set; signals are left to the caller."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(port: int) -> socket.socket:
    """A socket on 127.0.0.1; port 0 is any free one.

    Raises:
        UserError: The port is taken, or not for us.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where reusing would let others in
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()  # whoever is told the address may be quicker than the server
    except OSError as error:
        listener.close()
        raise UserError(f"--port {port}: {error.strerror}; 0 takes any free one") from error
    return listener
