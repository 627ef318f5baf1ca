"""`i2vbench data ...`: looking after data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import annotate, curate, data_download, data_list, data_sheets, data_stats
from i2vbench.cli.options import parse_size, teller
from i2vbench.errors import UserError

app = typer.Typer(help="Look after data sets.", no_args_is_help=True, rich_markup_mode=None)
annotate.register(app)
curate.register(app)
data_download.register(app)
data_list.register(app)
data_sheets.register(app)
data_stats.register(app)


@app.callback()
def _group() -> None:
    pass


@app.command("check")
def check(path: Annotated[Path, typer.Argument(help="A folder with a metadata.csv.")]) -> None:
    """Say whether a folder is a valid data set: every fault, with its row. Exit code 1 if there is any.

    Every clip is decoded from its start to its end. Annotations that a metric can hardly meet are told as notes.
    """
    if not path.is_dir():
        raise UserError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")

    from i2vbench.datasets.check import check_folder

    faults = check_folder(str(path), teller())
    for fault in faults:
        print(fault)
    if faults:
        print(f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in {path}")
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
                print("note:", row.fault(f"{metric.info.id}: {doubt}"))
    print(f"{path} is a valid data set")


@app.command("verify")
def verify(
    what: Annotated[str, typer.Argument(help="A data set as --dataset names it, or a folder with a metadata.csv.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Of a folder: is every file there, with its stated bytes? Opens none.")
    ] = False,
) -> None:
    """Decode every clip to its end and compare what the rows state: sha256, bytes, width, height, frames, fps.

    Rows that say why their clip is not here are counted. Exit code 1 if anything is not as stated.

    Example: i2vbench data verify i2v-bench
    """
    from i2vbench.datasets.verify import verify as verify_all

    report = verify_all(what, quick, teller())
    for fault in report.faults:
        print(fault)
    print(report.summary)
    if report.faults:
        raise typer.Exit(1)


@app.command("draw")
def draw(
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    count: Annotated[int, typer.Option(min=1, help="Clips; the benchmark's categories take turns.")] = 17,
    seed: Annotated[int, typer.Option(min=0, help="The first clip's; every clip is a function of its own.")] = 0,
    frames: Annotated[int, typer.Option(min=1, help="Of each clip.")] = 16,
    fps: Annotated[float, typer.Option(min=0.1, help="Frames per second.")] = 8.0,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH in pixels.")] = "128x128",
    truth: Annotated[
        bool, typer.Option("--truth", help="Masks, boxes and flow beside each clip, as NAME.npz.")
    ] = False,
) -> None:
    """Draw clips of the synthetic world into a folder that `folder:PATH` takes, with every word known.

    With --truth the masks, boxes and exact flow too.

    Example: i2vbench data draw drawn --count 100 --size 256x256 --truth
    """
    pixels = parse_size(size)

    from i2vbench.datasets.synthetic.dataset import write_folder

    tell = teller()
    write_folder(out, count, seed, frames, fps, pixels, truth, lambda done: tell(done, count))
    print(f"{count} clips in {out}: i2vbench run --dataset folder:{out} ...")
