"""A folder for each request: what the repository is handed lies there, and its video comes out there.

A folder is called by a hash of its request, never by a prompt or an id: repositories name their files after what they
are given. It goes when its video has been read. Those of the last failures stay, for a look, until the model is next
loaded.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import deque
from pathlib import Path

from filelock import FileLock, Timeout

from i2vbench.types import Request

MOST_FAILED = 10
"""Folders of failed requests that are kept."""


def key_of(request: Request) -> str:
    """A request's hash: of all that decides its video, and nothing else."""
    total = hashlib.sha256(request.first_frame.tobytes())
    facts = (request.num_frames, request.height, request.width, request.fps, request.seed, request.frame_stride)
    total.update(repr((request.prompt, *facts)).encode("utf-8", "surrogatepass"))
    return total.hexdigest()[:16]


class Workshop:
    """Where one loaded model keeps the folders of its requests.

    Args:
        folder: The model's own, which several processes may share; what killed ones left there is cleared away.
    """

    def __init__(self, folder: Path) -> None:
        folder = folder.absolute()  # the repository works in a folder of its own
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"):  # else one clears away what another has made and not locked yet
            for left in folder.glob("work-*"):
                _clear_if_left(left)
            self.folder = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
            self._lock = FileLock(self.folder / "lock")
            self._lock.acquire(timeout=0)
        self._failed: deque[Path] = deque()

    def new(self, name: str) -> Path:
        """An empty folder, called `name` and something that is its own."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def done(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    def failed(self, folder: Path) -> None:
        """Keep a folder for a look; the oldest one goes."""
        self._failed.append(folder)
        if len(self._failed) > MOST_FAILED:
            shutil.rmtree(self._failed.popleft(), ignore_errors=True)

    def close(self) -> None:
        """Leave; the folder goes too unless a failure's is in it."""
        self._lock.release()
        if not any(path.is_dir() for path in self.folder.glob("*")):
            shutil.rmtree(self.folder, ignore_errors=True)


def _clear_if_left(folder: Path) -> None:
    """Remove a folder that no living process holds."""
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return
    lock.release()
    shutil.rmtree(folder, ignore_errors=True)
