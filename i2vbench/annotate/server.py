"""The local page: who may ask, and what is answered.

It listens on 127.0.0.1 alone, and still other pages in the same browser could ask it things, so:
every address begins with a secret; the Host must be this machine (a name that an attacker's server resolves to
127.0.0.1 is refused); what changes anything must come from our own page (Origin) as JSON; and the page may run its one
script alone, and talk to nobody else. Clips go by number; nothing that is sent becomes a path.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from markupsafe import Markup
from pydantic import Field
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from i2vbench.annotate.rules import MOST_CHARACTERS, MOST_PROMPT_CHARACTERS, Refused
from i2vbench.annotate.session import Session
from i2vbench.datasets.annotations import Annotation, Conflict
from i2vbench.datasets.metadata import PromptState
from i2vbench.errors import UserError
from i2vbench.pages import templates
from i2vbench.video import VideoError
from i2vbench.web import Body, bare_app, foreign, guarded, page, told

_HERE = Path(__file__).parent
_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?")

Text = Annotated[str, Field(max_length=4 * MOST_CHARACTERS)]
"""Beyond what the rules take, so that they say what is wrong."""


class Typed(Body):
    """What stands in the fields."""

    prompt: str
    objects: Text
    scene: Text


class Shown(Body):
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
    app = bare_app()
    _tell_errors(app)
    shown = _page(name)

    def known(index: int) -> int:
        if not 0 <= index < len(session.samples):
            raise HTTPException(404, "there is no such clip")
        return index

    @app.get("/")
    def annotating() -> HTMLResponse:
        return shown

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

    return _Guard(app, token)


def _tell_errors(app: FastAPI) -> None:
    """What goes wrong, as an answer that says why."""

    @app.exception_handler(Refused)
    def refused(_request: object, error: Refused) -> JSONResponse:
        return told(422, str(error))

    @app.exception_handler(Conflict)
    def conflict(_request: object, error: Conflict) -> JSONResponse:
        return told(409, str(error))

    @app.exception_handler(VideoError)
    def unreadable(_request: object, error: VideoError) -> JSONResponse:
        return told(404, error.reason)

    @app.exception_handler(UserError)
    def user_error(_request: object, error: UserError) -> JSONResponse:
        return told(500, str(error))

    @app.exception_handler(OSError)
    def disk(_request: object, error: OSError) -> JSONResponse:
        return told(507, f"metadata.csv could not be written, so nothing was saved: {error.strerror or error}")


def _page(name: str) -> HTMLResponse:
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    template = templates(_HERE).get_template("page.html.jinja")
    text = template.render(
        name=name,
        script=Markup(script),
        style=Markup(style),
        most=MOST_CHARACTERS,
        most_prompt=MOST_PROMPT_CHARACTERS,
    )
    return page(text, script, style)


class _Guard:
    """Refuses whoever is not our own page, before anything else sees the request."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is None:
            rest = scope["path"].removeprefix(f"/{self._token}")
            await self._app({**scope, "path": rest, "raw_path": rest.encode()}, receive, guarded(send))
        else:
            await PlainTextResponse(refusal[1], refusal[0])(scope, receive, guarded(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """(status, text) for whom to refuse."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not _HOST.fullmatch(host):
            return 403, "this page is for 127.0.0.1 and localhost alone"
        given = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not secrets.compare_digest(given.encode(), self._token.encode()) or scope["path"].count("/") < 2:
            return 404, "not found: open the address that `i2vbench data annotate` printed"
        return foreign(scope, f"http://{host}")
