"""Does a run's memory grow with its clips? Peak memory of whole runs of 100 and 1,000 clips.

    python benchmarks/memory.py [CLIPS ...]

Each run is a process of its own: `static` on a data set of pictures under the paper's profile, temporal flickering,
no tables. Prints one row a run: clips, peak resident memory, seconds, and clips per second.
"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = """
import sys
from pathlib import Path
from i2vbench.progress import Quiet
from i2vbench.run import run
from i2vbench.settings import RunConfig
folder = Path(sys.argv[1])
run(
    RunConfig(
        models=("static",),
        metrics=("temporal_flickering",),
        dataset=f"folder:{folder / 'data'}",
        device="cpu",
        out=folder / "run",
    ),
    Quiet(),
)
"""


def make_pictures(folder: Path, clips: int) -> None:
    """A data set of `clips` samples that share ten pictures of 320 x 480 noise."""
    import numpy as np
    from PIL import Image

    folder.mkdir()
    for i in range(10):
        pixels = np.random.default_rng(i).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((480, 320)).save(folder / f"{i}.png")
    with open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "id", "category", "prompt"))
        writer.writerows((f"{i % 10}.png", f"clip-{i:06}", "Others", "noise.") for i in range(clips))


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or [100, 1000]
    print(f"{'clips':>8} {'peak MiB':>10} {'seconds':>9} {'clips/s':>9}")
    for clips in sorted(sizes):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_pictures(folder / "data", clips)
            begun = time.monotonic()
            # ru_maxrss of the children is that of the largest so far, hence the runs go from small to large
            subprocess.run([sys.executable, "-c", RUN, str(folder)], check=True)
            seconds = time.monotonic() - begun
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        print(f"{clips:>8} {peak:>10.0f} {seconds:>9.1f} {clips / seconds:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
