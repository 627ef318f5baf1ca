"""Hashes of files that are too large to be read each time, remembered by size and times of writing and change."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from i2vbench.files import file_sha256, write_json
from i2vbench.parsing import parse_json
from i2vbench.weights.places import cache_folder

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SMALL = 1 << 20
"""Bytes that are read as quickly as they are remembered."""

_LOCK_SECONDS = 5.0


def content_sha256(path: Path) -> str:
    """SHA-256 of a file's contents, read only if it is not known.

    The hub's cache names large files by it. Of other large ones it is remembered, for as long as their size and times
    of writing and of change stay what they were: the first of these can be set, the second cannot.

    Raises:
        UserError: The file cannot be read.
    """
    real = path.resolve()
    if path.is_symlink() and _SHA256.fullmatch(real.name):
        return real.name
    state = real.stat()
    if state.st_size <= _SMALL:
        return file_sha256(real)
    seen = [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
    memory = cache_folder() / "hashes.json"
    known = _read(memory).get(str(real))
    if isinstance(known, list) and len(known) == 4 and known[:3] == seen:
        return str(known[3])
    sha256 = file_sha256(real)
    _remember(memory, str(real), [*seen, sha256])
    return sha256


def _read(memory: Path) -> dict[str, Any]:
    try:
        data = parse_json(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # files are read again, and it is written anew
    return data if isinstance(data, dict) else {}


def _remember(memory: Path, name: str, record: list[Any]) -> None:
    """Keep a hash if that can be: without it the file is only read again the next time."""
    with suppress(OSError, Timeout):
        memory.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(memory.with_suffix(".lock"), timeout=_LOCK_SECONDS):
            write_json(memory, {**_read(memory), name: record})
