"""Reading, verifying and planning a data set of 100,000 rows, each with a file of its own; seconds and memory.

python benchmarks/many_rows.py [--rows 100000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.verify import verify
from i2vbench.datasets.writing import write_metadata
from i2vbench.plan import request_seed
from i2vbench.registry import open_dataset
from i2vbench.store import Store
from i2vbench.types import PlannedClip, Sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    count = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "set"
        (folder / "clips").mkdir(parents=True)
        for i in range(count):
            (folder / f"clips/{i}.mp4").write_bytes(b"x")
        rows = [
            {
                "file_name": f"clips/{i}.mp4", "id": f"clip-{i}", "category": f"category {i % 17}",
                "prompt": f"a dog of number {i} that runs along a beach", "fps": 29.97, "sha256": f"{i:064x}",
                "bytes": 1, "width": 1280, "height": 720, "frames": 100, "source": f"https://example.org/{i}",
            }
            for i in range(count)
        ]  # fmt: skip
        print(f"{count:,} rows")
        timed("write metadata.csv", lambda: write_metadata(folder, rows))
        samples = timed("read it as a data set", FolderDataset(str(folder)).samples)
        report = timed("verify --quick", lambda: verify(open_dataset(str(folder)), quick=True))
        assert not report.faults
        timed("plan a run of one model", lambda: plan(Path(name) / "run", samples))


def plan(folder: Path, samples: list[Sample]) -> None:
    with Store.create(folder, {}) as store:
        store.plan("model", [PlannedClip(sample, 0, request_seed(0, sample.id)) for sample in samples], 8)


def timed(what: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = work()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{what:26} {time.perf_counter() - began:6.2f} s   {peak_mb:5.0f} MB at most so far")
    return result


if __name__ == "__main__":
    main()
