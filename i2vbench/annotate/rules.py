"""What object and scene words may be, and what of them can never match what the networks write.

A fault keeps words out of metadata.csv; a warning stands beside them on the page.
"""

from __future__ import annotations

import unicodedata

from i2vbench.datasets.metadata import shown, split_objects
from i2vbench.datasets.words import Words

MOST_CHARACTERS = 200
"""Of either text."""

_ARTICLES = ("a", "an", "the")


class RefusedWords(ValueError):
    """What was typed cannot be taken; a sentence for the person."""


def parse_words(objects: str, scene: str) -> Words:
    """The words of the two texts as a person writes them; runs of blanks count as one.

    Raises:
        RefusedWords: A text is too long, or holds what no table or spreadsheet should.
    """
    for name, text in (("objects", objects), ("scene", scene)):
        if len(text) > MOST_CHARACTERS:
            raise RefusedWords(f"{name}: {len(text)} characters; expected at most {MOST_CHARACTERS}")
        for character in text:
            if unicodedata.category(character)[0] == "C" or character in "\u2028\u2029":
                raise RefusedWords(f"{name}: holds a character that cannot be seen (U+{ord(character):04X})")
    words = Words(tuple(dict.fromkeys(" ".join(w.split()) for w in split_objects(objects))), " ".join(scene.split()))
    for name, word in (*(("objects", word) for word in words.objects), ("scene", words.scene)):
        if word.startswith(("=", "+", "-", "@")):
            raise RefusedWords(f"{name}: {shown(word)} would be a formula in a spreadsheet")
    return words


def object_warning(word: str) -> str:
    """Why an object word can never match, or ""."""
    if word != word.lower():
        return f"{shown(word)} never matches: the detector's names are lower-case"
    if not word.isascii():
        return f"{shown(word)} hardly ever matches: the detector's names are plain English"
    first, _, rest = word.partition(" ")
    if rest and first in _ARTICLES:
        return f"{shown(word)} hardly ever matches: the detector's names have no article ({shown(rest)})"
    return ""


def scene_warning(scene: str) -> str:
    """Why scene words can never match, or ""."""
    if scene != scene.lower():
        return f"{shown(scene)} never matches: captions are lower-case"
    if not scene.isascii():
        return f"{shown(scene)} hardly ever matches: captions are plain English"
    if "," in scene or ";" in scene:
        return f"{shown(scene)}: words are separated by blanks; a comma would have to stand in the caption too"
    return ""
