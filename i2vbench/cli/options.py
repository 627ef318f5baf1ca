"""Options that several commands share: one flag has one meaning, one type and one help text, to which a command adds.

What a command adds comes after the shared words; `tests/cli/test_options.py` holds all commands to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from i2vbench.cli import complete
from i2vbench.names import DTYPES, FORMATS, SHORT_DTYPES

WHAT, HOW, WHERE, FILES, SHOWN = "What", "How", "Where it runs", "Files", "What is printed"
"""Headings that options stand under, in this order."""

MOST_SEED = 2**31 - 1


def model(more: str) -> Any:
    return _option("--model", "-m", help=f"NAME, NAME:ARGUMENT or FILE.py:Class{more}", value="MODEL", panel=WHAT,
                   offers=complete.models)  # fmt: skip


def only_models(more: str = ".") -> Any:
    return _option("--model", "-m", help=f"Only these models, as tables call them, separated by commas{more}",
                   value="NAME", panel=WHAT, offers=complete.run_models)  # fmt: skip


def metrics(more: str, offers: complete.Offer = complete.metrics) -> Any:
    return _option("--metrics", help=f"Names of metrics, separated by commas{more}", value="NAMES", panel=WHAT,
                   offers=offers)  # fmt: skip


def dataset(more: str = ".") -> Any:
    return _option("--dataset", help=f"NAME, NAME:PATH or FILE.py:Class{more}", value="DATASET", panel=WHAT,
                   offers=complete.datasets)  # fmt: skip


def categories(more: str = ".", offers: complete.Offer = complete.categories) -> Any:
    return _option("--categories", help=f"Only these categories, separated by commas{more}", value="NAMES", panel=WHAT,
                   offers=offers)  # fmt: skip


def limit(more: str, min: int = 1) -> Any:
    return _option("--limit", help=f"Only the first N{more}", panel=WHAT, min=min)


def profile(more: str) -> Any:
    return _option("--profile", help=f"paper, tiny, tiny-imagenet or FILE.toml: {more}", value="PROFILE", panel=HOW,
                   offers=complete.profiles)  # fmt: skip


def seed(more: str, most: int | None = MOST_SEED) -> Any:
    return _option("--seed", help=f"The random seed: {more}", panel=HOW, min=0, max=most)


def replicates(more: str = ".", **bounds: Any) -> Any:
    return _option("--replicates", help=f"Resamples behind each interval{more}", panel=HOW, **bounds)


def frames(more: str = ".", **bounds: Any) -> Any:
    return _option("--frames", help=f"Frames of a clip, the first one included{more}", panel=HOW, **bounds)


def size(more: str = ".") -> Any:
    return _option("--size", help=f"HEIGHTxWIDTH in pixels{more}", value="SIZE", panel=HOW)


def fps(more: str = ".", **bounds: Any) -> Any:
    return _option("--fps", help=f"Frames per second{more}", panel=HOW, **bounds)


def steps(more: str = ".", panel: str = HOW, **bounds: Any) -> Any:
    return _option("--steps", help=f"Sampling steps{more}", panel=panel, **bounds)


def image(more: str) -> Any:
    return _option("--image", help=f"The first frame{more}", value="PATH", panel=WHAT)


def prompt(more: str = ".") -> Any:
    return _option("--prompt", help=f"What is to happen{more}", panel=WHAT)


def checkpoint(more: str = ".", panel: str = HOW) -> Any:
    return _option("--checkpoint", help=f"Folder (or name on the hub) with the model's files{more}", value="PATH",
                   panel=panel)  # fmt: skip


def device(more: str = "") -> Any:
    return _option("--device", help=f"auto, cpu, cuda, cuda:1, ...{more}", value="DEVICE", panel=WHERE,
                   offers=complete.words("auto", "cpu", "cuda"))  # fmt: skip


def dtype(more: str = ".") -> Any:
    return _option("--dtype", help=f"float32 (fp32), bfloat16 (bf16) or float16 (fp16){more}", value="DTYPE",
                   panel=WHERE, offers=complete.words(*DTYPES, *SHORT_DTYPES))  # fmt: skip


def out(more: str) -> Any:
    return _option("--out", help=f"Where to write: {more}", value="PATH", panel=FILES)


def formats(more: str = ".") -> Any:
    return _option("--format", help=f"Formats of the files, separated by commas: {', '.join(FORMATS)}{more}",
                   value="NAMES", panel=FILES, offers=complete.formats)  # fmt: skip


def resume(more: str) -> Any:
    return _option("--resume", help=f"Go on with {more}", panel=FILES)


def retry_failed(more: str = ".") -> Any:
    return _option("--retry-failed", help=f"Try again what failed before{more}", panel=FILES)


def skip_missing(more: str = ".") -> Any:
    return _option("--skip-missing", help=f"Leave metrics out whose checkpoints are not here{more}", panel=WHAT)


def anyway(more: str) -> Any:
    return _option("--anyway", help=f"Do it all the same: {more}", panel=WHAT)


def with_published(more: str = ".") -> Any:
    return _option("--with-published", help=f"Beside what the paper prints{more}", panel=WHAT)


def by_category(more: str = ".") -> Any:
    return _option("--by-category/--no-by-category", help=f"Each category too{more}", panel=SHOWN)


def quick(more: str) -> Any:
    return _option("--quick", help=f"Less, in less time: {more}", panel=HOW)


def port(more: str = ".") -> Any:
    return _option("--port", help=f"Port of the page; 0 is any free one{more}", panel=WHERE, min=0, max=65535)


def print_example(flag: str, more: str) -> Any:
    return _option(flag, help=f"Print {more}, and end.", panel=SHOWN)


def quiet(more: str = "") -> Any:
    return _option("--quiet", "-q", help=f"Print errors alone: no progress, no result{more}.", panel=SHOWN)


def own(panel: str, help: str, *flags: str, **settings: Any) -> Any:
    """An option that only one command has."""
    return typer.Option(*flags, help=help, rich_help_panel=panel, **settings)


def _option(
    *flags: str,
    help: str,
    panel: str,
    value: str | None = None,
    offers: complete.Offer | None = None,
    **bounds: Any,
) -> Any:
    return typer.Option(
        *flags, help=help, metavar=value, rich_help_panel=panel, autocompletion=offers, show_default=False, **bounds
    )


Run = Annotated[str, typer.Argument(metavar="RUN", help="Folder or address of a run.", autocompletion=complete.runs)]
Runs = Annotated[
    list[str], typer.Argument(metavar="RUN", help="Folders or addresses of runs.", autocompletion=complete.runs)
]
FolderOfClips = Annotated[Path, typer.Argument(metavar="PATH", help="A folder with a metadata.csv.")]
DataSet = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A data set as --dataset names it, or a folder with a metadata.csv.",
        autocompletion=complete.datasets,
    ),
]
Study = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a human study; its page may be running.")]

Device = Annotated[str, device()]
Dtype = Annotated[str, dtype()]
Formats = Annotated[list[str] | None, formats()]
OnlyMetrics = Annotated[list[str] | None, metrics("; others are left out.", complete.run_metrics)]
OnlyModels = Annotated[list[str] | None, only_models()]
Trust = Annotated[
    list[str] | None,
    _option(
        "--trust",
        help="FILE.py:Class of a metric of your own that may run; repeat it. A run's folder may be somebody else's, so "
        "the code that it names is not run unasked.",
        value="METRIC",
        panel=HOW,
    ),
]
KeepAll = Annotated[bool, _option("--keep-all", help="Count raters who fail the checks too.", panel=HOW)]
Json = Annotated[bool, _option("--json", help="Print the result as JSON on standard output.", panel=SHOWN)]
Quiet = Annotated[bool, quiet()]
QuietButJson = Annotated[bool, quiet("; --json is printed all the same")]
