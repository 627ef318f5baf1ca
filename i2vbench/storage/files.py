"""The files at an address: each is put as a whole, and what a network does not do is tried again."""

from __future__ import annotations

import errno
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from i2vbench.attempt import describe
from i2vbench.errors import UserError
from i2vbench.storage.address import OF_FILES

WAITS_SECONDS = (1.0, 4.0, 15.0)
"""How long is waited before each further try."""

AT_ONCE = 500
"""Files that are fetched in one go; the file system has several of them on their way."""

FETCHED = ".fetched-"
"""How the name of a folder begins in which files are that are being fetched."""

_RENAME = (*OF_FILES, "sftp", "ssh", "smb", "hdfs", "arrow_hdfs", "webhdfs")
"""Protocols of folders, where a file is there as soon as it is begun; an object is there once it is whole."""

_FOR_GOOD = (FileNotFoundError, FileExistsError, PermissionError, NotImplementedError, UserError)
"""What is no better the next time."""

T = TypeVar("T")
Tell = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Files:
    """What lies at an address, by names relative to it. Can be sent to another process.

    Whatever the package of a protocol raises comes as an OSError that says what could not be done.
    """

    address: str

    @property
    def fs(self) -> Any:
        """fsspec keeps one of each kind for a process; threads may share it.

        Raises:
            UserError: The protocol is unknown, or what it needs is not installed.
        """
        return self._opened()[0]

    def read(self, name: str) -> bytes | None:
        """What a file holds; None if there is none.

        Raises:
            OSError: It cannot be told.
        """
        try:
            return self._tried(f"reading {name}", lambda fs, root: bytes(fs.cat_file(f"{root}/{name}")))
        except FileNotFoundError:
            return None

    def reach(self, name: str) -> bytes | None:
        """As `read`, but tried once: what a first contact fails of (a key, a name) waiting does not mend."""
        try:
            return self._tried(f"reading {name}", lambda fs, root: bytes(fs.cat_file(f"{root}/{name}")), ())
        except FileNotFoundError:
            return None

    def put(self, name: str, data: bytes) -> None:
        """Have a file hold this, in one go: until then it holds what it held before.

        Raises:
            OSError: It cannot be put there.
        """
        self._put(name, lambda fs, root: self._write(fs, f"{root}/{name}", data))

    def create(self, name: str, data: bytes) -> bool:
        """Make a file if there is none, and say whether that was so; of two who ask at once, one makes it wherever
        the file system sees to that."""

        def make(fs: Any, root: str) -> None:
            path = f"{root}/{name}"
            if not self._has_folders:
                fs.pipe_file(path, data, mode="create")
                return
            fs.makedirs(fs._parent(path), exist_ok=True)
            with fs.open(path, "xb") as file:
                file.write(data)

        try:
            self._put(name, make)
        except FileExistsError:
            return False
        return True

    def fetch(self, names: Mapping[str, int], folder: Path, tell: Tell = lambda done, total: None) -> None:
        """Bring files into a folder, under their names, many at once; each is whole there or not there.

        Args:
            names: With their sizes, as `listing` has them.
            folder: Where to.
            tell: Is told how many are there, and of how many.

        Raises:
            OSError: One of them cannot be fetched.
        """
        wanted = sorted(name for name in names if _is_plain(name))
        folder.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            with tempfile.TemporaryDirectory(prefix=FETCHED, dir=folder) as room:
                parts = {name: Path(room) / str(number) for number, name in enumerate(some)}
                with suppress(OSError):
                    self._tried("fetching", lambda fs, root, parts=parts: _get(fs, root, parts), ())  # type: ignore[misc]
                for name, part in parts.items():
                    if not names[name] or not part.is_file() or part.stat().st_size != names[name]:
                        self._tried(f"fetching {name}", lambda fs, root, n=name, p=part: _get(fs, root, {n: p}))  # type: ignore[misc]
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(part, folder / name)
            tell(start + len(some), len(wanted))

    def listing(self) -> dict[str, int]:
        """Every file with its size.

        Raises:
            OSError: It cannot be told.
        """

        def find(fs: Any, root: str) -> dict[str, int]:
            fs.invalidate_cache()  # others write there
            try:
                found = fs.find(root, detail=True)
            except FileNotFoundError:
                return {}
            return {path[len(root) :].lstrip("/"): int(info.get("size") or 0) for path, info in found.items()}

        return self._tried("listing it", find)

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""

        def look(fs: Any, root: str) -> bool:
            fs.invalidate_cache()
            return bool(fs.info(f"{root}/{name}")["type"] == "file")

        try:
            return self._tried(f"looking for {name}", look)
        except FileNotFoundError:
            return False

    def delete(self, names: Iterable[str]) -> None:
        """Take files away that are there, or not any more."""
        for name in names:

            def remove(fs: Any, root: str, name: str = name) -> None:
                with suppress(FileNotFoundError):
                    fs.rm_file(f"{root}/{name}")

            self._tried(f"deleting {name}", remove)

    @property
    def _has_folders(self) -> bool:
        return self.address.partition("://")[0] in _RENAME

    def _write(self, fs: Any, path: str, data: bytes) -> None:
        if not self._has_folders:
            fs.pipe_file(path, data)
            return
        parent, _, name = path.rpartition("/")
        own = f"{parent}/.{uuid.uuid4().hex[:8]}.{name}"
        fs.makedirs(parent, exist_ok=True)
        try:
            fs.pipe_file(own, data)
            fs.mv(own, path)
        except BaseException:
            if fs.exists(own):
                fs.rm_file(own)
            raise

    def _put(self, name: str, call: Callable[[Any, str], None]) -> None:
        try:
            self._tried(f"putting {name}", call)
        except FileNotFoundError as error:  # of a bucket
            raise OSError(errno.EIO, f"putting {name} failed: {describe(error)}") from error

    def _tried(self, doing: str, call: Callable[[Any, str], T], waits: tuple[float, ...] | None = None) -> T:
        fs, root = self._opened()
        for wait in (*(WAITS_SECONDS if waits is None else waits), None):
            try:
                return call(fs, root)
            except (FileNotFoundError, FileExistsError):
                raise
            except Exception as error:  # whatever the package of a protocol raises
                if wait is None or isinstance(error, _FOR_GOOD):
                    raise OSError(errno.EIO, f"{doing} failed: {describe(error)}") from error
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _opened(self) -> tuple[Any, str]:
        import fsspec
        from fsspec.registry import known_implementations

        protocol = self.address.partition("://")[0]
        try:
            fs, root = fsspec.core.url_to_fs(self.address)
        except ImportError as error:
            package = str(known_implementations.get(protocol, {}).get("class", "")).partition(".")[0]
            hint = f": pip install {package}" if package not in ("", "fsspec") else ""
            raise UserError(
                f"{self.address}: {protocol}:// needs a package that is not installed ({error}){hint}"
            ) from error
        except ValueError as error:
            raise UserError(f"{self.address}: fsspec knows no such place ({error})") from error
        return fs, root.rstrip("/")


def _get(fs: Any, root: str, parts: Mapping[str, Path]) -> None:
    """Fetch files to these paths; lists are taken as they are, whatever a name looks like."""
    fs.get([f"{root}/{name}" for name in parts], [str(part) for part in parts.values()])


def _is_plain(name: str) -> bool:
    """Whether a name stays in the folder that it is fetched into."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name and ":" not in parts[0]
