"""Start-up, memory and growth: whole runs of a metric of trivial cost, and the tables of a store that is full.

    OMP_NUM_THREADS=1 python benchmarks/scale.py [--clips 1000 10000 100000] [--only startup|runs|table]

Every measurement is a process of its own, so that its peak memory is its own. A run is of `static` on small clips (4
frames of 32 x 32) of a data set whose rows share ten pictures; then the same run again, with nothing left to do, and
gone on with after a half of its videos were lost. The tables are of a store that was filled as a run fills it, without
videos: twelve metrics, without details, and with those that they keep of a clip of 16 frames. Seconds are by the
clock, in parentheses those of the processor, which others on the machine disturb less; ms a clip are the processor's.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROFILE = """
base = "tiny"
name = "small"
title = "small clips"
[protocol]
num_frames = 4
fps = 8
height = 32
width = 32
"""

METRIC = """
from i2vbench.metrics.base import Metric
from i2vbench.types import Measurement, MetricInfo


class FirstPixel(Metric):
    info = MetricInfo(id="first_pixel", title="First pixel", direction="higher")

    def measure(self, clips):
        return [Measurement(c.sample.id, self.info.id, value=float(c.video.frames[0, 0, 0, 0])) for c in clips]
"""

METRICS = (
    "background_consistency",
    "background_consistency:antialias",
    "subject_consistency",
    "subject_consistency:antialias",
    "temporal_flickering",
    "temporal_flickering:static-only",
    "motion_smoothness",
    "dynamic_degree",
    "scene_consistency",
    "overall_consistency",
    "overall_consistency:antialias",
    "clipsim",
)
FRAMES = 16
CATEGORIES = 16
CLIPS_AT_ONCE = 1000
FILES = ("clips.csv", "tables.html")
STAGES = ("planning", "work", "tables")

LOST = 2
"""Of so many videos one is lost before a run is gone on with."""


# -- in processes of their own ------------------------------------------------------------------------------------


def do_run(folder: Path) -> dict[str, float]:
    """A run of what `make_set` made; seconds of its stages and peak memory after each."""
    begun = time.monotonic(), 0.0
    from i2vbench.names import FORMATS
    from i2vbench.progress import Quiet
    from i2vbench.run import run
    from i2vbench.settings import RunConfig
    from i2vbench.tables import collect, write_tables

    class Stages(Quiet):
        begun: tuple[float, float] = (0.0, 0.0)

        def start(self, stage: str, total: int, done: int, noun: str = "clips") -> None:
            if self.begun == (0.0, 0.0):
                self.begun = now()

    stages = Stages()
    config = RunConfig(
        models=("static",), metrics=(f"{folder / 'metric.py'}:FirstPixel",), dataset=f"folder:{folder / 'data'}",
        profile=str(folder / "profile.toml"), device="cpu", out=folder / "run",
    )  # fmt: skip
    run(config, stages)
    done, peak_of_work = now(), peak_mib()
    write_tables(collect([folder / "run"]), folder / "run" / "tables", FORMATS)
    times = {"planning": (begun, stages.begun), "work": (stages.begun, done), "tables": (done, now())}
    found = {"peak of the work": peak_of_work, "peak": peak_mib()}
    for stage, (before, after) in times.items():
        found |= {stage: after[0] - before[0], f"{stage}, processor": after[1] - before[1]}
    return found


def now() -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    return time.monotonic(), time.process_time()


def do_fill(folder: Path, clips: int, kept: str) -> dict[str, float]:
    """A store as a run of `METRICS` leaves it, with no details or with such as they keep."""
    from i2vbench.datasets.base import Dataset
    from i2vbench.machine import versions
    from i2vbench.place import Place
    from i2vbench.plan import make_plan
    from i2vbench.profiles import load_profile
    from i2vbench.registry import METRICS as KNOWN
    from i2vbench.registry import MODELS
    from i2vbench.settings import RunConfig, Settings
    from i2vbench.store import Store, keep
    from i2vbench.types import FrameSource, Measurement, Sample

    class Nothing(Dataset):
        name, title = "scale", "rows without clips"

        def samples(self) -> Sequence[Sample]:
            return [
                Sample(
                    f"clip-{i:06}", f"category {i % CATEGORIES}", f"a dog of number {i} that runs along a beach",
                    FrameSource(Path("nowhere.png")), objects=("dog",), scene="beach",
                )
                for i in range(clips)
            ]  # fmt: skip

    begun = time.monotonic()
    profile = load_profile("tiny")
    metrics = {KNOWN.create(spec).info.id: (KNOWN.create(spec), spec) for spec in METRICS}
    for metric, _ in metrics.values():
        metric.prepare(profile)
    settings = Settings(
        config=RunConfig(models=("static",), metrics=METRICS, dataset="scale", device="cpu"), dataset=Nothing(),
        fingerprint="0" * 64, num_samples=clips, models={"static": (MODELS.create("static"), "static")},
        metrics=metrics, skipped={}, profile=profile, engine="local", versions=versions("cpu"),
    )  # fmt: skip
    plan = make_plan(Nothing().samples(), [0])
    draw = random.Random(0)
    with Store.create(folder, settings.as_dict()) as store:
        store.plan("static", plan, 8)
        for start in range(0, len(plan), CLIPS_AT_ONCE):
            some = plan[start : start + CLIPS_AT_ONCE]
            store.finish_batch("static", {(p.sample.id, p.seed): ("done", None) for p in some})
            for id_ in metrics:
                measured = [
                    Measurement(p.sample.id, id_, draw.random(), details=details(id_, draw, kept)) for p in some
                ]
                store.record([keep(measurement, "static", 0, Place(folder)) for measurement in measured])
    return {"seconds": time.monotonic() - begun}


def details(metric: str, draw: random.Random, kept: str) -> dict[str, Any]:
    """Of the size that a metric keeps of a clip; or none, but for what it aggregates."""
    if kept == "none":
        return {"frames": FRAMES, "successes": 7} if metric.startswith("scene") else {}

    def numbers(count: int) -> list[float]:
        return [draw.random() for _ in range(count)]

    if metric.startswith(("background", "subject")):
        return {"similarity_to_previous": numbers(FRAMES - 1), "similarity_to_first": numbers(FRAMES - 1)}
    if metric.startswith("scene"):
        told = [[draw.random() < 0.5 for _ in range(FRAMES)] for _ in range(2)]
        return {
            "words": ["beach"], "captions": ["a dog that runs along a beach"] * FRAMES,
            "tags": [["dog", "beach", "run"]] * FRAMES, "rule": "published", "frames": FRAMES,
            "successes": sum(told[0]), "frame_indices": list(range(FRAMES)),
            "succeeded": {"published": told[0], "own-frames": told[1]}, "fps": 8.0, "frame_size": [256, 256],
        }  # fmt: skip
    if metric.startswith("overall"):
        return {"frame_indices": list(range(0, FRAMES, 2)), "prompt_tokens_cut": 0}
    if metric == "clipsim":
        return {"cosine_per_frame": numbers(FRAMES)}
    if metric == "motion_smoothness":
        return {"mae_per_dropped_frame": numbers(FRAMES // 2 - 1), "dropped_frames": list(range(1, FRAMES - 1, 2))}
    if metric == "dynamic_degree":
        return {
            "top5_magnitude_per_pair": numbers(FRAMES - 1), "threshold": 6.0, "pairs_needed": 4, "pairs_above": 7,
            "frame_interval": 1,
        }  # fmt: skip
    return {"mae_per_pair": numbers(FRAMES - 1)}


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


# -- the measurements ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """What a command took: seconds by the clock and of the processor, peak memory; and what it printed."""

    seconds: float
    processor: float
    peak_mib: float
    text: str


def timed(*command: str) -> Taken:
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Taken(time.monotonic() - begun, usage.ru_utime + usage.ru_stime, peak, text)


def alone(what: str, *arguments: object) -> dict[str, float]:
    """What one of the functions above gives, in a process of its own."""
    found: dict[str, float] = json.loads(timed(sys.executable, __file__, f"--{what}", *map(str, arguments)).text)
    return found


def make_set(folder: Path, clips: int) -> None:
    """A data set of `clips` rows that share ten pictures, the profile and the metric."""
    import numpy as np
    from PIL import Image

    (folder / "data").mkdir(parents=True)
    (folder / "profile.toml").write_text(PROFILE)
    (folder / "metric.py").write_text(METRIC)
    for i in range(10):
        pixels = np.random.default_rng(i).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((32, 32)).save(folder / f"data/{i}.png")
    with open(folder / "data/metadata.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "id", "category", "prompt"))
        writer.writerows(
            (f"{i % 10}.png", f"clip-{i:06}", f"category {i % CATEGORIES}", "noise.") for i in range(clips)
        )


def startup(folder: Path) -> Iterator[str]:
    yield "| | seconds | of the processor | peak, MiB |\n|---|---:|---:|---:|"
    command = str(Path(sys.executable).with_name("i2vbench"))
    make_set(folder, 1)
    wanted = (
        *("run", "--model", "static", "--metrics", f"{folder / 'metric.py'}:FirstPixel", "--device", "cpu", "--quiet"),
        *("--dataset", f"folder:{folder / 'data'}", "--profile", str(folder / "profile.toml")),
        *("--out", str(folder / "run")),
    )
    for what, arguments in (("`--help`", ("--help",)), ("`run`, 1 clip", wanted), ("the same again", wanted)):
        taken = timed(command, *arguments)
        yield f"| {what} | {taken.seconds:.1f} | {taken.processor:.1f} | {taken.peak_mib:.0f} |"


def runs(folder: Path, sizes: Sequence[int]) -> Iterator[str]:
    yield "| clips | | planning, s | work, s | ms a clip | tables, s | peak of the work, MiB | with tables, MiB |"
    yield "|---:|---|---:|---:|---:|---:|---:|---:|"
    for clips in sizes:
        place = folder / str(clips)
        make_set(place, clips)
        for what, owed in (("run", clips), ("again, nothing to do", 0), ("half lost", clips // LOST)):
            if what == "half lost":
                lose_videos(place / "run")
            found = alone("do-run", place)
            each = f"{1000 * found['work, processor'] / owed:.2f}" if owed else "–"
            stages = {name: f"{found[name]:.1f} ({found[f'{name}, processor']:.1f})" for name in STAGES}
            yield (
                f"| {clips:,} | {what} | {stages['planning']} | {stages['work']} | {each} | {stages['tables']} | "
                f"{found['peak of the work']:.0f} | {found['peak']:.0f} |"
            )


def lose_videos(run: Path) -> None:
    """Every other batch of eight, as the store counts them."""
    for path in run.glob("videos/*/*.mp4"):
        if int(path.name.removeprefix("clip-").partition("-")[0]) // 8 % LOST == 0:
            path.unlink()


def table(folder: Path, sizes: Sequence[int]) -> Iterator[str]:
    yield "| clips | details | filling the store, s | `table`, s | peak, MiB | clips.csv, MiB | tables.html, MiB |"
    yield "|---:|---|---:|---:|---:|---:|---:|"
    for clips, kept in itertools.product(sizes, ("none", "as measured")):
        run = folder / f"{clips} {kept}"
        filled = alone("do-fill", run, clips, kept)["seconds"]
        command = str(Path(sys.executable).with_name("i2vbench"))
        taken = timed(command, "table", "--quiet", str(run))
        files = " | ".join(f"{(run / 'tables' / name).stat().st_size / 2**20:.1f}" for name in FILES)
        yield (
            f"| {clips:,} | {kept} | {filled:.0f} | {taken.seconds:.1f} ({taken.processor:.1f}) | {taken.peak_mib:.0f} "
            f"| {files} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--only", choices=("startup", "runs", "table"))
    parser.add_argument("--do-run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--do-fill", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.do_run:
        print(json.dumps(do_run(given.do_run)))
    elif given.do_fill:
        print(json.dumps(do_fill(Path(given.do_fill[0]), int(given.do_fill[1]), given.do_fill[2])))
    else:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            parts = {
                "startup": startup(folder / "startup"), "runs": runs(folder / "runs", given.clips),
                "table": table(folder / "table", given.clips),
            }  # fmt: skip
            for part, lines in parts.items():
                if given.only in (None, part):
                    for line in lines:
                        print(line, flush=True)
                    print()


if __name__ == "__main__":
    main()
