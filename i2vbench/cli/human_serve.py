"""`i2vbench human serve`: a study on a page, where people compare the models' videos."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, cast

import typer

from i2vbench.cli.options import check_choice, check_pages, check_writable, run_folder, split
from i2vbench.errors import UserError
from i2vbench.human.questions import KNOWN, questions_of
from i2vbench.human.study import MODES, Mode
from i2vbench.place import FOLDERS
from i2vbench.run_file import read_settings
from i2vbench.texts import clean


def serve(
    out: Annotated[Path, typer.Option(help="The study's folder: its description, its videos, its votes.")],
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders or addresses of runs, whose models are compared on the samples that all have videos of. Left "
            "out, the study in --out is gone on with."
        ),
    ] = None,
    questions: Annotated[
        str | None, typer.Option(help=f"Of {', '.join(KNOWN)}, separated by commas. Default: appearance,motion.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="choice (all models at once, one or more chosen, as in the paper) or pairs (two, or a tie). Default: "
            "choice."
        ),
    ] = None,
    per_rater: Annotated[int | None, typer.Option(min=1, help="Tasks for each rater. Default: 50.")] = None,
    checks: Annotated[
        float | None,
        typer.Option(
            min=0, max=0.5, help="The share of tasks that are checks: repeated, or with a damaged video. Default: 0.1."
        ),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; repeat it for several.")] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Only samples of this category; repeat it for several.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only N samples, the first ones of each source, sources taking turns.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**31 - 1, help="Of all that is drawn: orders, checks. Default: one that raters cannot guess."
        ),
    ] = None,
    consent: Annotated[
        Path | None,
        typer.Option(
            help="A text file that raters read first, its paragraphs with empty lines between. Default: our own."
        ),
    ] = None,
    raters: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=10_000,
            help="Print a link for each of N raters; a larger N later adds to them. Default: the links there are; one, "
            "if there are none and nobody may enrol.",
        ),
    ] = None,
    open_for: Annotated[
        int, typer.Option("--open", min=0, max=100_000, metavar="N", help="At most N raters may enrol on the page.")
    ] = 0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 is any free one.")] = 8000,
    host: Annotated[str, typer.Option(help="IPv4 address of this machine; 0.0.0.0 is all it has.")] = "127.0.0.1",
    address: Annotated[
        str | None,
        typer.Option(help="Where raters come, as https://study.example.org: of a reverse proxy, or of a tunnel."),
    ] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="A reverse proxy of yours says who asks (X-Forwarded-For): believe it."),
    ] = False,
) -> None:
    """Make a study of runs, once, and show it to raters on a page until Ctrl-C; votes are kept, and it can go on.

    What decides the study cannot be changed once it is made. --raters, --open and the addresses can.

    Example: i2vbench human serve runs/a runs/b --out study --raters 13

    Example: i2vbench human serve --out study --open 50 --address https://study.example.org --behind-proxy
    """
    check_choice("--mode", mode or MODES[0], MODES)
    asked = None if questions is None else tuple(split([questions]))
    if asked is not None:
        questions_of(asked, MODES[0])
    if checks is not None and math.isnan(checks):
        raise UserError("--checks nan: expected a number from 0 to 0.5")
    text = None if consent is None else _paragraphs(consent)
    folders = [run_folder(run, FOLDERS) for run in runs or ()]
    for folder in folders:
        read_settings(folder)
    check_writable("--out", out / "study.json")
    check_pages()

    from i2vbench.human.making import Plan
    from i2vbench.human.serving import Wish
    from i2vbench.human.serving import serve as run

    plan = Plan(
        runs=tuple(folders),
        models=tuple(model) if model else None,
        categories=tuple(category) if category else None,
        limit=limit,
        questions=asked,
        mode=cast("Mode | None", mode),
        per_rater=per_rater,
        checks=checks,
        seed=seed,
        consent=text,
    )
    wish = Wish(
        folder=out,
        plan=plan,
        raters=raters,
        enrol=open_for,
        host=host,
        port=port,
        address=address,
        behind_proxy=behind_proxy,
    )
    raise typer.Exit(run(wish))


def _paragraphs(path: Path) -> tuple[str, ...]:
    """The paragraphs of a text file.

    Raises:
        UserError: It cannot be read, or holds no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"--consent {path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"--consent {path}: expected plain text in UTF-8 ({error})") from error
    found = tuple(" ".join(clean(part).split()) for part in re.split(r"\n\s*\n", text) if part.strip())
    if not found:
        raise UserError(f"--consent {path}: is empty; it is what raters read before they take part")
    return found
