"""Files in the cache folder that other runs find by their keys.

    kept/KIND/KEY[:2]/KEY    a SHA-256 of what follows, 64 hex digits; a line's end; the contents

Any of them may be deleted at any time. One that is damaged is as good as none.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from i2vbench.weights.places import cache_folder

_log = logging.getLogger("i2vbench")
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Share:
    """What is kept of one kind."""

    entries: int
    size_bytes: int


def kept_folder() -> Path:
    """Where it all lies."""
    return cache_folder() / "kept"


def read_entry(kind: str, key: str) -> bytes | None:
    """The contents kept under a key; None if there are none, or damaged ones."""
    path = _path(kind, key)
    try:
        digest, _, contents = path.read_bytes().partition(b"\n")
        if digest != _digest(contents):
            _log.warning("%s is damaged; it is made anew", path)
            return None
        os.utime(path)  # its age is counted from when it was last of use
    except OSError:
        return None
    return contents


def write_entry(kind: str, key: str, contents: bytes) -> None:
    """Keep contents for other runs; without room for them, or leave to write, they are not kept."""
    path = _path(kind, key)
    # Others may write the same at the same time: each has a name of its own until it is whole.
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(_digest(contents) + b"\n" + contents)
        os.replace(partial, path)
    except OSError as error:
        _log.warning("nothing is kept for other runs in %s: %s", path.parent, error)
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def shares() -> dict[str, Share]:
    """How much there is of each kind."""
    found: dict[str, Share] = {}
    for path, state in _files():
        if path.name.startswith("."):
            continue
        kind = path.parent.parent.relative_to(kept_folder()).as_posix()
        before = found.get(kind, Share(0, 0))
        found[kind] = Share(before.entries + 1, before.size_bytes + state.st_size)
    return dict(sorted(found.items()))


def clear(days: float = 0.0) -> Share:
    """Delete what has not been of use for so many days; returns how much that was."""
    limit, entries, size_bytes = time.time() - days * _DAY_SECONDS, 0, 0
    for path, state in _files():
        if state.st_mtime > limit:
            continue
        path.unlink(missing_ok=True)
        entries, size_bytes = entries + (not path.name.startswith(".")), size_bytes + state.st_size
    for folder in sorted((path for path in kept_folder().rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):  # what is not empty stays
            folder.rmdir()
    return Share(entries, size_bytes)


def _files() -> Iterator[tuple[Path, os.stat_result]]:
    """What lies there, and what is known of it; runs that go on meanwhile write, rename and delete."""
    for path in list(kept_folder().rglob("*")):
        with suppress(FileNotFoundError):
            state = path.stat()
            if stat.S_ISREG(state.st_mode):
                yield path, state


def _path(kind: str, key: str) -> Path:
    return kept_folder() / kind / key[:2] / key


def _digest(contents: bytes) -> bytes:
    return hashlib.sha256(contents).hexdigest().encode()
