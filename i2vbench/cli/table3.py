"""`i2vbench reproduce table3`: the paper's ablation."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_device, check_folder, parse_dtype
from i2vbench.cli.ends import STOPPED
from i2vbench.cli.options import Device, Dtype, Quiet


def reproduce_table3(
    profile: Annotated[str, options.profile("the networks, and what clips are brought to.")] = "tiny",
    dataset: Annotated[
        str, options.dataset(": clips to begin and to compare with; the paper's are ucf101:PATH.")
    ] = "synthetic:64",
    checkpoint: Annotated[str | None, options.checkpoint(". Default: the profile's, else the published.")] = None,
    seed: Annotated[int, options.seed("of all models' noise, and of the resamples.")] = 0,
    replicates: Annotated[int, options.replicates(min=2)] = 1000,
    device: Device = "auto",
    dtype: Dtype = "float32",
    out: Annotated[Path | None, options.out("the folder of it all. Default: runs/table3-PROFILE.")] = None,
    quiet: Quiet = False,
) -> None:
    """The ablation of ConsistI2V: FVD, IS, FID and costs without each of its parts.

    These are FrameInit, and temporal and spatial first-frame conditioning.

    Each number has an interval over clips, and where the order is not the paper's it is said. Stopped, it goes on
    where it was when the same command is given again.

    Example: i2vbench reproduce table3 --profile tiny
    """
    check_device(device)
    out = out or Path("runs") / f"table3-{Path(profile).stem}"
    check_folder("--out", out)

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
    if quiet:
        return
    print(to_aligned(table, table.notes))
    print(f"{out}/table3.{{csv,tex,md}}; the clips and their numbers: {made.folder}")
