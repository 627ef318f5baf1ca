"""`i2vbench train-tiny`: the small networks of the tiny profile, trained again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from i2vbench.cli import complete, options
from i2vbench.cli.arguments import check_folder
from i2vbench.cli.options import Quiet
from i2vbench.names import ALL
from i2vbench.tiny import RECIPES


def train_tiny(
    name: Annotated[
        str,
        typer.Argument(help=f"{', '.join(RECIPES)}, or all.", autocompletion=complete.words(*RECIPES, ALL)),
    ],
    out: Annotated[Path, options.out("the folder of the weights, their cards and curves.")] = Path("runs/tiny"),
    quiet: Quiet = False,
) -> None:
    """Train a small network of the tiny profile from nothing, on drawn clips.

    Each has a recipe with a fixed seed; what comes with i2vbench was made by this command. No network is needed.

    Example: i2vbench train-tiny raft
    """
    check_folder("--out", out)

    from i2vbench.progress import choose
    from i2vbench.tiny import make

    for recipe in make.choose_recipes(name):
        with choose(quiet) as progress:
            made = make.train_tiny(recipe, out, progress)
        if quiet:
            continue
        print(
            f"{recipe.name}: {made.file}, {made.cpu_minutes:.1f} minutes of CPU time (stated: {recipe.cpu_minutes:g})"
        )
        for key, value in made.scores.items():
            print(f"  {recipe.scores[key]}: {value:.4g}")
