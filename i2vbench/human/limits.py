"""How often a client may ask: token buckets in memory.

A client has a bucket of `burst` requests that fills by `rate` a second. What is kept does not grow without bound: a
bucket that is full again is forgotten, and of more than `MOST` the one that was used longest ago is.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from starlette.datastructures import Headers
from starlette.types import Scope

MOST = 10_000
"""Buckets that a limit keeps."""


class TooOften(Exception):
    """A client asked more often than is allowed.

    Args:
        seconds: After which it may ask again, rounded up.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many requests: wait {seconds} seconds, then try again")
        self.seconds = seconds


class Limit:
    """A limit for each of many clients. Threads may share it.

    Args:
        burst: Requests that may come at once.
        rate: Requests a second that may come for ever.
        clock: Seconds, never going back.
    """

    def __init__(self, burst: int, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, rate, clock
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._mutex = threading.Lock()

    def take(self, client: Hashable) -> None:
        """Count a request.

        Raises:
            TooOften: It is one too many; it does not count.
        """
        with self._mutex:
            now = self._clock()
            left, since = self._left.pop(client, (float(self._burst), now))
            left = min(self._burst, left + (now - since) * self._rate)
            allowed = left >= 1
            self._left[client] = (left - allowed, now)
            self._forget(now)
        if not allowed:
            raise TooOften(int((1 - left) / self._rate) + 1)

    def _forget(self, now: float) -> None:
        # The first was used longest ago; two are looked at for one that may have come, so there are soon few.
        for _ in range(2):
            client, (left, since) = next(iter(self._left.items()))
            if len(self._left) > MOST or left + (now - since) * self._rate >= self._burst:
                del self._left[client]
                if not self._left:
                    return


def client_of(scope: Scope, behind_proxy: bool) -> str:
    """Whom a limit counts: an IPv4 address, or the half of an IPv6 address that names a network.

    Behind a proxy it is what the proxy, the last to add to X-Forwarded-For, says. Without one that header is the
    client's own invention and not looked at.
    """
    peer = scope["client"][0] if scope.get("client") else ""
    said = Headers(scope=scope).getlist("x-forwarded-for") if behind_proxy else []
    for text in (said[-1].rpartition(",")[2].strip() if said else "", peer):
        try:
            address = ipaddress.ip_address(text.strip("[]"))
        except ValueError:
            continue
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is None:
                return str(ipaddress.IPv6Address(int(address) >> 64 << 64))
            return str(address.ipv4_mapped)
        return str(address)
    return peer
