"""`python -m tests.fuzz.videos --seconds 60`: damaged videos through `i2vbench.video`, in a process with limits.

A decoder is C. What it does to its process is told apart here: read, refused, ended it, took too long. Damage is done
to the boxes of a file (sizes, counts, tables) as well as to its frames.
"""

from __future__ import annotations

import argparse
import select
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from tests.fuzz.mutate import mutate

MEMORY_BYTES = 3 << 30
SECONDS = 60.0
"""That a file may take."""

_BOXES = (b"stsz", b"stts", b"stsc", b"stco", b"elst", b"tkhd", b"mdhd", b"mvhd", b"avcC", b"stsd", b"avc1", b"ctts")
_NUMBERS = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 1_000_000_000, 0xFFFF, 0xFFFFFFF0)


def damage(example: bytes, random: Random) -> bytes:
    """A video whose bytes are wrong; half of the time a number in one of an MP4's boxes is a hostile one."""
    places = [place for box in _BOXES if (place := example.find(box)) > 0]
    if not places or random.random() < 0.5:
        return mutate(example, random)
    data = bytearray(example)
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.choice(places) + 4 * random.randrange(-1, 12)
        data[max(place, 0) : max(place, 0) + 4] = struct.pack(">I", random.choice(_NUMBERS))
    return bytes(data)


def examples(folder: Path) -> list[tuple[str, bytes]]:
    """Small whole videos, (suffix, contents), of every container that is read."""
    from i2vbench.types import Video
    from i2vbench.video import write_video
    from tests.conftest import moving_frames
    from tests.video.files import encode

    write_video(folder / "ours.mp4", Video(moving_frames(), 8.0))
    frames = moving_frames(12, 48, 64)
    encode(folder / "h264.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "2", frames=frames)
    encode(folder / "vp9.webm", "-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", frames=frames)
    encode(folder / "h264.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p", frames=frames)
    encode(folder / "mpeg4.avi", "-c:v", "mpeg4", frames=frames)
    encode(folder / "h264.ts", "-c:v", "libx264", "-pix_fmt", "yuv420p", frames=frames)
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in (".mp4", ".webm", ".mkv", ".avi", ".ts")]
    return [(path.suffix, path.read_bytes()) for path in paths]


class Reader:
    """A process that reads videos, one after the other; another one where it has ended."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> str:
        """What came of it: "read", "refused", a traceback's last line, "ended by signal 11", "too slow"."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "tests.fuzz.videos", "--worker", self._reader]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(path, file=self._process.stdin, flush=True)
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS)
        if not ready:
            self.close()
            return "too slow"
        return self._process.stdout.readline().strip() or f"ended by signal {-self._process.wait()}"

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()


def outcomes(
    reader: str, seed: int, given: Sequence[tuple[str, bytes]], folder: Path, until: float, most: int
) -> Iterator[tuple[str, Path]]:
    """What came of damaged videos, and where each lies until the next one."""
    random, process = Random(f"{seed} {reader}"), Reader(reader)
    try:
        for _ in range(most):
            if time.monotonic() > until:
                return
            suffix, contents = random.choice(given)
            path = folder / f"damaged{suffix}"
            path.write_bytes(damage(contents, random))
            yield process.read(path), path
    finally:
        process.close()


def _work(reader: str) -> None:
    import resource

    import numpy as np

    from i2vbench.video import VideoError, probe, read_video

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        try:
            info = probe(path)
            shown = np.linspace(0, info.num_frames - 1, min(info.num_frames, 16)).astype(int).tolist()
            frames = read_video(path, shown, reader, size=(32, 48), info=info).frames
            said = "read" if frames.shape[1:] == (32, 48, 3) else "of another shape"
        except VideoError:
            said = "refused"
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            said = f"{type(error).__name__}: {str(error)[:100]}".replace("\n", " ")
        print(said, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.videos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each reader")
    parser.add_argument("--reader", action="append", help="pyav, decord; both by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="where files go that were not borne")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.worker:
        _work(wish.worker)
        return
    wrong = 0
    for reader in wish.reader or ("pyav", "decord"):
        with tempfile.TemporaryDirectory(prefix="i2vbench-fuzz-") as text:
            folder = Path(text)
            given = examples(folder)
            counts: Counter[str] = Counter()
            for said, path in outcomes(reader, wish.seed, given, folder, time.monotonic() + wish.seconds, 1 << 30):
                counts[said] += 1
                if said not in ("read", "refused") and counts[said] <= 3:
                    wish.keep.mkdir(parents=True, exist_ok=True)
                    (wish.keep / f"{reader}-{sum(counts.values())}{path.suffix}").write_bytes(path.read_bytes())
        print(f"{reader}: {sum(counts.values())} videos: {dict(counts)}", flush=True)
        wrong += sum(count for said, count in counts.items() if said not in ("read", "refused"))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
