"""`i2vbench train`: training the reference model."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_folder
from i2vbench.cli.options import Quiet
from i2vbench.cli.shape import add, new_group
from i2vbench.errors import UserError
from i2vbench.extras import need

app = new_group("Train a model.\n\nExample: i2vbench train consisti2v --config train.toml --data folder:clips")


def consisti2v(
    config: Annotated[Path | None, typer.Option(help="A TOML file; --print-config writes one to begin from.")] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="folder:PATH (or any data set with videos), or webvid:FILE.jsonl."),
    ] = None,
    out: Annotated[Path, options.out("the training's folder.")] = Path("runs/train-consisti2v"),
    resume: Annotated[
        bool, options.resume("a training that is there (the same command without it does so too).")
    ] = False,
    print_config: Annotated[
        bool, options.print_example("--print-config", "a commented configuration, the paper's")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Train ConsistI2V from Stable Diffusion 2.1-base (Section 5.1 of the paper).

    Killed at any moment, it goes on from its newest checkpoint when the same command is given again; Ctrl-C saves one
    first. For several GPUs or machines: accelerate launch -m i2vbench train consisti2v ...

    Example: i2vbench train consisti2v --config train.toml --data folder:clips --out runs/mine
    """
    from i2vbench.models.consisti2v.training.config import EXAMPLE, load_config

    if print_config:
        print(EXAMPLE.read_text(encoding="utf-8"), end="")
        return
    if config is None or data is None:
        raise UserError("name the configuration and the data: --config train.toml --data folder:PATH")
    if str(out) == ".":
        raise UserError("--out .: expected the name of a folder of its own")
    check_folder("--out", out)
    settings = load_config(config)
    need("training", "train")

    from i2vbench.models.consisti2v.training.start import train
    from i2vbench.models.consisti2v.training.stopping import Stopped
    from i2vbench.progress import Lines, Quiet
    from i2vbench.registry import open_dataset

    try:
        train(settings, data, open_dataset, out, Quiet() if quiet else Lines(), resume=resume)
    except Stopped as stopped:
        if stopped.signal == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise typer.Exit(128 + stopped.signal) from None


add(app, "consisti2v", consisti2v)
