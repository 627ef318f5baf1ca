"""`i2vbench data annotate` from start to end."""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from i2vbench.annotate.background import Background
from i2vbench.annotate.networks import NetworkProposer, warner
from i2vbench.annotate.proposals import Proposer
from i2vbench.annotate.proposing import Maker, propose_into
from i2vbench.annotate.session import Session
from i2vbench.annotate.store import Store
from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.metadata import METADATA
from i2vbench.errors import UserError
from i2vbench.one_clip import tell
from i2vbench.plan import resolve_categories, select
from i2vbench.profiles import load_profile
from i2vbench.types import Sample

_PATIENCE = 3.0
"""Seconds that the clip at hand is waited for at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for.

    Attributes:
        path: The folder.
        categories: Only clips of these; None takes all.
        limit: Only so many.
        profile: What the networks are and what clips are brought to.
        device: As `--device` has it.
        proposals: Whether to propose anything.
        propose_only: Propose for all that is left, and show no page.
        port: Of the page; 0 is any free one.
        open: Whether to open the page in a browser.
    """

    path: Path
    categories: tuple[str, ...] | None = None
    limit: int | None = None
    profile: str = "paper"
    device: str = "auto"
    proposals: bool = True
    propose_only: bool = False
    port: int = 0
    open: bool = False


def annotate(wish: Wish, proposer: Proposer | None = None) -> int:
    """Show the page until the person is done or stops; the exit code.

    Args:
        wish: What is asked for.
        proposer: Proposes in place of the profile's networks.

    Raises:
        UserError: For anything the user must mend, before anything is written.
    """
    folder, profile = FolderDataset(str(wish.path)).path, load_profile(wish.profile)
    samples = _chosen(wish)
    _check_writable(folder)
    if wish.proposals and proposer is None:
        proposer = NetworkProposer(profile, wish.device)
    with ExitStack() as opened:
        listener = None if wish.propose_only else opened.enter_context(_listener(wish.port))
        store = opened.enter_context(Store(folder))

        def background(is_left: Callable[[int], bool]) -> Background:
            maker = None if proposer is None else Maker(proposer, store, profile.protocol)
            return Background(samples, is_left, maker)

        session = Session(folder, samples, store, background, profile.protocol, warner(profile))
        if listener is not None:
            return _serve(session, folder, wish, listener)
        left = [sample for index, sample in enumerate(samples) if session.state(index) == "left"]
        assert proposer is not None
        return _told(len(left), len(propose_into(store, left, proposer, profile.protocol, tell)))


def _listener(port: int) -> socket.socket:
    """The page's socket, taken before anything is written: the port may be another program's."""
    from i2vbench.web import listen

    return listen(port)


def _chosen(wish: Wish) -> list[Sample]:
    everything = FolderDataset(str(wish.path)).samples()
    return select(everything, wish.limit, resolve_categories(everything, wish.categories))


def _check_writable(folder: Path) -> None:
    """Refuse what cannot be written to, before hours are spent."""
    for path in (folder, folder / METADATA):
        if not os.access(path, os.W_OK):
            raise UserError(f"{path} cannot be written to, and annotations go there; copy the folder to annotate it")


def _told(left: int, made: int) -> int:
    """Say what was proposed; the exit code."""
    print(f"{made} clips have proposals, {left - made} could not be looked at; the same command without")
    print("--propose-only shows them. They are no annotations until they are accepted.")
    return 1 if made < left else 0


def _serve(session: Session, folder: Path, wish: Wish, listener: socket.socket) -> int:
    from i2vbench.annotate.server import make_app
    from i2vbench.web import Server, stopped_by_signal

    token = secrets.token_urlsafe(24)
    server = Server(make_app(session, folder.name, token, lambda: server.stop()))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/{token}/"
    with stopped_by_signal(server) as received:
        session.background.start()
        print(f"Annotate {folder} at {address}", flush=True)
        tell("The address is for you alone. Ctrl-C ends; what the page says is saved stays.")
        if wish.open:
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
        server.run(sockets=[listener])
    ended = session.background.stop(_PATIENCE)
    _summary(session, folder, wish)
    code = 128 + received[0] if received else 0
    if not ended:
        # A network is amid of a clip; to unload it under its feet could crash. Nothing is lost by leaving it.
        sys.stdout.flush()
        os._exit(code)
    return code


def _summary(session: Session, folder: Path, wish: Wish) -> None:
    states = list(session.decided.values())
    indices = range(len(session.samples))
    now = [session.annotation(index) for index in indices]
    words, left = sum(one.has_words for one in now), sum(session.state(index) == "left" for index in indices)
    proposed = sum(one.prompt_state == "proposed" for one in now)
    print(f"This time: {states.count('annotated')} annotated, {states.count('rejected')} rejected.", end=" ")
    print(f"Clips with words: {words} of {len(now)}; left: {left}.", end=" " if proposed else "\n")
    if proposed:
        print(f"Prompts that a machine proposed and nobody has checked: {proposed}.")
    path = shlex.quote(str(wish.path))
    target = shlex.quote(f"folder:{wish.path}")
    print(f"Next: i2vbench data check {path}; i2vbench run --dataset {target} --model ...", flush=True)
