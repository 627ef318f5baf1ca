"""What prompts, object and scene words may be: what is refused here does not come into metadata.csv.

What stands in the table already is not judged again. What the metrics doubt of words stands beside them on the page.
"""

from __future__ import annotations

import unicodedata

from i2vbench.datasets.annotations import Annotation
from i2vbench.datasets.csv_table import shown
from i2vbench.datasets.metadata import split_objects

MOST_CHARACTERS = 200
"""Of objects, and of scene."""
MOST_PROMPT_CHARACTERS = 1000


class Refused(ValueError):
    """What was typed cannot be taken; a sentence for the person."""


def decide(before: Annotation, prompt: str, objects: str, scene: str) -> Annotation:
    """What a row says after a person took these texts for it; runs of blanks count as one.

    A prompt that a machine proposed is checked then, and so is one that was changed.

    Raises:
        Refused: A text is too long, holds what no table or spreadsheet should, or there is no prompt.
    """
    if prompt != before.prompt:
        prompt = _plain("prompt", prompt, MOST_PROMPT_CHARACTERS)
        if not prompt:
            raise Refused("prompt: is empty; expected what is to be seen in the clip")
    if split_objects(objects) == before.objects:
        words = before.objects
    else:
        _plain("objects", objects, MOST_CHARACTERS)
        words = tuple(dict.fromkeys(_plain("objects", word, MOST_CHARACTERS) for word in split_objects(objects)))
    if scene.strip() != before.scene:
        scene = _plain("scene", scene, MOST_CHARACTERS)
    is_checked = before.prompt_state == "proposed" or prompt != before.prompt
    return Annotation(prompt, words, scene.strip(), "checked" if is_checked else before.prompt_state)


def _plain(name: str, text: str, most: int) -> str:
    """The text with single blanks.

    Raises:
        Refused: See `decide`.
    """
    if len(text) > most:
        raise Refused(f"{name}: {len(text):,} characters; expected at most {most:,}")
    for character in text:
        if unicodedata.category(character)[0] == "C" or character in "\u2028\u2029":
            raise Refused(f"{name}: holds a character that cannot be seen (U+{ord(character):04X})")
    text = " ".join(text.split())
    if text.startswith(("=", "+", "-", "@")):
        raise Refused(f"{name}: {shown(text)} would be a formula in a spreadsheet")
    return text
