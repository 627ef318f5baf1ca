"""Writing files so that they are either whole or not there, telling a disk's faults, and where packages lie."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from i2vbench.errors import UserError

if TYPE_CHECKING:
    import numpy.typing as npt
    from filelock import FileLock


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A seekable binary file that takes its name only when the block ends without an error.

    Until then it is called `.NAME.partial`; one writer at a time is the caller's business.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def to_disk(path: Path) -> None:
    """Bring a file's contents, or a folder's names, to the disk.

    After a power cut, a file that was replaced without its folder's names may be the old one.
    """
    if os.name == "nt":  # a folder cannot be opened there, nor what is opened for reading be synchronised
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hold_lock(path: Path, busy: str) -> FileLock:
    """A lock that this process holds from now on, until it is released.

    Raises:
        UserError: `busy`, if another process holds it; or its folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(busy) from error
    except OSError as error:
        raise UserError(f"{path.parent} cannot be written to: {error.strerror}") from error
    return lock


def write_bytes(path: Path, data: bytes) -> None:
    with atomic_file(path) as file:
        file.write(data)


def link_or_copy(source: Path, path: Path) -> None:
    """Give a file that nobody writes into a second name; a copy where that cannot be. It is whole or not there.

    One writer of `path` at a time is the caller's business.
    """
    if path.exists() and path.samefile(source):
        return  # to rename one of two names of a file to the other does nothing, and leaves both
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), partial)
    except OSError:  # another file system, one without links, or too many of them
        with open(source, "rb") as file, atomic_file(path) as copy:
            shutil.copyfileobj(file, copy)
        return
    try:
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    write_bytes(path, (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())


_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO})
_SQLITE_DISK_ERRORS = ("full", "readonly", "disk I/O", "unable to open")


def is_disk_error(error: BaseException) -> bool:
    """Whether a disk that is full, broken or not to be written to is at fault."""
    if isinstance(error, sqlite3.OperationalError):
        return any(words in str(error) for words in _SQLITE_DISK_ERRORS)
    return isinstance(error, OSError) and error.errno in _DISK_ERRORS


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's contents, 64 lower-case hex digits.

    Raises:
        UserError: If the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def read_array(path: Path) -> npt.NDArray[Any]:
    """The array in a .npy file, which may be somebody else's.

    Raises:
        ValueError: It is none, holds objects, or states more than it has.
        OSError: It cannot be read.
    """
    import numpy as np

    if path.exists() and not path.is_file():
        raise ValueError("is no file")  # a pipe would never end
    try:
        # As a map of the file first: a header that claims more than there is would else be given the memory for it.
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError):
        raise
    except Exception as error:  # what a header says is evaluated as a literal, and taken for a type and a shape
        raise ValueError(f"is no array ({type(error).__name__})") from error


def package_folders(package: str) -> list[Path]:
    """Folders of an installed package, without importing it; empty if it is not installed."""
    spec = importlib.util.find_spec(package)
    return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
