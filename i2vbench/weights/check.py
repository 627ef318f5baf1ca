"""Is this file what it is called? Size, hash, and the names and shapes of its tensors."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.weights.catalogue import Checkpoint
from i2vbench.weights.records import record_file
from i2vbench.weights.shapes import fingerprint, shapes_of

_CHUNK = 1 << 20


class BadFile(UserError):
    """A file that is not what it is called."""


def hashes(path: Path) -> tuple[str, str]:
    """(SHA-256, git's object id) of a file, hex digits, read once.

    Raises:
        UserError: It cannot be read.
    """
    try:
        sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                sha256.update(chunk)
                git.update(chunk)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    return sha256.hexdigest(), git.hexdigest()


def check_file(path: Path, entry: Checkpoint, recorded: str = "") -> str:
    """The SHA-256 of a file that has the size, the hash and the tensors that its entry says.

    Args:
        recorded: The SHA-256 of the first file of this checkpoint, "" if there was none; it counts where the catalogue
            pins none, or a part of one.

    Raises:
        BadFile: With what differs.
        UserError: It cannot be read.
    """
    sha256 = check_contents(path, entry, recorded)
    if entry.kind == "torchscript":
        if not zipfile.is_zipfile(path):
            raise BadFile(f"checkpoint {entry.name}: {path.name} is no TorchScript archive")
    elif entry.kind == "tensors":
        _check_keys(path, entry)
    return sha256


def check_contents(path: Path, entry: Checkpoint, recorded: str = "") -> str:
    """As `check_file`, without a look at the tensors: the bytes alone."""
    what = f"checkpoint {entry.name}: {path.name}"
    if _is_page(path):
        raise BadFile(f"{what} is a web page, not a checkpoint")
    size = path.stat().st_size
    if entry.size is not None and size != entry.size:
        raise BadFile(f"{what} has {size:,} bytes, expected {entry.size:,}")
    sha256, git = hashes(path)
    if not sha256.startswith(entry.sha256):
        raise BadFile(f"{what} has SHA-256 {sha256}, the catalogue pins {entry.sha256}")
    if entry.git_object and git != entry.git_object:
        raise BadFile(f"{what} has git's object id {git}, the catalogue pins {entry.git_object}")
    # A whole hash in the catalogue has the last word: releases change what is bundled, and say so there.
    if recorded and sha256 not in (recorded, entry.sha256):
        raise BadFile(
            f"{what} has SHA-256 {sha256}, the one seen first had {recorded}; "
            f"if the new one is right, delete {record_file(entry)}"
        )
    return sha256


def _is_page(path: Path) -> bool:
    """Whether it is what a server sends to somebody who should log in or agree first."""
    try:
        with open(path, "rb") as file:
            return file.read(64).lstrip().startswith(b"<")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _check_keys(path: Path, entry: Checkpoint) -> None:
    try:
        shapes = shapes_of(path)
    except UserError as error:
        raise BadFile(f"checkpoint {entry.name}: {error}") from error
    if entry.keys and fingerprint(shapes) not in entry.keys:
        raise BadFile(
            f"checkpoint {entry.name}: the names and shapes of the {len(shapes)} tensors in {path.name} are not "
            "those of the published file"
        )
