"""`i2vbench reproduce table3`: the paper's ablation."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli.options import DEVICE_HELP, DTYPE_HELP, check_device, check_writable, parse_dtype

STOPPED = 130


def register(app: typer.Typer) -> None:
    app.command("table3")(reproduce_table3)


def reproduce_table3(
    profile: Annotated[str, typer.Option(help="tiny, paper, or a TOML file.")] = "tiny",
    dataset: Annotated[str, typer.Option(help="Clips to begin and to compare with; the paper's are ucf101:PATH.")] = (
        "synthetic:64"
    ),
    checkpoint: Annotated[
        str | None, typer.Option(help="Folder with the model's files. Default: the profile's, else the published.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Noise of all models, and of the resampling.")] = 0,
    replicates: Annotated[int, typer.Option(min=2, help="Of the bootstrap behind the intervals.")] = 1000,
    device: Annotated[str, typer.Option(help=DEVICE_HELP)] = "auto",
    dtype: Annotated[str, typer.Option(help=f"{DTYPE_HELP}.")] = "float32",
    out: Annotated[Path | None, typer.Option(help="The folder. Default: runs/table3-PROFILE.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """ConsistI2V, without FrameInit, without temporal and without spatial conditioning: FVD, IS, FID, and their costs.

    Each number has an interval over clips, and where the order is not the paper's it is said. Stopped, it goes on
    where it was when the same command is given again.

    Example: i2vbench reproduce table3 --profile tiny
    """
    check_device(device)
    out = out or Path("runs") / f"table3-{Path(profile).stem}"
    check_writable("--out", out)

    from i2vbench.files import write_bytes
    from i2vbench.progress import choose
    from i2vbench.table3 import Wish, as_csv, make_table3, printed
    from i2vbench.tables.text import to_aligned, to_latex, to_markdown

    wish = Wish(
        profile=profile, dataset=dataset, checkpoint=checkpoint, seed=seed, device=device, dtype=parse_dtype(dtype),
        replicates=replicates, out=out,
    )  # fmt: skip
    with redirect_stdout(sys.stderr), choose(quiet) as progress:
        made = make_table3(wish, progress)
    if made is None:
        print("Stopped; the same command goes on.", file=sys.stderr)
        raise typer.Exit(STOPPED)
    table = printed(made)
    texts = {"csv": as_csv(made), "tex": to_latex(table), "md": to_markdown(table)}
    for suffix, text in texts.items():
        write_bytes(out / f"table3.{suffix}", text.encode())
    print(to_aligned(table, table.notes))
    print(f"{out}/table3.{{csv,tex,md}}; the clips and their numbers: {made.folder}")
