"""What 2,950 clips cost on this machine, and what 1,000,000 would: hours, disk, database.

    OMP_NUM_THREADS=1 python benchmarks/sizing.py --keep FOLDER             # on a CPU, in hours of a core
    python benchmarks/sizing.py --keep FOLDER --device cuda --clips 16 --dear-clips 16   # on a GPU, in hours of it

Run it in the root of a checkout. It measures in parts, whose results stay in FOLDER: what is there is not measured
again.

    files       a run of static, pan and ground_truth on the demo set under the paper's profile: all but the networks
    METRIC      a run of pan with this metric, on --clips samples; on --dear-clips where a clip takes a CPU long
    database    a run under the tiny profile with every metric, its rows copied a thousand times
    consisti2v  a clip of one step (50 on a GPU), as `i2vbench profile` makes it

Where time goes is counted as `i2vbench run --timings` counts it. Weights are the recipe's (tests/reference/recipe.py)
in the published layout, which cost what trained ones do, but for GRiT and Tag2Text, whose work follows what they see:
theirs are a recorded case's, and how much they see here is chance.

A second on a CPU is one that the process is charged for, so that others on the machine count little; on a GPU it is one
of the clock. On a CPU, ConsistI2V is timed at --size pixels, and its U-Net's seconds are multiplied by the products at
256 x 256 over those at that size, and by 50 steps; those of encoders and decoder by the pixels.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks.metrics import case_state, recipe_state, tags
from i2vbench import timings, weights
from i2vbench.files import write_json
from i2vbench.machine import resolve_device
from i2vbench.progress import Quiet
from i2vbench.run import run
from i2vbench.settings import RunConfig
from i2vbench.tables import collect, write_tables
from i2vbench.tables.timings import Account
from tests.reference.cases import BUNDLED

LAYOUTS = {
    "clip_vit_b32": "clip_vit_b32",
    "dino_vitb16": "dino_vitb16",
    "amt_s": "amt_s",
    "raft_things": "raft",
    "viclip_l14": "viclip",
    "i3d_tats": "i3d",
    "inception_2015_12_05": "inception_fid",
    "c3d_ucf": "c3d",
}
"""Checkpoint -> folder of its key list."""

CASES = {"grit_b_densecap_objectdet": "object_consistency", "tag2text_swin_14m": "scene_consistency"}
"""Checkpoint -> the metric whose recorded case has its weights."""

BASELINES = ("static", "pan", "ground_truth")
QUICK = (
    "temporal_flickering",
    "background_consistency",
    "subject_consistency",
    "motion_smoothness",
    "clipsim",
    "fvd",
    "fid",
    "inception_score",
)
DEAR = ("dynamic_degree", "overall_consistency", "object_consistency", "scene_consistency")
METRICS = *QUICK, *DEAR
PARTS = ("files", *METRICS, "database", "consisti2v")

BEFORE = ("first frame", "picture", "write")
AFTER = ("read", "resize", "features", "database")
"""Stages of the harness, of generating and of measuring a clip."""

STEPS, SIZE_PX, NUM_FRAMES = 50, 256, 16
SIZES = 2_950, 1_000_000
COPIES = 1000

Part = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", type=Path, required=True, help="folder for what is measured")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--dear-clips", type=int, default=1)
    parser.add_argument("--size", type=int, default=128, help="pixels of ConsistI2V's side on a CPU")
    parser.add_argument("--parts", default=",".join(PARTS), help="names, separated by commas")
    parser.add_argument("--workers", type=int, default=8, help="a column says what so many take")
    args = parser.parse_args()
    device = resolve_device(args.device)
    cpu = device == "cpu"

    def measure(part: str) -> Part:
        if part == "files":
            return measure_run(device, BASELINES, "temporal_flickering", None)
        if part == "database":
            return {"bytes_per_clip": database_bytes()}
        if part == "consisti2v":
            return consisti2v(device, 1 if cpu else STEPS, args.size if cpu else SIZE_PX)
        return measure_run(device, ("pan",), part, args.dear_clips if part in DEAR else args.clips)

    args.keep.mkdir(exist_ok=True)
    parts: dict[str, Part] = {}
    for name in args.parts.split(","):
        path = args.keep / f"{name}.json"
        if not path.exists():
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            write_json(path, measure(name))
        parts[name] = json.loads(path.read_text())
    print_times(parts, "cpu_seconds" if cpu else "seconds", args.workers)
    print_disk(parts)


# -- measuring ------------------------------------------------------------------------------------------------------


def measure_run(device: str, models: Sequence[str], metric: str, limit: int | None) -> Part:
    """Where the time of a run went, and the bytes that it keeps by folder."""
    with tempfile.TemporaryDirectory() as name, made_weights(), mock.patch.dict("os.environ", I2VBENCH_CACHE=name):
        folder = Path(name) / "run"
        config = RunConfig(
            models=tuple(models), metrics=(metric,), dataset="demo", limit=limit, device=device, out=folder
        )
        with timings.collecting():
            run(config, Quiet())
            with timings.timed("tables"):
                write_tables(collect([folder]), folder / "tables", ("csv", "html"))
            times = timings.take()
            assert times is not None
            account = Account(times, timings.elapsed(), torch.get_num_threads())
        return {**account.as_json(), "bytes": kept_bytes(folder, models, metric)}


def kept_bytes(folder: Path, models: Sequence[str], metric: str) -> dict[str, float]:
    """Of a video, a picture, the features of a clip: the mean of each folder's files."""
    folders = [*(f"videos/{model}" for model in models), "first_frames", f"features/{metric}/models"]
    found = {}
    for name in folders:
        sizes = [path.stat().st_size for path in (folder / name).rglob("*") if path.is_file()]
        if sizes:
            found[name] = sum(sizes) / len(sizes)
    return found


@contextmanager
def made_weights() -> Iterator[None]:
    """Weights of the published layouts in place of the catalogue's, whatever is on this machine."""

    def read(name: str) -> dict[str, torch.Tensor]:
        if name == "c3d_mean":
            return {"mean": torch.full((3, 16, 128, 171), 100.0)}
        return case_state(BUNDLED, CASES[name]) if name in CASES else recipe_state(LAYOUTS[name])

    with (
        mock.patch.object(weights, "read", read),
        mock.patch.object(weights, "read_lines", side_effect=lambda _: tags(BUNDLED)),
        mock.patch("i2vbench.settings.sha256_of", return_value="0" * 64),
        mock.patch("i2vbench.run.lacking", return_value={}),
    ):
        yield


def database_bytes() -> float:
    """Of run.sqlite, for a clip of one model and every metric."""
    with tempfile.TemporaryDirectory() as name, mock.patch.dict("os.environ", I2VBENCH_CACHE=name):
        folder = Path(name) / "run"
        run(RunConfig(models=("static",), dataset="demo", profile="tiny", limit=2, device="cpu", out=folder), Quiet())
        db = sqlite3.connect(folder / "run.sqlite")
        db.execute("CREATE TABLE copy (n INTEGER)")
        db.executemany("INSERT INTO copy VALUES (?)", [(n,) for n in range(1, COPIES)])
        for table, id_ in (("sample", "id"), ("clip", "sample"), ("measurement", "sample")):
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            offsets = {id_: f"{id_} || '-' || n", "position": "position + 1000 * n"}
            taken = ", ".join(offsets.get(column, column) for column in columns)
            db.execute(f"INSERT INTO {table} SELECT {taken} FROM {table}, copy")
        db.commit()
        (clips,) = db.execute("SELECT count(*) FROM clip").fetchone()
        pages, page = (db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
        db.close()
        return pages * page / clips


def consisti2v(device: str, steps: int, size: int) -> Part:
    """Seconds of a clip at the paper's size and steps, of one that is smaller in both on a CPU."""
    import numpy as np

    from i2vbench.models.consisti2v.cost import count_flops
    from i2vbench.models.consisti2v.frameinit import FrameInit
    from i2vbench.models.consisti2v.runtime import random_pipeline

    def now() -> float:
        if device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    pipeline = random_pipeline({}, device, torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    called: list[float] = []
    pipeline.unet.register_forward_pre_hook(lambda *_: called.append(-now()))
    pipeline.unet.register_forward_hook(lambda *_: called.append(now()))
    picture = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    for _ in range(1 if device == "cpu" else 2):  # kernels are chosen and loaded by the first clip
        called.clear()
        begun = now()
        pipeline(
            picture, "a dog swimming", height=size, width=size, num_frames=NUM_FRAMES, num_inference_steps=steps,
            frameinit=FrameInit(), generator=torch.Generator().manual_seed(0), output_type="uint8",
        )  # fmt: skip
        whole = now() - begun
    unet = sum(called)
    flops = {side: count_flops(num_frames=NUM_FRAMES, height=side, width=side).total for side in (size, SIZE_PX)}
    scaled = unet / steps * STEPS * flops[SIZE_PX] / flops[size] + (whole - unet) * (SIZE_PX / size) ** 2
    return {"size": size, "steps": steps, "unet_seconds": unet, "other_seconds": whole - unet, "seconds": scaled}


# -- printing -------------------------------------------------------------------------------------------------------


def print_times(parts: Mapping[str, Part], unit: str, workers: int) -> None:
    """A line a stage, model and metric, and what they come to."""
    small, large = (f"{size:,} clips, h" for size in SIZES)
    print(f"| | s a clip | no network's | {small} | {large} | on {workers} workers, h |")
    print("|---|---:|---:|---:|---:|---:|")

    def line(name: str, seconds: float, rest: float | None = None) -> None:
        hours = [seconds * size / 3600 for size in SIZES]
        ours = "" if rest is None else f"{rest:.3g}"
        print(f"| {name} | {seconds:.4g} | {ours} | {hours[0]:,.2f} | {hours[1]:,.0f} | {hours[1] / workers:,.0f} |")

    if "files" in parts:
        before, after = (per_clip(parts["files"], unit, stages) for stages in (BEFORE, AFTER))
        line("generating: what the harness adds", before, before)
        for model in BASELINES:
            line(f"generating: {model}", per_clip(parts["files"], unit, ["generate"], model))
    if "consisti2v" in parts:
        line(f"generating: consisti2v, {STEPS} steps", parts["consisti2v"]["seconds"])
    if "files" in parts:
        measured = rests = after
        line("measuring: what the harness adds", after, after)
        for metric in [metric for metric in METRICS if metric in parts]:
            seconds = per_clip(parts[metric], unit, ["measure"], metric)
            rest = seconds - per_clip(parts[metric], f"network_{unit}", ["measure"], metric)
            measured, rests = measured + seconds, rests + rest
            line(f"measuring: {metric}", seconds, rest)
        line("measuring: all of these", measured, rests)


def per_clip(part: Part, unit: str, stages: Sequence[str], name: str | None = None) -> float:
    """Seconds of these stages, each over the clips that it was done for, or over all that were read."""
    total = 0.0
    for stage in stages:
        rows = [row for row in part["stages"] if row["stage"] == stage and name in (None, row["name"])]
        whole = sum(row["clips"] for row in part["stages"] if row["stage"] == "read")
        if rows:
            total += sum(row[unit] for row in rows) / (sum(row["clips"] for row in rows) or whole)
    return total


def print_disk(parts: Mapping[str, Part]) -> None:
    """A line for each kind of file, and the database."""
    sizes: dict[str, float] = {}
    for part in parts.values():
        sizes |= part.get("bytes", {})
    if "database" in parts:
        sizes["run.sqlite"] = parts["database"]["bytes_per_clip"]
    print("\n| | KB a clip | " + " | ".join(f"{size:,} clips, GB" for size in SIZES) + " |\n|---|---:|---:|---:|")
    for name, size in sizes.items():
        print(f"| {name} | {size / 1e3:,.1f} | " + " | ".join(f"{size * n / 1e9:,.1f}" for n in SIZES) + " |")


if __name__ == "__main__":
    main()
