"""The command line: one module per command. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys

import typer

from i2vbench import __version__
from i2vbench.cli import (
    adapter,
    cache,
    catalogue,
    compare,
    data,
    export,
    figures,
    generate,
    human,
    leaderboard,
    profile,
    reproduce,
    run,
    show,
    submit,
    table,
    train,
    train_tiny,
    validate_metrics,
    weights,
)
from i2vbench.errors import UserError

app = typer.Typer(
    name="i2vbench",
    help="I2V-Bench: measure image-to-video models, from clips to tables per category.",
    epilog="Exit codes: 0 all is done, 1 something failed (the tables say what), 2 a refused command, 130 stopped.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:
    if value:
        print(f"i2vbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version and end.", is_eager=True, callback=_print_version
    ),
) -> None:
    pass


run.register(app)
generate.register(app)
profile.register(app)
train.register(app)
train_tiny.register(app)
validate_metrics.register(app)
table.register(app)
figures.register(app)
compare.register(app)
show.register(app)
submit.register(app)
catalogue.register(app)
cache.register(app)
app.add_typer(adapter.app, name="adapter")
app.add_typer(data.app, name="data")
app.add_typer(export.app, name="export")
app.add_typer(human.app, name="human")
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(reproduce.app, name="reproduce")
app.add_typer(weights.app, name="weights")


def main() -> None:
    """Run the command line. A user's mistake is one sentence and exit code 2; a bug keeps its traceback."""
    try:
        app()
    except UserError as error:
        print(f"i2vbench: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("i2vbench: stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); that is no error of ours.
        sys.stderr.close()
        sys.exit(0)
