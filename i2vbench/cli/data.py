"""`i2vbench data ...`: looking after data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.annotate import annotate
from i2vbench.cli.arguments import parse_size
from i2vbench.cli.curate import curate
from i2vbench.cli.data_download import download
from i2vbench.cli.data_list import list_samples
from i2vbench.cli.data_sheets import sheets
from i2vbench.cli.data_stats import stats
from i2vbench.cli.options import DataSet, FolderOfClips
from i2vbench.cli.output import plain_lines, say, teller
from i2vbench.cli.shape import add, new_group
from i2vbench.errors import UserError
from i2vbench.texts import amount

app = new_group("Make, fetch, check and describe data sets.\n\nExample: i2vbench data check clips")


def check(path: FolderOfClips) -> None:
    """Say whether a folder is a valid data set: every fault, with its row.

    Every clip is decoded from its start to its end. Annotations that a metric can hardly meet are told as notes.
    Exit code 1 if there is a fault.

    Example: i2vbench data check clips
    """
    if not path.is_dir():
        raise UserError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")

    from i2vbench.datasets.check import check_folder

    faults = check_folder(str(path), teller())
    for fault in faults:
        print(plain_lines(fault))
    if faults:
        print(f"{amount(len(faults), 'fault')} in {path}")
        raise typer.Exit(1)
    from i2vbench.datasets.folder import describe_proposed
    from i2vbench.datasets.metadata import read_folder
    from i2vbench.registry import METRICS

    metrics = [METRICS.create(name) for name in METRICS.builtin]
    rows = read_folder(path).rows
    if proposed := describe_proposed(rows):
        print(f"note: {proposed}; `i2vbench data annotate` shows them")
    for row in rows:
        for metric in metrics:
            for doubt in metric.doubts(row.sample):
                say(f"note: {row.fault(f'{metric.info.id}: {doubt}')}")
    print(f"{path} is a valid data set")


def verify(
    dataset: DataSet,
    quick: Annotated[
        bool, options.quick("of a folder, is every file there, with its stated bytes? Opens none.")
    ] = False,
) -> None:
    """Decode every clip to its end, and compare it with what its row states.

    Rows may state sha256, bytes, width, height, frames and fps.
    Rows that say why their clip is not here are counted. Exit code 1 if anything is not as stated.

    Example: i2vbench data verify i2v-bench
    """
    from i2vbench.datasets.verify import verify as verify_all
    from i2vbench.registry import open_dataset

    report = verify_all(open_dataset(dataset), quick, teller())
    for fault in report.faults:
        print(plain_lines(fault))
    print(report.summary)
    if report.faults:
        raise typer.Exit(1)


def draw(
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    count: Annotated[int, typer.Option(min=1, help="Clips; the benchmark's categories take turns.")] = 17,
    seed: Annotated[int, options.seed("the first clip's; every clip is a function of its own.", most=None)] = 0,
    frames: Annotated[int, options.frames(min=1)] = 16,
    fps: Annotated[float, options.fps(min=0.1)] = 8.0,
    size: Annotated[str, options.size()] = "128x128",
    truth: Annotated[
        bool, typer.Option("--truth", help="Masks, boxes and flow beside each clip, as NAME.npz.")
    ] = False,
) -> None:
    """Draw clips of the synthetic world, with every word known.

    They go into a folder that `folder:PATH` takes.

    With --truth the masks, boxes and exact flow too.

    Example: i2vbench data draw drawn --count 100 --size 256x256 --truth
    """
    pixels = parse_size(size)

    from i2vbench.datasets.synthetic.dataset import write_folder

    tell = teller()
    write_folder(out, count, seed, frames, fps, pixels, truth, lambda done: tell(done, count))
    print(f"{amount(count, 'clip')} in {out}: i2vbench run --dataset folder:{out} ...")


add(app, "check", check)
add(app, "verify", verify)
add(app, "list", list_samples)
add(app, "stats", stats)
add(app, "sheets", sheets)
add(app, "annotate", annotate)
add(app, "download", download)
add(app, "curate", curate)
add(app, "draw", draw)
