"""What was seen of files: hash, size, what they show. Kept over calls, so that a file is read once."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.files import file_sha256, to_disk, write_bytes
from i2vbench.parsing import parse_json
from i2vbench.video import VideoError, probe


@dataclass(frozen=True, slots=True)
class Look:
    """What a video file was when it was read.

    Attributes:
        bytes: Its size.
        mtime_ns: When it was last written, by the file system.
        sha256: 64 hex digits; "" if it could not be read.
        width: Pixels, after rotation, as `height`.
        seconds: Its length.
        fault: Why it is no video that can be used; "" if it is one.
    """

    bytes: int
    mtime_ns: int
    sha256: str
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: float = 0.0
    seconds: float = 0.0
    fault: str = ""


class Looks:
    """Looks by file, in a list that grows by a line a file; a line that a kill cut off is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Look] = {}
        self.read = 0
        """Files that were read by this object."""
        if path.is_file():
            for line in path.read_bytes().splitlines():
                try:
                    name, facts = parse_json(line)
                    self._known[name] = Look(**facts)
                except (ValueError, TypeError):
                    continue
        # What a kill left of a line must not become the beginning of the next one.
        self._file = open(path, "ab")  # noqa: SIM115 - closed by close()
        if self._file.tell():
            self._file.write(b"\n")

    def of(self, path: Path) -> Look:
        """What a file shows, from the list if it looks as when it was read; else it is read from end to end."""
        state = path.stat()
        known = self._known.get(str(path))
        if known and (known.bytes, known.mtime_ns) == (state.st_size, state.st_mtime_ns):
            return known
        look = _look(path, state)
        self.read += 1
        if look.sha256:  # what could not be read may be readable the next time
            self.note(path, look)
        return look

    def note(self, path: Path, look: Look) -> None:
        self._known[str(path)] = look
        self._file.write(_line(path, look))
        self._file.flush()

    def holds(self, path: Path, sha256: str) -> bool:
        """Whether a file is listed with this hash and looks as it did."""
        known = self._known.get(str(path))
        if known is None or known.sha256 != sha256 or not path.is_file():
            return False
        state = path.stat()
        return (known.bytes, known.mtime_ns) == (state.st_size, state.st_mtime_ns)

    def close(self) -> None:
        self._file.close()

    def keep(self, paths: set[Path]) -> None:
        """Forget all but these, and close."""
        self.close()
        kept = [_line(path, self._known[str(path)]) for path in sorted(paths) if str(path) in self._known]
        write_bytes(self._path, b"".join(kept))
        to_disk(self._path.parent)


def _line(path: Path, look: Look) -> bytes:
    return json.dumps([str(path), asdict(look)]).encode() + b"\n"


def _look(path: Path, state: os.stat_result) -> Look:
    if state.st_size == 0:
        return Look(0, state.st_mtime_ns, "", fault="is empty")
    try:
        sha256 = file_sha256(path)
    except UserError as error:
        return Look(state.st_size, state.st_mtime_ns, "", fault=str(error).removeprefix(f"{path}: "))
    try:
        info = probe(path)
    except VideoError as error:
        return Look(state.st_size, state.st_mtime_ns, sha256, fault=error.reason)
    fault = "" if info.num_frames > 1 else "has 1 frame; expected a video"
    return Look(
        bytes=state.st_size,
        mtime_ns=state.st_mtime_ns,
        sha256=sha256,
        width=info.width,
        height=info.height,
        frames=info.num_frames,
        fps=info.fps,
        seconds=info.seconds,
        fault=fault,
    )
