"""What a shell offers on Tab: names and run folders. Nothing heavy is imported; nothing but folders is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from sqlite3 import DatabaseError
from typing import Any

import typer

from i2vbench.errors import UserError
from i2vbench.names import ALL, FIGURE_FORMATS, FIGURE_KINDS, FORMATS, PAPER

Offers = list[tuple[str, str]]
"""Words, each with what is said of it."""

Offer = Callable[..., Offers]
"""Of what is typed of a word, and for some of the command line before it (a `typer.Context`): what it may become."""

_OPEN = re.compile(r"\[.*|[A-Z|/]+$")
"""What a listed name leaves to the user: [VARIANT=]PATH and the like."""


def models(incomplete: str) -> Offers:
    from i2vbench.registry import MODELS

    return _names(MODELS.listing(), incomplete)


def metrics(incomplete: str) -> Offers:
    from i2vbench.registry import METRICS

    return _last(incomplete, [*_names(METRICS.listing(), ""), (ALL, "every built-in one")])


def metric(incomplete: str) -> Offers:
    from i2vbench.registry import METRICS

    return _names(METRICS.listing(), incomplete)


def datasets(incomplete: str) -> Offers:
    from i2vbench.registry import DATASETS

    return _names(DATASETS.listing(), incomplete)


def profiles(incomplete: str) -> Offers:
    from i2vbench.profiles import bundled_profiles

    return _starting([(name, "") for name in bundled_profiles()], incomplete)


def categories(incomplete: str) -> Offers:
    """I2V-Bench's, which the demo has too."""
    from i2vbench.leaderboards.published import clip_counts

    return _last(incomplete, [(name, "") for name in clip_counts()])


def checkpoints(incomplete: str) -> Offers:
    from i2vbench.weights.catalogue import load_catalogue

    return _starting([(facts.name, facts.title) for facts in load_catalogue().values()], incomplete)


def runs(incomplete: str) -> Offers:
    """Runs under runs/, and those that a path which is begun leads to; the shell offers files if there are none."""
    found = {path.parent for path in Path("runs").glob("*/run.json")}
    begun = Path(incomplete)
    folder = begun if incomplete.endswith("/") else begun.parent
    found |= {path.parent for path in folder.glob("*/run.json")}
    return _starting([(str(path), "") for path in sorted(found)], incomplete)


def runs_or_paper(incomplete: str) -> Offers:
    return runs(incomplete) + _starting([(PAPER, "the published numbers")], incomplete)


def run_metrics(context: typer.Context, incomplete: str) -> Offers:
    """Those of the runs that the line names; of one that names none yet, all there are."""
    found = _names_in(_runs_of(context), "metrics")
    return _last(incomplete, _plain(found)) if found else metrics(incomplete)


def run_metric(context: typer.Context, incomplete: str) -> Offers:
    found = _names_in(_runs_of(context), "metrics")
    return _starting(_plain(found), incomplete) if found else metric(incomplete)


def run_models(context: typer.Context, incomplete: str) -> Offers:
    return _last(incomplete, _plain(_names_in(_runs_of(context), "models")))


def first_runs_model(context: typer.Context, incomplete: str) -> Offers:
    return _starting(_plain(_names_in(_runs_of(context)[:1], "models")), incomplete)


def last_runs_model(context: typer.Context, incomplete: str) -> Offers:
    return _starting(_plain(_names_in(_runs_of(context)[-1:], "models")), incomplete)


def run_categories(context: typer.Context, incomplete: str) -> Offers:
    """Those of the runs that the line names; of one that names none yet, I2V-Bench's."""
    found = _categories_in(_runs_of(context))
    return _last(incomplete, _plain(found)) if found else categories(incomplete)


def _runs_of(context: typer.Context) -> list[Path]:
    """Folders of runs among the words of the line, in its order; an address is not asked."""
    given = [value for name, value in context.params.items() if name.startswith("run")]
    # What the parser has not yet given a meaning stands in args: the line is not finished.
    texts = [text for value in given for text in (value if isinstance(value, list | tuple) else [value])]
    folders = [Path(text) for text in (*texts, *context.args) if isinstance(text, str) and text]
    return [folder for folder in dict.fromkeys(folders) if (folder / "run.json").is_file()]


def _names_in(runs: Iterable[Path], what: str) -> list[str]:
    from i2vbench.run_file import read_settings

    found: dict[str, Any] = {}
    for run in runs:
        with suppress(UserError):
            found |= read_settings(run)[what]
    return list(found)


def _categories_in(runs: Iterable[Path]) -> list[str]:
    from i2vbench.database import connect_read_only

    found: list[str] = []
    for run in runs:
        with suppress(UserError, DatabaseError), closing(connect_read_only(run / "run.sqlite")) as database:
            found += [name for (name,) in database.execute("SELECT category FROM sample ORDER BY position")]
    return list(dict.fromkeys(found))


def words(*known: str) -> Callable[[str], Offers]:
    """Offers these, in a list separated by commas."""

    def offer(incomplete: str) -> Offers:
        return _last(incomplete, [(word, "") for word in known])

    return offer


formats = words(*FORMATS)
figure_formats = words(*FIGURE_FORMATS)
figure_kinds = words(*FIGURE_KINDS)


def _names(listing: Mapping[str, str], incomplete: str) -> Offers:
    """Names as far as they are fixed: of one that takes a path, what comes before the path."""
    return _starting([(_OPEN.sub("", written), said) for written, said in listing.items()], incomplete)


def _plain(names: Iterable[str]) -> Offers:
    return [(name, "") for name in names if name.isprintable()]


def _starting(offers: Offers, incomplete: str) -> Offers:
    return [(word, said) for word, said in offers if word.startswith(incomplete)]


def _last(incomplete: str, offers: Offers) -> Offers:
    """Of a list separated by commas, the last item, with those before it."""
    before, comma, begun = incomplete.rpartition(",")
    given = before.split(",")
    return [(f"{before}{comma}{word}", said) for word, said in _starting(offers, begun) if word not in given]
