"""`i2vbench train`: training the reference model."""

from __future__ import annotations

import importlib.util
import signal
from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli.options import check_writable
from i2vbench.errors import UserError

_PACKAGES = ("accelerate", "diffusers", "transformers", "tensorboard")

_app = typer.Typer(help="Train a model.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    app.add_typer(_app, name="train")


@_app.callback()
def _group() -> None:
    pass


@_app.command("consisti2v")
def consisti2v(
    config: Annotated[Path | None, typer.Option(help="A TOML file; --print-config writes one to begin from.")] = None,
    data: Annotated[
        str | None, typer.Option(help="folder:PATH (or any data set with videos), or webvid:FILE.jsonl.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The training's folder.")] = Path("runs/train-consisti2v"),
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a training that is there (the same command without it does so too)."),
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print a commented configuration, the paper's, and end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
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
    if str(out) in ("", "."):
        raise UserError("--out: expected the name of a folder of its own")
    check_writable("--out", out)
    settings = load_config(config)
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"training needs {' and '.join(missing)}: run `pip install {' '.join(missing)}`")

    from i2vbench.models.consisti2v.training.start import train
    from i2vbench.models.consisti2v.training.stopping import Stopped
    from i2vbench.progress import Lines, Quiet

    try:
        train(settings, data, out, Quiet() if quiet else Lines(), resume=resume)
    except Stopped as stopped:
        if stopped.signal == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise typer.Exit(128 + stopped.signal) from None
