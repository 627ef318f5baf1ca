"""What was seen of a checkpoint's file: its hash, and by what to tell quickly that it is still the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from filelock import FileLock

from i2vbench.errors import UserError
from i2vbench.files import write_json
from i2vbench.parsing import parse_json
from i2vbench.weights.catalogue import Checkpoint
from i2vbench.weights.places import own_folder


@dataclass(frozen=True, slots=True)
class Record:
    """A file that passed every check.

    Attributes:
        sha256: Of its contents, 64 hex digits.
        size: Bytes.
        mtime_ns: When it was last written, by the file system.
        source: Where it came from.
        trusted: The SHA-256 that the user gave for a TorchScript file; "" if none.
    """

    sha256: str
    size: int
    mtime_ns: int
    source: str
    trusted: str = ""

    @classmethod
    def of(cls, path: Path, sha256: str, source: str, trusted: str = "") -> Record:
        state = path.stat()
        return cls(sha256, state.st_size, state.st_mtime_ns, source, trusted)

    def fits(self, path: Path) -> bool:
        """Whether the file looks as it did, without reading it."""
        state = path.stat()
        return (state.st_size, state.st_mtime_ns) == (self.size, self.mtime_ns)


def record_file(entry: Checkpoint) -> Path:
    return own_folder(entry) / "record.json"


def read_record(entry: Checkpoint) -> Record | None:
    """What is recorded of a checkpoint; None if it was never seen.

    Raises:
        UserError: The record is damaged: what it held to is not known, so it is not made again silently.
    """
    path = record_file(entry)
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
        record = Record(**data)
        if not all(isinstance(getattr(record, f.name), int if f.type == "int" else str) for f in fields(Record)):
            raise TypeError("a field has the wrong type")
        return record
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete it to have the file checked anew") from error


def write_record(entry: Checkpoint, record: Record) -> None:
    """Keep a record, for good: later files are held to it. The caller has the lock."""
    path = record_file(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(record))


@contextmanager
def locked(entry: Checkpoint, timeout: float = -1) -> Iterator[None]:
    """One process at a time for a checkpoint.

    Raises:
        filelock.Timeout: Another one has it, and had it for `timeout` seconds; -1 waits for ever.
    """
    folder = own_folder(entry)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock", timeout=timeout):
        yield
