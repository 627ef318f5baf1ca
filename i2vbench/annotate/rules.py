"""What object and scene words may be: what is refused here does not come into metadata.csv.

What the metrics doubt of the others stands beside them on the page.
"""

from __future__ import annotations

import unicodedata

from i2vbench.datasets.metadata import shown, split_objects
from i2vbench.datasets.words import Words

MOST_CHARACTERS = 200
"""Of either text."""


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
