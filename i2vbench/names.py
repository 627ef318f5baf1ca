"""Words that both the command line and the rooms behind it know; imports nothing, so that help is quick."""

import difflib
import os
import re
from collections.abc import Collection

READERS = ("pyav", "decord")
"""What can decode a clip. decord is there because VBench and ConsistI2V read with it; it is never the default."""

FORMATS = ("csv", "latex", "markdown", "html")
"""What tables are written as."""

ENGINE_NAMES = ("local", "ray")
"""Who does a run's work."""

DTYPES = ("float32", "bfloat16", "float16")
"""Number types of the networks, as torch names them."""

SHORT_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""What they are called for short."""

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
"""What a device may be called."""

ALL = "all"
"""Stands for every built-in metric."""


def split_label(argument: str) -> tuple[str, str]:
    """(NAME, PATH) of an argument NAME=PATH or PATH; a path that is there is a path, whatever it holds."""
    label, equals, path = argument.partition("=")
    if os.path.exists(argument) or not equals or "/" in label:
        return "", argument
    return label, path


HUB_NAME = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>\w[\w./-]*))?")
"""OWNER/REPO or OWNER/REPO@REVISION on the Hugging Face hub."""


def is_hub_name(text: str) -> bool:
    """Whether a text that may be a path is a name on the hub: it looks like one, and nothing of that name lies here."""
    return HUB_NAME.fullmatch(text) is not None and not os.path.exists(text)


def nearest(name: str, names: Collection[str]) -> str:
    """What to say to a name that is none of `names`: the nearest ones, or all of them."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"


def split_word(argument: str, words: Collection[str]) -> tuple[str, str]:
    """(WORD, PATH) of an argument WORD, PATH or WORD=PATH; of the two, the one that is not there is "".

    A word is a word even where a path of its name lies: that one can be written ./WORD. Several may stand in one's
    place, separated by commas.
    """
    only_words = all(is_word(one, words) for one in argument.split(","))
    return (argument, "") if only_words else split_label(argument)


def is_word(text: str, words: Collection[str]) -> bool:
    """Whether a text is one of these words, of which WORD-N stands for WORD-0, WORD-1, ..."""
    numbered = _NUMBER.sub("-N", text)
    return (numbered != text and numbered in words) or (text in words and not text.endswith("-N"))


_NUMBER = re.compile(r"-(0|[1-9][0-9]{0,8})\Z")

FIGURE_KINDS = ("radar", "heatmap", "scatter", "histograms")
"""What figures there are."""

FIGURE_FORMATS = ("pdf", "svg", "png")
"""What figures are written as."""

PAPER = "paper"
"""In a run's place: the numbers that the paper prints. A folder of that name can be written ./paper."""
