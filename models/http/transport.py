"""One exchange over HTTP with the standard library, bounded in time and size.

`urllib.request`, which checkpoints are fetched with, does not tell whether a request left the machine. Here that is
what everything hangs on: the connection is made first, then the caller is told (`about_to_send`), then bytes go out.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from i2vbench import __version__
from i2vbench.files import is_disk_error

MOST_REDIRECTS = 5
_CHUNK = 1 << 16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ALWAYS = {"User-Agent": f"i2vbench/{__version__}", "Accept-Encoding": "identity", "Connection": "close"}

Response = http.client.HTTPResponse


class NotSent(Exception):
    """Nothing of the request has left this machine; the text says why."""


class Broken(Exception):
    """It went out, and no whole answer came; the text says why."""


def is_loopback(host: str | None) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")


def origin(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def address_fault(url: str, takes_http: Callable[[str], bool]) -> str | None:
    """Why nothing is sent to an address; None if it may be. `takes_http` says to which hosts plain http will do."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is no address ({error})"
    if parts.scheme not in ("http", "https") or not host:
        return "is no address of the form https://HOST/..."
    if parts.scheme == "http" and not takes_http(host):
        return "is not https; allow_http = true takes it nevertheless"
    return "has a user or password in it" if parts.username or parts.password else None


@contextmanager
def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    seconds: float,
    about_to_send: Callable[[], None] = lambda: None,
) -> Iterator[Response]:
    """The answer to one request, its body not read yet; redirects are answers too.

    Args:
        method: "GET", "POST" or "PUT".
        url: The address.
        headers: Beside those that every request has.
        body: What is sent.
        seconds: From now until the last byte of the answer.
        about_to_send: Called once the connection stands, before the first byte; what it raises goes through.

    Raises:
        NotSent: No connection.
        Broken: No whole answer, also while the block reads it.
    """
    parts = urlsplit(url)
    connection = _connected(parts, seconds)
    try:
        connected = connection.sock
        about_to_send()
        with _deadline(connected, seconds) as expired:
            try:
                with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it heard all
                    connection.request(method, _target(parts), body, {**_ALWAYS, **headers})
                with connection.getresponse() as response:
                    yield response
            except Broken as error:  # what was cut off reads as what ended early
                raise Broken(f"took more than {seconds:g} s" if expired.is_set() else str(error)) from None
            except (OSError, http.client.HTTPException, zlib.error) as error:
                if is_disk_error(error):  # of the block, which may write what it reads
                    raise
                reason = f"took more than {seconds:g} s" if expired.is_set() else describe(error)
                raise Broken(reason) from None
            if expired.is_set():
                raise Broken(f"took more than {seconds:g} s")
    finally:
        connection.close()


@contextmanager
def get(
    url: str, headers: Mapping[str, str], key: Mapping[str, str], seconds: float, takes_http: Callable[[str], bool]
) -> Iterator[Response]:
    """The answer to a GET after redirects; headers and the key go no further than to the host that was named.

    Raises:
        NotSent: No connection; an address that nothing is sent to.
        Broken: No whole answer; too many redirects.
    """
    with ExitStack() as stack:
        for _ in range(MOST_REDIRECTS + 1):
            if fault := address_fault(url, takes_http):
                raise NotSent(f"the address that it names {fault}")
            response = stack.enter_context(exchange("GET", url, {**headers, **key}, None, seconds))
            if response.status not in _REDIRECTS or not response.headers["Location"]:
                yield response
                return
            location = response.headers["Location"]
            stack.pop_all().close()
            try:
                target = urljoin(url, location)
                leaves = origin(target) != origin(url)
            except ValueError:
                raise Broken("redirects to what is no address") from None
            if origin(url)[0] == "https" and urlsplit(target).scheme == "http":
                raise Broken("redirects from https to http")
            if leaves:
                headers, key = {}, {}
            url = target
        raise Broken(f"redirects more than {MOST_REDIRECTS} times")


def chunks(response: Response, at_most: int) -> Iterator[bytes]:
    """The body in pieces, unpacked where it comes packed.

    Raises:
        Broken: It is larger than `at_most` bytes, unpacked or not; ends early; or is packed in another way than gzip.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "deflate"):
        raise Broken(f"is encoded in a way that was not asked for ({encoding[:40]!r})")
    unpacker = zlib.decompressobj(wbits=47) if encoding in ("gzip", "deflate") else None
    announced = response.length  # None where it comes in chunks, or until the connection ends
    if announced is not None and announced > at_most:
        raise Broken(f"is larger than {at_most:,} bytes: {announced:,}")
    came = size = 0
    while raw := response.read1(_CHUNK):
        came += len(raw)
        while raw:
            piece = unpacker.decompress(raw, _CHUNK) if unpacker else raw
            raw = unpacker.unconsumed_tail if unpacker else b""
            size += len(piece)
            if max(size, came) > at_most:
                raise Broken(f"is larger than {at_most:,} bytes")
            yield piece
    if announced is not None and came < announced:
        raise Broken(f"ended after {came:,} of {announced:,} bytes")
    if unpacker and not unpacker.eof:
        raise Broken("ended early")


def read(response: Response, at_most: int) -> bytes:
    """The whole body.

    Raises:
        Broken: As `chunks`.
    """
    return b"".join(chunks(response, at_most))


def retry_after(response: Response) -> float | None:
    """Seconds that the server asks to be left alone for; None if it does not."""
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isdecimal() and len(text) < 7 else (0.0 if text else None)


def without_query(url: str) -> str:
    """An address as it may stand in a sentence: what follows a question mark may be a signature."""
    return url.partition("?")[0].partition("#")[0][:200]


def describe(error: BaseException) -> str:
    """Why an exchange failed, in words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer ended early"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, http.client.HTTPException):  # its text is the server's, which may say the key
        return f"what came is no HTTP ({type(error).__name__})"
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())[:160] or type(error).__name__


def _connected(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    """A connection that stands, through the proxy that the environment names for the host, if it does."""
    host, port = parts.hostname or "", parts.port
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    proxy = None if is_loopback(host) or proxy_bypass(host) else getproxies().get(parts.scheme)
    try:
        if proxy:
            through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            connection = kind(through.hostname or "", through.port or 80, timeout=seconds)
            connection.set_tunnel(host, port, _proxy_headers(through))
        else:
            connection = kind(host, port, timeout=seconds)
        connection.connect()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotSent(f"no connection to {host}: {describe(error)}") from error
    return connection


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


def _target(parts: SplitResult) -> str:
    """Path and query as they stand in a request's first line."""
    safe = "/%:@!$&'()*+,;=~-._"
    path = quote(parts.path or "/", safe=safe)
    return f"{path}?{quote(parts.query, safe=safe + '?')}" if parts.query else path


@contextmanager
def _deadline(connected: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """End a connection after so long, however slowly something still comes; the event says that it did."""
    expired = threading.Event()

    def end() -> None:
        expired.set()
        with suppress(OSError):
            # Of TLS too: its own shutdown takes the session away from the thread that reads.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()
