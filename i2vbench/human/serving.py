"""`i2vbench human serve` from start to end."""

from __future__ import annotations

import errno
import ipaddress
import secrets
import shlex
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from i2vbench import progress as progress_module
from i2vbench.errors import UserError
from i2vbench.human.assignment import total
from i2vbench.human.counted import count_votes
from i2vbench.human.making import Plan, held, make_study
from i2vbench.human.study import Study
from i2vbench.human.votes import Votes
from i2vbench.one_clip import tell

if TYPE_CHECKING:
    from i2vbench.human.guard import Access

_PORTS = {"http": 80, "https": 443}
_EVERYWHERE = "0.0.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for.

    Attributes:
        folder: The study's.
        plan: What the study is to be.
        raters: How many links there are to be; None for those there are, one if nobody may come otherwise.
        enrol: How many raters may enrol by themselves.
        host: The IPv4 address of this machine that is listened at.
        port: Of the page; 0 is any free one.
        address: Where raters come, if it is not the host and the port; None if it is.
        behind_proxy: Whether a proxy of ours says in X-Forwarded-For who asks.
    """

    folder: Path
    plan: Plan
    raters: int | None = None
    enrol: int = 0
    host: str = "127.0.0.1"
    port: int = 8000
    address: str | None = None
    behind_proxy: bool = False


def serve(wish: Wish) -> int:
    """Make the study if it is not there, and show its pages until they are stopped; the exit code.

    Raises:
        UserError: For anything the user must mend.
    """
    public = None if wish.address is None else origin_of(wish.address)
    host = _host(wish.host, public)
    with ExitStack() as opened:
        # The port is taken before hours are spent: it may be another program's.
        listener = opened.enter_context(_listener(wish.port, host))
        opened.enter_context(held(wish.folder))
        try:
            with progress_module.choose(quiet=False) as progress:
                study = make_study(wish.folder, wish.plan, progress)
        except KeyboardInterrupt:
            tell("Stopped before all videos were made; the same command goes on.")
            raise
        votes = opened.enter_context(Votes(wish.folder))
        count_votes(study, votes.responses())  # refuses those of another study
        invited = sum(rater.origin == "invited" for rater in votes.raters())
        votes.invite(wish.raters if wish.raters is not None else int(not invited and not wish.enrol))
        return _serve(study, wish, votes, listener, access_of(wish, host, listener.getsockname()[1], public))


def origin_of(address: str) -> str:
    """The origin of a public address, as browsers name it.

    Raises:
        UserError: It is none: another scheme, no host, or a path behind it.
    """
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = -1
    fine = parts.scheme in _PORTS and parts.hostname and port != -1 and not (parts.query or parts.fragment)
    if not fine or parts.username is not None or parts.path not in ("", "/") or not address.isascii():
        raise UserError(f"--url '{address}': expected http:// or https://, a host and nothing behind it")
    name = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    return f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, _PORTS[parts.scheme]) else "")


def access_of(wish: Wish, host: str, port: int, public: str | None) -> Access:
    """Who may ask: whoever comes to this machine by the addresses that are printed.

    Args:
        wish: What is asked for.
        host: That is listened at.
        port: The same.
        public: The origin of `Wish.address`.
    """
    from i2vbench.human.guard import Access

    names = {"127.0.0.1", "localhost"} | ({host} - {_EVERYWHERE})
    # Browsers leave the port out where it is the scheme's own.
    hosts = {f"{name}:{port}" for name in names} | (names if port == _PORTS["http"] else set())
    origins = {f"http://{name}" for name in hosts}
    if public is not None:
        hosts.add(urlsplit(public).netloc)
        origins.add(public)
    return Access(
        hosts=frozenset(hosts),
        origins=frozenset(origins),
        enrol=wish.enrol,
        admin=secrets.token_urlsafe(24),
        behind_proxy=wish.behind_proxy,
        links=public or f"http://{host}:{port}",
    )


def _host(host: str, public: str | None) -> str:
    """The IPv4 address that is meant.

    Raises:
        UserError: It is none, or all of this machine's, and nobody says which one raters come by.
    """
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError as error:
        raise UserError(f"--host '{host}': expected an IPv4 address of this machine, such as 127.0.0.1") from error
    if host == _EVERYWHERE and public is None:
        raise UserError(f"--host {host}: name the address by which raters come, too: --url http://HOST:PORT")
    if not address.is_loopback and (public is None or public.startswith("http:")):
        tell(
            f"--host {host}: plain HTTP, so whoever is on the way can read and change all of it, links and votes. Over "
            "the internet, let a reverse proxy with TLS ask 127.0.0.1, and name its address: --url https://HOST "
            "--behind-proxy"
        )
    return host


def _listener(port: int, host: str) -> socket.socket:
    from i2vbench.web import listen

    try:
        return listen(port, host)
    except UserError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRNOTAVAIL:
            raise UserError(f"--host {host}: no address of this machine") from error
        raise


def _serve(study: Study, wish: Wish, votes: Votes, listener: socket.socket, access: Access) -> int:
    from i2vbench.human.server import make_app
    from i2vbench.web import Server, stopped_by_signal

    server = Server(make_app(study, wish.folder, votes, access))
    with stopped_by_signal(server) as received:
        _announce(study, wish, votes, access)
        server.run(sockets=[listener])
    _summary(wish, votes)
    return 128 + received[0] if received else 0


def _announce(study: Study, wish: Wish, votes: Votes, access: Access) -> None:
    """Print the addresses, each on a line of its own, on standard output."""
    asked = ", ".join(question.id for question in study.questions)
    size = f"{len(study.items)} samples, {len(study.models)} models, {total(study)} tasks for each rater"
    print(f"Study {wish.folder}: {size}, {study.mode} ({asked})")
    raters = votes.raters()
    enrolled = sum(rater.origin == "enrolled" for rater in raters)
    if access.enrol:
        print(f"Enrol at {access.links}/ ({enrolled} of {access.enrol} have)")
    for rater in raters:
        if rater.origin == "invited":
            print(f"Rater {rater.id} at {access.links}/r/{rater.token}/")
    print(f"Admin at {access.links}/admin/{access.admin}/", flush=True)
    tell("A rater's address is for that rater alone, the admin's for you. Ctrl-C ends; what is said to be saved stays.")


def _summary(wish: Wish, votes: Votes) -> None:
    responses = votes.responses()
    raters = len({response.task.rater for response in responses})
    print(
        f"{len(responses)} responses of {raters} raters. Next: i2vbench human report {shlex.quote(str(wish.folder))}",
        flush=True,
    )
