"""Who may ask a study's server, and what raters may call themselves.

Other pages in a rater's browser could ask it things, and anybody on its network can. So the Host must be a name that
the server was started for (not one that an attacker made to lead here); what changes anything must come from our own
page (Origin) as short JSON; and a page may run its one script alone, and talk to nobody else. Who is let in knows an
unguessable link.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from i2vbench.web import MOST_BYTES, foreign, guarded, told

MOST_ADDRESS = 256
"""Characters of an address; ours have far fewer."""
MOST_NICKNAME = 40
BODY_SECONDS = 20.0
"""In which a body, of at most `MOST_BYTES`, must have come."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may ask.

    Attributes:
        hosts: Host headers that are answered, such as "127.0.0.1:8000".
        origins: Origins whose pages may change anything, such as "http://127.0.0.1:8000".
        enrol: How many raters may enrol by themselves; 0 closes enrolment.
        admin: The secret of the admin page's address.
        behind_proxy: Whether a proxy of ours says in X-Forwarded-For who asks.
        links: What the addresses of invited raters begin with, such as "http://127.0.0.1:8000".
    """

    hosts: frozenset[str]
    origins: frozenset[str]
    enrol: int
    admin: str
    behind_proxy: bool
    links: str

    def is_admin(self, token: str) -> bool:
        """Whether it is the admin's token; it takes as long whatever it is."""
        return secrets.compare_digest(token.encode(), self.admin.encode())


class Links:
    """Tokens that are somebody's. Threads may share it.

    They are looked up by their hash, so that the time it takes tells nothing of them, and in memory, so that whoever
    tries many keeps nobody from voting.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self._mutex = threading.Lock()
        self._known = {_hash(token) for token in tokens}

    def add(self, token: str) -> None:
        with self._mutex:
            self._known.add(_hash(token))

    def __contains__(self, token: str) -> bool:
        with self._mutex:
            return _hash(token) in self._known


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def nickname(text: str, rater: int) -> str:
    """What a rater wishes to be called, or is called who wishes nothing.

    Raises:
        ValueError: It is too long, or has characters that cannot be seen or turn a line around.
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if len(text) > MOST_NICKNAME:
        raise ValueError(f"a nickname of {len(text)} characters; expected at most {MOST_NICKNAME}")
    if not text.isprintable():
        raise ValueError("the nickname has characters that cannot be seen; expected letters, digits or signs")
    return text or f"rater {rater}"


class Guard:
    """Refuses whoever is not our own page, before anything else sees the request."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        send = guarded(send)
        refusal = self._refusal(scope)
        if refusal is None and scope["method"] == "POST":
            body = await _body(receive)
            if body is None:
                return  # the client is gone
            refusal = body if isinstance(body, tuple) else None
            receive = receive if isinstance(body, tuple) else _replay(body, receive)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            # What a refused client is still sending is not read, so the connection is of no more use.
            answer = told(*refusal)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """(status, text) for whom to refuse."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._access.hosts:
            return 403, "this server goes by another name: open the address that you were given"
        if len(scope["path"]) > MOST_ADDRESS:
            return 414, "expected a shorter address"
        if "transfer-encoding" in headers:  # a proxy may see another end of it, and so another request behind it
            return 411, "expected a length"
        if scope["method"] in ("GET", "HEAD") and headers.get("content-length", "0") != "0":
            return 413, "expected nothing but an address"
        return foreign(scope, *self._access.origins)


async def _body(receive: Receive) -> bytes | tuple[int, str] | None:
    """A request's body; (status, text) if it is refused, None if the client is gone before it has come.

    The stated length is not trusted: it may be a lie, and a body may come a byte a minute.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                if len(body) > MOST_BYTES:
                    return 413, f"expected at most {MOST_BYTES} bytes"
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return 408, f"expected all within {BODY_SECONDS:.0f} seconds"


def _replay(body: bytes, receive: Receive) -> Receive:
    """Receives a body that has been read already."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
