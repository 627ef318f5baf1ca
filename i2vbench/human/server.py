"""The study's server: its addresses, and what is answered there.

Raters and items go by number, models by their place on the page; nothing that is sent becomes a path. All pages are
the same for every rater, and name no model. An answer to a task is on the disk before it is said to be saved.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from markupsafe import Markup
from pydantic import Field
from starlette.types import ASGIApp

from i2vbench.errors import UserError
from i2vbench.files import is_disk_error
from i2vbench.human.administration import links_csv, progress, votes_csv
from i2vbench.human.guard import Access, Guard, Links
from i2vbench.human.limits import Limit, TooOften, client_of
from i2vbench.human.session import Refused, Session
from i2vbench.human.study import Study
from i2vbench.human.votes import Rater, Votes
from i2vbench.pages import templates
from i2vbench.web import Body, bare_app, page, told

_PAGES = Path(__file__).parent / "pages"
_SCRIPTS = {
    "enrol": ["enrol.js"],
    "rater": ["asking.js", "playing.js", "fitting.js", "keys.js", "rater.js"],
    "admin": ["admin.js"],
}
_FOR_A_DAY = {"Cache-Control": "private, max-age=86400, immutable"}
"""Of media: a task shows the same for ever, and its address holds the rater's secret."""

_log = logging.getLogger(__name__)


class Nothing(Body):
    """What is sent to enrol."""


class Consent(Body):
    """What is sent with the consent; the nickname's rules are `guard.nickname`'s."""

    nickname: Annotated[str, Field(max_length=1000)]
    agree: Literal[True]


class Answers(Body):
    """By question, the places of the videos chosen."""

    chosen: Annotated[dict[str, Annotated[list[int], Field(max_length=100)]], Field(max_length=100)]


class _Limits:
    """How often who may ask what. Fifty raters behind one address stay below all of them."""

    def __init__(self) -> None:
        self.enrol = Limit(burst=60, rate=0.1)
        self.unknown = Limit(burst=30, rate=0.2)
        self.rater = Limit(burst=600, rate=30)
        self.save = Limit(burst=120, rate=2)


def make_app(study: Study, folder: Path, votes: Votes, access: Access) -> ASGIApp:
    """The server of a study.

    Args:
        study: What is asked.
        folder: Where its media are.
        votes: Where answers go. Raters that are invited later are not let in.
        access: Who may ask.
    """
    app = bare_app()
    app.router.redirect_slashes = False  # it would send to the address that the request claims, not to a path
    limits = _Limits()
    session = Session(study, folder, votes)
    links = Links(rater.token for rater in votes.raters())
    _tell_faults(app)

    def known(request: Request, token: str) -> Rater:
        rater = votes.rater(token) if token in links else None
        if rater is None:
            # Only those that are nobody's count: behind the address of whoever tries them are raters, too.
            limits.unknown.take(client_of(request.scope, access.behind_proxy))
            raise HTTPException(404, "there is no such page: open the address that you were given")
        limits.rater.take(rater.id)
        if request.method == "POST":
            limits.save.take(rater.id)
        return rater

    def admin(request: Request, token: str) -> None:
        if not access.is_admin(token):
            limits.unknown.take(client_of(request.scope, access.behind_proxy))
            raise HTTPException(404, "there is no such page: open the address that was printed at the start")

    _add_enrolment(app, votes, access, limits, links)
    _add_raters(app, session, known)
    _add_administration(app, session, access, admin)
    return Guard(app, access)


def _add_enrolment(app: FastAPI, votes: Votes, access: Access, limits: _Limits, links: Links) -> None:
    def is_open() -> bool:
        return access.enrol > 0 and sum(rater.origin == "enrolled" for rater in votes.raters()) < access.enrol

    pages = {open_: _page("enrol", open=open_) for open_ in (True, False)}

    @app.get("/")
    def enrolment() -> HTMLResponse:
        return pages[is_open()]

    @app.get("/robots.txt")
    def robots() -> PlainTextResponse:
        return PlainTextResponse("User-agent: *\nDisallow: /\n")

    @app.post("/enrol")
    def enrol(request: Request, _nothing: Nothing) -> dict[str, str]:
        limits.enrol.take(client_of(request.scope, access.behind_proxy))
        rater = votes.enrol(access.enrol)
        if rater is None:
            raise HTTPException(403, "nobody new can take part" if access.enrol < 1 else "all places are taken")
        links.add(rater.token)
        return {"address": f"/r/{rater.token}/"}


def _add_raters(app: FastAPI, session: Session, known: Callable[[Request, str], Rater]) -> None:
    shown = _page("rater")

    @app.get("/r/{token}")
    def without_slash(request: Request, token: str) -> RedirectResponse:
        return RedirectResponse(f"/r/{known(request, token).token}/")

    @app.get("/r/{token}/")
    def rater_page(request: Request, token: str) -> HTMLResponse:
        known(request, token)
        return shown

    @app.get("/r/{token}/state")
    def state(request: Request, token: str) -> dict[str, Any]:
        return session.state(known(request, token))

    @app.post("/r/{token}/consent")
    def consent(request: Request, token: str, given: Consent) -> dict[str, Any]:
        return session.consent(known(request, token), given.nickname)

    @app.get("/r/{token}/tasks/{number:int}")
    def task(request: Request, token: str, number: int) -> dict[str, Any]:
        return session.shown(known(request, token), number)

    @app.post("/r/{token}/tasks/{number:int}")
    def save(request: Request, token: str, number: int, answers: Answers) -> dict[str, Any]:
        rater = known(request, token)
        return session.save(rater, number, {id_: tuple(places) for id_, places in answers.chosen.items()})

    @app.get("/r/{token}/tasks/{number:int}/first")
    def first_frame(request: Request, token: str, number: int) -> Response:
        return Response(session.first_frame(known(request, token), number), 200, _FOR_A_DAY, "image/png")

    @app.get("/r/{token}/tasks/{number:int}/videos/{place:int}")
    def video(request: Request, token: str, number: int, place: int) -> Response:
        return Response(session.video(known(request, token), number, place), 200, _FOR_A_DAY, "video/mp4")


def _add_administration(app: FastAPI, session: Session, access: Access, admin: Callable[[Request, str], None]) -> None:
    study, votes = session.study, session.votes
    shown = _page("admin")

    def table(text: str) -> Response:
        return Response(text.encode(), media_type="text/csv; charset=utf-8")

    @app.get("/admin/{token}/")
    def admin_page(request: Request, token: str) -> HTMLResponse:
        admin(request, token)
        return shown

    @app.get("/admin/{token}/progress")
    def told_progress(request: Request, token: str) -> dict[str, Any]:
        admin(request, token)
        return progress(study, votes)

    @app.get("/admin/{token}/votes.csv")
    def all_votes(request: Request, token: str) -> Response:
        admin(request, token)
        return table(votes_csv(study, votes))

    @app.get("/admin/{token}/links.csv")
    def all_links(request: Request, token: str) -> Response:
        admin(request, token)
        return table(links_csv(votes, access.links))


def _tell_faults(app: FastAPI) -> None:
    """A rater is told a sentence without a path; whoever runs the server is told all."""

    @app.exception_handler(Refused)
    def refused(_request: object, error: Refused) -> JSONResponse:
        return told(error.status, str(error))

    @app.exception_handler(TooOften)
    def too_often(_request: object, error: TooOften) -> JSONResponse:
        answer = told(429, str(error))
        answer.headers["Retry-After"] = str(error.seconds)
        return answer

    @app.exception_handler(UserError)
    @app.exception_handler(OSError)
    def fault(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s failed: %s", request.method, error)
        cause = error if isinstance(error, OSError) else error.__cause__
        if request.method == "POST" or (cause is not None and is_disk_error(cause)):
            return told(507, "the study's disk takes nothing, so this was not saved; tell whoever gave you the address")
        return told(500, "the study's files cannot be read; tell whoever gave you the address")

    @app.exception_handler(Exception)
    def bug(_request: object, _error: Exception) -> JSONResponse:
        return told(500, "the study's server has a fault; what was said to be saved is")


def _page(name: str, **values: object) -> HTMLResponse:
    """A page with its one script and its style."""
    script = "\n".join((_PAGES / file).read_text(encoding="utf-8") for file in _SCRIPTS[name])
    style = (_PAGES / "page.css").read_text(encoding="utf-8")
    text = (
        templates(_PAGES)
        .get_template(f"{name}.html.jinja")
        .render(script=Markup(script), style=Markup(style), **values)
    )
    return page(text, script, style)
