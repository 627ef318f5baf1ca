"""Where the files of a run are that workers make: videos, pictures, features. Each is named relative to the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("videos", "first_frames", "features")
"""What workers write below."""


@dataclass(frozen=True, slots=True)
class Place:
    """The run's folder, on a disk that every worker sees.

    Attributes:
        folder: Absolute, so that workers elsewhere find it.
        writer: Tells one worker's unfinished files from another's, who may be making the same again because the first
            one is believed to be lost; "" where there is but one.
    """

    folder: Path
    writer: str = ""

    @property
    def shared_folder(self) -> Path | None:
        """What every worker must see; None where files go elsewhere."""
        return self.folder

    @contextmanager
    def write(self, name: str) -> Iterator[Path]:
        """A path to write a file to, which has this name in the run once the block ends without an error.

        Whoever writes there sees to it that the file is whole or not there.
        """
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self.writer:
            yield path
            return
        own = path.with_name(f".{self.writer}.{path.name}")
        try:
            yield own
            os.replace(own, path)
        finally:
            own.unlink(missing_ok=True)

    @contextmanager
    def read(self, name: str) -> Iterator[Path]:
        """A path at which a file of the run can be read as long as the block lasts."""
        yield self.folder / name

    def holds(self, name: str) -> bool:
        """Whether the run has this file."""
        return os.path.isfile(os.path.join(self.folder, name))  # a Path for each file takes as long as asking for it

    def lasting(self, name: str) -> Path | None:
        """Where other runs find a file of this one once it has ended; None if they cannot."""
        return self.folder / name

    def look(self) -> Callable[[str], bool]:
        """What tells of many files, one after the other, whether the run has them, as of now."""
        return self.holds

    def sweep(self) -> None:
        """Take away what lost workers have left unfinished; while none is at work."""
        for folder in FOLDERS:
            for path in (self.folder / folder).rglob(".*"):
                path.unlink(missing_ok=True)
