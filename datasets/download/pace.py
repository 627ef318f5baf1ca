"""One pace for all workers: time between downloads, and a long pause when a site blocks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from i2vbench.datasets.download.faults import SiteFault
from i2vbench.datasets.download.options import SiteOptions

LONGEST_PAUSE_SECONDS = 6 * 3600.0
"""A site that wants to be left alone for longer is asked again after this."""

MOST_PAUSES = 3
"""Pauses in a row, nothing having come between them, after which a run gives up."""


class Pace:
    """Tells workers when to begin a download.

    A block that is of this machine (429, a Retry-After, a robot check) stops everybody at once. A bare 403 may be of
    one video: it does so only when a second one follows with nothing got between.

    Args:
        options: The pauses.
        stop: Set when nothing more is to begin.
        tell: Called with a line for the user.
    """

    def __init__(self, options: SiteOptions, stop: threading.Event, tell: Callable[[str], None]) -> None:
        self._options, self._stop, self._tell = options, stop, tell
        self._lock = threading.Lock()
        self._next = 0.0
        self._free_at = 0.0
        self._blocks = 0
        self._pauses = 0
        self.given_up = False

    def wait(self) -> bool:
        """Wait for this worker's turn; False if there is none any more."""
        with self._lock:
            turn = max(time.monotonic(), self._next)
            self._next = turn + random.uniform(*self._options.pause_seconds)
        while not self._stop.is_set() and not self.given_up:
            now = time.monotonic()
            begin = max(turn, self._free_at)  # a block may come while this waits
            if begin <= now:
                return True
            self._stop.wait(min(begin - now, 1.0))
        return False

    def worked(self) -> None:
        """Something came, so this machine is not blocked."""
        with self._lock:
            self._blocks = self._pauses = 0

    def blocked(self, fault: SiteFault) -> None:
        """A site blocks: pause everybody, or give up."""
        with self._lock:
            if time.monotonic() < self._free_at:  # of a request that was under way when the pause began
                return
            self._blocks += 1
            if not fault.of_all and self._blocks < 2:
                return
            if self._pauses == MOST_PAUSES:
                self.given_up = True
                self._tell(f"still blocked after {MOST_PAUSES} pauses; nothing more is tried in this run")
                return
            self._pauses += 1
            seconds = self._options.blocked_pause_seconds if fault.retry_after is None else fault.retry_after
            seconds = min(seconds, LONGEST_PAUSE_SECONDS)
            self._free_at = time.monotonic() + seconds
            self._tell(f"the site blocks ({fault.reason}); nothing is asked of it for {seconds:.0f} s")
