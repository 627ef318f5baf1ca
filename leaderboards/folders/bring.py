"""The archive of a folder: named by its verifier, in the folder, or fetched from where its submitter says it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from i2vbench.files import file_sha256
from i2vbench.leaderboards.folders.card import Source
from i2vbench.weights import http
from i2vbench.weights.catalogue import human_size
from i2vbench.weights.places import offline

HTTPS = "https://"

LEAST_BYTES_PER_SECOND, GRACE_SECONDS = 50_000, 120
"""A server that is slower than this for longer than that is given up: it could keep a verifier busy for good."""

Tell = Callable[[int, int | None], None]


class NotHere(Exception):
    """There is no archive to look at, or another one than is stated; the text says why."""


def bring(source: Source, inside: Path | None, given: str, room: Path, tell: Tell = lambda done, total: None) -> Path:
    """The archive, once its size and SHA-256 are seen to be those that `entry.toml` states.

    Args:
        source: What `entry.toml` says of it.
        inside: The archive in the folder; None if there is none.
        given: A file, or an address that begins with https://, that the verifier names; "" is none.
        room: For a file that is fetched.
        tell: Is told how far it is.

    Raises:
        NotHere: It cannot be had, or is another one.
    """
    url = given if given.startswith(HTTPS) else "" if given or inside else source.url
    if url:
        path = _fetch(url, source, room / "fetched.zip", tell)
    elif given or inside:
        path = Path(given) if given else Path(inside or "")
    else:
        raise NotHere("it was not named (--archive FILE), and entry.toml has no address of it")
    if (size := path.stat().st_size) != source.bytes:
        raise NotHere(f"{path.name} has {size:,} bytes; entry.toml states {source.bytes:,}")
    if (sha256 := file_sha256(path)) != source.sha256:
        raise NotHere(f"{path.name} has the SHA-256 {sha256}; entry.toml states {source.sha256}")
    return path


def _fetch(url: str, source: Source, target: Path, tell: Tell) -> Path:
    if offline():
        raise NotHere("it was not named (--archive FILE), and HF_HUB_OFFLINE forbids to fetch it")
    begun = time.monotonic()

    def watch(done: int, total: int | None) -> None:
        tell(done, total)
        seconds = time.monotonic() - begun
        if seconds > GRACE_SECONDS and done < LEAST_BYTES_PER_SECOND * (seconds - GRACE_SECONDS):
            raise http.SourceError(f"is too slow: {human_size(done)} in {seconds:.0f} s")

    try:
        http.download(url, target, size=source.bytes, tell=watch)
    except http.SourceError as error:
        raise NotHere(f"{url} ({human_size(source.bytes)}): {error}") from error
    return target
