"""What a shell offers on Tab: names and run folders. Nothing heavy is imported; nothing but folders is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from i2vbench.names import ALL, FIGURE_FORMATS, FIGURE_KINDS, FORMATS, PAPER

Offers = list[tuple[str, str]]
"""Words, each with what is said of it."""

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


def _starting(offers: Offers, incomplete: str) -> Offers:
    return [(word, said) for word, said in offers if word.startswith(incomplete)]


def _last(incomplete: str, offers: Offers) -> Offers:
    """Of a list separated by commas, the last item, with those before it."""
    before, comma, begun = incomplete.rpartition(",")
    given = before.split(",")
    return [(f"{before}{comma}{word}", said) for word, said in _starting(offers, begun) if word not in given]
