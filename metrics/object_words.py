"""The object detector's vocabulary, and two rules for when a detection is what was asked for.

Exact, VBench's: "dog" is neither "a dog", "dogs", "Dog" nor "puppy". Synonyms, ours: case, article, spaces, hyphens and
plural do not count, and the words in object_words.toml stand for their name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from i2vbench.parsing import parse_toml

if TYPE_CHECKING:
    import inflect

WORDS_FILE = Path(__file__).with_name("object_words.toml")

_ARTICLES = ("a ", "an ", "the ")


@cache
def vocabulary() -> Mapping[str, tuple[str, ...]]:
    """The names that GRiT was trained to write (COCO's 80), each with the words that stand for it."""
    tables = parse_toml(WORDS_FILE.read_text(encoding="utf-8"))
    return {name: tuple(words) for name, words in tables.items()}


def is_known(word: str) -> bool:
    """Whether the detector has this very name."""
    return word in vocabulary()


@cache
def lemma(text: str) -> str:
    """What the rule "synonyms" compares: the detector's name for it, if it has one; else its singular.

    "Puppies", "the dog" and "dogs" are all "dog"; "hot  dogs" is "hot dog", and no dog.
    """
    word = " ".join(text.casefold().replace("-", " ").split()).removesuffix("'s")
    for article in _ARTICLES:
        word = word.removeprefix(article)
    if (known := _forms().get(word)) is not None:
        return known
    # inflect knows no singular of what is one already.
    singular = _engine().singular_noun(word) if word else False
    return _forms().get(singular, singular) if singular else word


@cache
def _forms() -> dict[str, str]:
    """Every name, every word that stands for one, and their plurals -> the name."""
    plural = _engine().plural_noun
    forms: dict[str, str] = {}
    for name, words in vocabulary().items():
        for word in (name, *words):
            forms[plural(word.replace("-", " "))] = name
    # After the plurals: "glasses" and the like must not hide what is written as it is.
    for name, words in vocabulary().items():
        forms |= dict.fromkeys((word.replace("-", " ") for word in words), name)
    return forms | {name: name for name in vocabulary()}


@cache
def _engine() -> inflect.engine:
    # inflect has typeguard rewrite all its functions when it is imported, which takes seconds; mypy checks ours.
    with patch("typeguard.typechecked", lambda kind: kind):
        import inflect

    return inflect.engine()
