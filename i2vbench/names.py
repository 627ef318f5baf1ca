"""Words that both the command line and the rooms behind it know; imports nothing, so that help is quick."""

import os
import re

READERS = ("pyav", "decord")
"""What can decode a clip. decord is there because VBench and ConsistI2V read with it; it is never the default."""

FORMATS = ("csv", "latex", "markdown", "html")
"""What tables are written as."""

DTYPES = ("float32", "bfloat16", "float16")
"""Number types of the networks, as torch names them."""

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
