"""One machine at a time: a file at the address says who works there, and is written anew as long as he does.

It is the best that stores without locks can do. Two that come in the same instant are told apart where the store makes
a file for one of them alone (S3, Google Cloud Storage, folders); one that slept through its own end sees that when it
wakes, and stops.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from i2vbench.errors import UserError
from i2vbench.parsing import parse_json
from i2vbench.storage.files import Files

NAME = "lock.json"

BEAT_SECONDS = 20.0

STALE_SECONDS = 90.0
"""A holder that is not heard of for so long is gone. Whoever waits watches it himself: clocks are not compared."""

_SETTLE_SECONDS = 2.0
"""So long two that took over at once may need to see each other's file."""


class Lock:
    """Held from `take` to `release`.

    Attributes:
        token: Names the holder.
        lost: Set once somebody else has taken over.
    """

    def __init__(self, files: Files, token: str) -> None:
        self.token, self.lost = token, threading.Event()
        self._files, self._beats, self._ended = files, 0, threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lock", daemon=True)
        self._on_loss: Callable[[], object] = lambda: None

    @classmethod
    def take(cls, files: Files, token: str, former: str | None, say: Callable[[str], object]) -> Lock:
        """Take the lock of an address.

        Args:
            files: What lies there.
            token: Of the new holder.
            former: Of whoever held it from the same home, which is this process's alone now: he is gone.
            say: Tells the user what is waited for.

        Raises:
            UserError: Somebody else works there.
            OSError: The address cannot be written to.
        """
        lock, contested = cls(files, token), False
        while not files.create(NAME, lock._content()):
            there = files.read(NAME)
            if there is None:
                continue
            holder = _parse(there).get("token")
            if holder == token:  # made, though the answer was lost
                break
            if holder != former or former is None:
                contested = True
                _watch(files, there, say)
            files.delete([NAME])
        if contested:
            time.sleep(_SETTLE_SECONDS)
            _refuse_other(files, token)
        lock._thread.start()
        return lock

    def when_lost(self, call: Callable[[], object]) -> None:
        """Have this called once somebody else has taken over."""
        self._on_loss = call

    def check(self) -> None:
        """Refuse to go on where somebody else does.

        Raises:
            UserError: He has taken over.
        """
        if self.lost.is_set():
            raise UserError(
                f"{self._files.address}: another machine has taken this run over, because nothing was heard of this "
                "one; what is done is kept there, and that machine goes on"
            )

    def release(self) -> None:
        self._ended.set()
        self._thread.join()
        try:
            there = None if self.lost.is_set() else self._files.read(NAME)
            if there is not None and _parse(there).get("token") == self.token:
                self._files.delete([NAME])
        except OSError:
            pass  # it is found stale

    def _content(self) -> bytes:
        holder = f"{platform.node() or 'a machine'}, process {os.getpid()}"
        return json.dumps({"holder": holder, "token": self.token, "beats": self._beats}).encode()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                there = self._files.read(NAME)
                if there is not None and _parse(there).get("token") != self.token:
                    self.lost.set()
                    self._on_loss()
                    return
                self._beats += 1
                self._files.put(NAME, self._content())
            except OSError:
                continue  # a network that is away; the files of the run tell the user so


def _watch(files: Files, seen: bytes, say: Callable[[str], object]) -> None:
    """Wait until a holder is gone.

    Raises:
        UserError: He is alive.
    """
    holder = _parse(seen).get("holder", "another machine")
    say(f"note: {files.address} was worked on by {holder}; seeing for {STALE_SECONDS:.0f} s whether it still is")
    end = time.monotonic() + STALE_SECONDS
    while time.monotonic() < end:
        time.sleep(min(BEAT_SECONDS / 4, STALE_SECONDS / 4))
        there = files.read(NAME)
        if there is None:
            return
        if there != seen:
            now = _parse(there).get("holder", holder)
            raise UserError(f"{now} works on the run {files.address}; wait for it, or name another --out")


def _refuse_other(files: Files, token: str) -> None:
    there = files.read(NAME)
    if there is None or _parse(there).get("token") != token:
        raise UserError(f"another machine has begun to work on the run {files.address} in the same instant")


def new_token() -> str:
    return uuid.uuid4().hex


def _parse(content: bytes) -> dict[str, Any]:
    """What a lock says; nothing of one that is being written."""
    try:
        found = parse_json(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
