"""What comes over a network."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.mutate import mutate_json
from tests.fuzz.target import target, texts

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_BODY = b'{"status": "done", "output": ["https://example.org/x.mp4"]}'


def _answers(room: Path) -> Sequence[bytes]:
    import gzip

    packed = gzip.compress(_BODY)
    return [
        _HEAD + b"Content-Length: %d\r\n\r\n" % len(_BODY) + _BODY,
        _HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed,
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(_BODY), _BODY),
        b"HTTP/1.1 302 Found\r\nLocation: https://example.org/\r\nRetry-After: 3\r\n\r\n",
    ]


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


@target(_answers)
def http_answer(room: Path, data: bytes) -> None:
    """An answer as `transport` hands it on: what it raises is a `Broken`, or turned into one there."""
    import http.client
    import zlib

    from i2vbench.models.http.template import find
    from i2vbench.models.http.transport import Broken, describe, read, retry_after
    from i2vbench.parsing import parse_json

    response = http.client.HTTPResponse(_Socket(data))  # type: ignore[arg-type]
    try:
        response.begin()
        retry_after(response)
        find(parse_json(read(response, 1 << 20)), "output.0")
    except (OSError, http.client.HTTPException, zlib.error) as error:
        describe(error)
    except (Broken, ValueError):
        pass


@target(_answers)
def download_answer(room: Path, data: bytes) -> None:
    """What the downloader makes of an answer's head."""
    import http.client

    from i2vbench.weights.http import SourceError, _Again, _extent, _receive, _validator

    response = http.client.HTTPResponse(_Socket(data.replace(b"200 OK", b"206 OK")))  # type: ignore[arg-type]
    try:
        response.begin()
        _, total = _extent(response, 0, room / "partial")
        _validator(response)
        import threading

        _receive(response, room / "partial", 0, total, 1 << 20, lambda done, total: None, threading.Event())
    except (http.client.HTTPException, OSError, SourceError, _Again):
        pass


@target(texts(json.dumps({"run": "a" * 32, "number": 3, "id": "b" * 32})), mutate_json)
def state_json(room: Path, data: bytes) -> None:
    from i2vbench.storage.home import state_at

    class There:
        address = "s3://bucket/run"

        def read(self, name: str) -> bytes | None:
            return data

    state_at(There())  # type: ignore[arg-type]


@target(texts(json.dumps({"token": "a", "host": "b", "process": 1, "at": 1.5, "beat": 3})), mutate_json)
def lock_json(room: Path, data: bytes) -> None:
    from i2vbench.storage.lock import _parse

    _parse(data)
