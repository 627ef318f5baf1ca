"""The command line: one module per command. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from i2vbench import __version__
from i2vbench.cli import adapter, data, export, human, leaderboard, reproduce, train, weights
from i2vbench.cli.cache import cache
from i2vbench.cli.catalogue import datasets, metrics, models
from i2vbench.cli.clips import clips
from i2vbench.cli.compare import compare
from i2vbench.cli.doctor import doctor
from i2vbench.cli.ends import ended_well
from i2vbench.cli.figures import figures
from i2vbench.cli.generate import generate
from i2vbench.cli.profile import profile
from i2vbench.cli.run import run
from i2vbench.cli.shape import Group, add, new_group
from i2vbench.cli.show import show
from i2vbench.cli.submit import submit
from i2vbench.cli.table import make_tables
from i2vbench.cli.train_tiny import train_tiny
from i2vbench.cli.validate_metrics import validate_metrics

COMMANDS: dict[str, dict[str, Any]] = {
    "Make videos and measure them": {
        "run": run,
        "generate": generate,
        "show": show,
        "train": train.app,
    },
    "Tables and comparison": {
        "table": make_tables,
        "clips": clips,
        "compare": compare,
        "figures": figures,
        "reproduce": reproduce.app,
        "profile": profile,
        "export": export.app,
    },
    "People": {"human": human.app},
    "Share": {"submit": submit, "leaderboard": leaderboard.app},
    "Models, metrics and data": {
        "models": models,
        "metrics": metrics,
        "datasets": datasets,
        "adapter": adapter.app,
        "data": data.app,
        "weights": weights.app,
        "validate-metrics": validate_metrics,
        "train-tiny": train_tiny,
    },
    "This machine": {"doctor": doctor, "cache": cache},
}
"""What there is, in the order of the help, under its headings."""


class _All(Group):
    """All commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for commands in COMMANDS.values() for name in commands]


app = new_group(
    """I2V-Bench: measure image-to-video models, from clips to tables per category.

    Example: i2vbench doctor

    Example: i2vbench run --model static --model pan --metrics all --dataset demo --skip-missing

    Example: i2vbench table runs/mine --format latex""",
    cls=_All,
    name="i2vbench",
    epilog="Exit codes: 0 all is done, 1 something failed (the output says what), 2 refused, 130 stopped.",
)


def _print_version(value: bool) -> None:
    if value:
        print(f"i2vbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


for _panel, _commands in COMMANDS.items():
    for _name, _command in _commands.items():
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, name=_name, rich_help_panel=_panel)
        else:
            add(app, _name, _command, rich_help_panel=_panel)


def main() -> None:
    """Run the command line. A user's mistake is one sentence and exit code 2; a bug keeps its traceback."""
    sys.exit(ended_well(app))
