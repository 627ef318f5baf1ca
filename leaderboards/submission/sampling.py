"""Which clips of an archive are measured again, and where their videos are."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from i2vbench.leaderboards.submission.archive import CHUNK, Archive
from i2vbench.leaderboards.submission.lines import ClipLine
from i2vbench.leaderboards.submission.restore import Restored


def choose(restored: Restored, count: int, seed: int, models: Iterable[str] | None = None) -> list[ClipLine]:
    """So many of the clips that have a video, as many of each model as can be; the same for the same seed.

    Args:
        restored: The archive's run.
        count: How many.
        seed: Of the draw.
        models: Only clips of these; None takes all.
    """
    draw = random.Random(seed)
    pools = []
    for model in restored.settings["models"] if models is None else models:
        pool = [row for row in restored.clips.values() if row.model == model and row.state == "done"]
        pools.append(draw.sample(pool, len(pool)))
    draw.shuffle(pools)
    turns = max(map(len, pools), default=0)
    order = [pool[turn] for turn in range(turns) for pool in pools if turn < len(pool)]
    return sorted(order[:count], key=lambda row: row.key)


class Videos:
    """Where videos are: in the archive, or in a folder laid out as a run's videos/ is.

    Args:
        archive: It may hold them.
        folder: Else they are there.
    """

    def __init__(self, archive: Archive, folder: Path | None) -> None:
        self._archive, self._folder = archive, folder

    def copy(self, name: str, clip: ClipLine, target: Path) -> str:
        """Bring a video to a file of ours; what is wrong with it, or ""."""
        total, size, pieces = hashlib.sha256(), 0, self._pieces(name)
        with open(target, "wb") as file:
            while True:
                try:
                    piece = next(pieces, b"")
                except OSError as error:
                    return f"its video cannot be read: {error.strerror or error}"
                if not piece:
                    break
                size += len(piece)
                if size > (clip.bytes or 0):
                    return "its video is larger than stated"
                total.update(piece)
                file.write(piece)
        return "" if total.hexdigest() == clip.sha256 else "its video is not the one that was handed in (SHA-256)"

    def _pieces(self, name: str) -> Iterator[bytes]:
        if name in self._archive.entries:
            yield from self._archive.stream(name)
        elif self._folder is not None:
            path = self._folder / Path(name).relative_to("videos")
            if path.exists() and not path.is_file():  # to open a pipe is to wait for ever
                raise OSError("it is no file")
            with open(path, "rb") as file:
                yield from iter(lambda: file.read(CHUNK), b"")
        else:
            raise OSError(f"it is in neither the archive nor a folder ({name})")


def keep_videos(archive: Archive, restored: Restored) -> None:
    """Lay the videos of an archive into the run that was made anew of it; those that are not as stated are left out."""
    videos = Videos(archive, None)
    for clip in restored.clips.values():
        name = restored.video(clip)
        if clip.state == "done" and name in archive.entries:
            target = restored.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if videos.copy(name, clip, target):
                target.unlink()
