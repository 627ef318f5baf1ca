"""What curation costs: processor seconds per clip of each measurement, and over the time to decode the clip.

    OMP_NUM_THREADS=1 python benchmarks/curation.py [--clips FOLDER] [--checkpoint raft_things] [--enlarge 4]

Run it in the root of a checkout, with the extra `data` installed. Clips are the demo's, or the MP4 files of a folder;
`--enlarge` makes of each one that is so many times as high and wide, encoded by H.264, as larger footage is not
bundled. Prints a Markdown table, one row a clip and the mean.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from i2vbench.curation.borders import letterbox
from i2vbench.curation.detail import true_height
from i2vbench.curation.duplicates import phashes
from i2vbench.curation.exposure import exposure
from i2vbench.curation.frames import read_pairs, spread_frames
from i2vbench.curation.lettering import Lettering
from i2vbench.curation.motion import MotionMeter
from i2vbench.curation.shots import find_shots
from i2vbench.types import Video
from i2vbench.video import cut_video, each_frame, probe, read_video
from i2vbench.video.write import encode_for_players

DEMO = Path(__file__).resolve().parents[1] / "datasets" / "demo" / "clips"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=DEMO)
    parser.add_argument("--checkpoint", default="tiny_raft")
    parser.add_argument("--enlarge", type=int, default=1)
    options = parser.parse_args()
    lettering, meter = Lettering(), MotionMeter("cpu", options.checkpoint)
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(options.clips.glob("*.mp4")):
            given = path if options.enlarge == 1 else enlarged(path, Path(folder), options.enlarge)
            rows.append(measured(given, Path(folder), lettering, meter, 128 if "tiny" in options.checkpoint else 256))
            print_row(path.stem, rows)
    print_row("mean", [{name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}])


def enlarged(path: Path, folder: Path, factor: int) -> Path:
    info = probe(path)
    video = read_video(path, size=(info.height * factor, info.width * factor), interpolation="bicubic")
    target = folder / path.name
    target.write_bytes(encode_for_players(Video(video.frames, info.fps), 20, "veryfast"))
    return target


def measured(path: Path, folder: Path, lettering: Lettering, meter: MotionMeter, side_px: int) -> dict[str, float]:
    """Processor seconds by the measurement's name."""
    info = probe(path)
    frames, pairs = spread_frames(path), read_pairs(path, side_px=side_px)
    assert pairs is not None
    lettering.measure(frames[:1])  # what only the first one takes is not a clip's
    steps: dict[str, Callable[[], object]] = {
        "decoding": lambda: [None for _ in each_frame(path, info=info)],
        "frames": lambda: (spread_frames(path), read_pairs(path, side_px=side_px)),
        "cut": lambda: cut_video(path, folder / "cut.mp4", 0, None),
        "shots": lambda: find_shots(path, info),
        "true height": lambda: true_height(frames),
        "bars": lambda: letterbox(frames),
        "exposure": lambda: exposure(frames),
        "hashes": lambda: phashes(frames[:3]),
        "text": lambda: lettering.measure(frames),
        "motion": lambda: meter.measure([pairs]),
    }
    seconds = {}
    for name, step in steps.items():
        begin = time.process_time()
        step()
        seconds[name] = time.process_time() - begin
    return seconds


def print_row(name: str, rows: list[dict[str, float]]) -> None:
    row = rows[-1]
    if len(rows) == 1 and name != "mean":
        print("| clip |", " | ".join(row), "|")
        print("|---|" + "---:|" * len(row))
    cells = [f"{seconds:.3f} ({seconds / row['decoding']:.1f})" for seconds in row.values()]
    print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
