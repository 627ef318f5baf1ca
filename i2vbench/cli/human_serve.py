"""`i2vbench human serve`: a study on a page, where people compare the models' videos."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer

from i2vbench.cli import complete, options
from i2vbench.cli.arguments import check_choice, check_folder, check_pages, run_folder, split
from i2vbench.cli.options import OnlyModels
from i2vbench.errors import UserError
from i2vbench.human.questions import KNOWN, questions_of
from i2vbench.human.study import MODES, Mode
from i2vbench.place import FOLDERS
from i2vbench.run_file import read_settings
from i2vbench.texts import clean

_asked = partial(options.own, "What raters see")
_raters = partial(options.own, "Who may vote")
_where = partial(options.own, options.WHERE)


def serve(
    out: Annotated[Path, options.out("the study's folder: its description, its videos, its votes.")],
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Folders or addresses of runs, whose models are compared on the samples that all have videos of. Left "
            "out, the study in --out is gone on with.",
            autocompletion=complete.runs,
        ),
    ] = None,
    questions: Annotated[
        str | None,
        _asked(
            f"Of {', '.join(KNOWN)}, separated by commas. Default: appearance,motion.",
            metavar="NAMES",
            autocompletion=complete.words(*KNOWN),
        ),
    ] = None,
    mode: Annotated[
        str | None,
        _asked(
            "choice (all models at once, one or more chosen, as in the paper) or pairs (two, or a tie). Default: "
            "choice.",
            metavar="MODE",
            autocompletion=complete.words(*MODES),
        ),
    ] = None,
    model: OnlyModels = None,
    categories: Annotated[list[str] | None, options.categories(offers=complete.run_categories)] = None,
    limit: Annotated[int | None, options.limit(": samples of each source, sources taking turns.")] = None,
    per_rater: Annotated[int | None, _asked("Tasks for each rater. Default: 50.", min=1)] = None,
    checks: Annotated[
        float | None,
        _asked("The share of tasks that are checks: repeated, or with a damaged video. Default: 0.1.", min=0, max=0.5),
    ] = None,
    seed: Annotated[
        int | None,
        options.seed("of all that is drawn: orders, checks. Default: one that raters cannot guess."),
    ] = None,
    consent: Annotated[
        Path | None,
        _asked("A text file that raters read first, its paragraphs with empty lines between. Default: our own."),
    ] = None,
    raters: Annotated[
        int | None,
        _raters(
            "Print a link for each of N raters; a larger N later adds to them. Default: the links there are; one, if "
            "there are none and nobody may enrol.",
            min=0,
            max=10_000,
        ),
    ] = None,
    enrol: Annotated[int, _raters("At most N raters may enrol on the page.", min=0, max=100_000)] = 0,
    port: Annotated[int, options.port()] = 8000,
    host: Annotated[
        str,
        _where("IPv4 address of this machine; 0.0.0.0 is all it has.", metavar="ADDRESS"),
    ] = "127.0.0.1",
    url: Annotated[
        str | None,
        _where("Where raters come, as https://study.example.org: of a reverse proxy, or of a tunnel.", metavar="URL"),
    ] = None,
    behind_proxy: Annotated[
        bool,
        _where("A reverse proxy of yours says who asks (X-Forwarded-For): believe it.", "--behind-proxy"),
    ] = False,
) -> None:
    """Make a study of runs, and show it to raters on a page until Ctrl-C.

    A study is made once; votes are kept, and it can go on.

    What decides the study cannot be changed once it is made. --raters, --enrol and the addresses can.

    Example: i2vbench human serve runs/a runs/b --out study --raters 13

    Example: i2vbench human serve --out study --enrol 50 --url https://study.example.org --behind-proxy
    """
    check_choice("--mode", mode or MODES[0], MODES)
    asked = None if questions is None else tuple(split([questions]))
    if asked is not None:
        questions_of(asked, MODES[0])
    text = None if consent is None else _paragraphs(consent)
    folders = [run_folder(run, FOLDERS) for run in runs or ()]
    for folder in folders:
        read_settings(folder)
    check_folder("--out", out)
    check_pages()

    from i2vbench.human.making import Plan
    from i2vbench.human.serving import Wish
    from i2vbench.human.serving import serve as run

    plan = Plan(
        runs=tuple(folders),
        models=tuple(split(model)) or None,
        categories=tuple(split(categories)) or None,
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
        enrol=enrol,
        host=host,
        port=port,
        address=url,
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
