"""The categories of I2V-Bench and how many clips each has: Table 4 of the paper, in its order.

The text says 2,950 clips in 16 categories; the table lists 17 with 2,951.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata

from i2vbench.leaderboards.published import clip_counts

CATEGORIES: dict[str, int] = clip_counts()
"""Clips of each category."""

_SHORT = {
    ("s", "n"): "Scenery-Nature",
    ("s", "c"): "Scenery-City",
    ("a", "h"): "Animation-Hard",
    ("a", "s"): "Animation-Static",
}
_OTHER_NUMBER = {
    "portraits": "Portrait",
    "pets": "Pet",
    "games": "Game",
    "foods": "Food",
    "animals": "Animal",
    "industries": "Industry",
    "sciences": "Science",
    "paintings": "Painting",
    "sport": "Sports",
    "other": "Others",
    "vehicles": "Vehicle",
    "dramas": "Drama",
}
_WHOLE = (
    {tuple(name.lower().split("-")): name for name in CATEGORIES}
    | {(name.lower().replace("-", ""),): name for name in CATEGORIES}
    | {(word,): name for word, name in _OTHER_NUMBER.items()}
    | _SHORT
)


@functools.lru_cache(maxsize=4096)
def match_category(text: str) -> str | None:
    """The category that a text names, as Table 4 writes it; None if it names none or only half of one.

    Case, and whatever stands between words ("Scenery_Nature", "scenery nature", "Scenery/Nature", "SceneryNature"), do
    not count; singular and plural are the same; the paper's S-N, S-C, A-H and A-S are known where something parts the
    letters. Nothing else is: "Scenery", "Nature", "Cats" and "Pet 2" name none.
    """
    return _WHOLE.get(tuple(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold().replace("_", " "))))


@functools.lru_cache(maxsize=4096)
def category_of_path(folders: tuple[str, ...]) -> frozenset[str]:
    """Every category that the folders of a path name, alone or with the one above: ("Scenery", "Nature").

    Two of them are a contradiction, which is the caller's to tell.
    """
    pairs = ["/".join(pair) for pair in itertools.pairwise(folders)]
    return frozenset(name for text in (*folders, *pairs) if (name := match_category(text)))
