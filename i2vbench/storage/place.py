"""Where the workers of a run at an address write to and read from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from i2vbench.place import FOLDERS, Place
from i2vbench.storage.address import address_of
from i2vbench.storage.files import Files


@dataclass(frozen=True, slots=True)
class StoredPlace(Place):
    """An address. A file is made on this machine, under its own name, and put there as a whole.

    Attributes:
        folder: The home of the one who directs; its copies, if it has any, are read before the address is asked.
        address: As `parse_address` writes it.
    """

    address: str = ""

    @property
    def files(self) -> Files:
        return Files(self.address)

    @property
    def shared_folder(self) -> Path | None:
        return None

    @contextmanager
    def write(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="i2vbench-") as room:
            path = Path(room) / PurePosixPath(name).name
            yield path
            self.files.put(name, path.read_bytes())
        (self.folder / name).unlink(missing_ok=True)  # a copy of what was there before

    @contextmanager
    def read(self, name: str) -> Iterator[Path]:
        """As `Place.read`; where there is no such file, a path where none is either.

        Raises:
            OSError: The address cannot be reached, which is no fault of the clip.
        """
        if (self.folder / name).is_file():
            yield self.folder / name
            return
        with tempfile.TemporaryDirectory(prefix="i2vbench-") as room:
            path = Path(room) / PurePosixPath(name).name  # reasons why it cannot be read name it
            data = self.files.read(name)
            if data is not None:
                path.write_bytes(data)
                del data
            yield path

    def holds(self, name: str) -> bool:
        return self.files.has(name)

    def lasting(self, name: str) -> Path | None:
        return None

    def look(self) -> Callable[[str], bool]:
        return self.files.listing().__contains__

    def sweep(self) -> None:
        left = [n for n in self.files.listing() if n.startswith(FOLDERS) and PurePosixPath(n).name.startswith(".")]
        self.files.delete(left)


def place_of(folder: Path) -> Place:
    """Where the files of a run are that is read in this folder."""
    address = address_of(folder)
    return Place(folder) if address is None else StoredPlace(folder, address=address)
