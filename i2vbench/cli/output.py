"""What commands print: plain characters, results on standard output, all else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from i2vbench.texts import amount


def say(line: str) -> None:
    """Print a line of plain characters, whatever a model or data set calls itself."""
    print(plain(line))


def plain(line: str) -> str:
    """A line with nothing in it that a terminal takes for a command."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def plain_lines(text: object) -> str:
    """An error or a report as a terminal may show it, which may quote a file of somebody else's."""
    return "\n".join(map(plain, str(text).split("\n")))


def teller() -> Callable[[int, int], None]:
    """What tells how many files are done: on a terminal."""
    return _tell if sys.stderr.isatty() else lambda done, total: None


def _tell(done: int, total: int) -> None:
    print(f"\r{done}/{total} files", end="\n" if done == total else "", file=sys.stderr, flush=True)


def print_json(found: Any) -> None:
    """Print a result as JSON; NaN is none."""
    print(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))


def give(
    as_json: Callable[[], Any], as_text: Callable[[], str], files: Sequence[Path], *, json_output: bool, quiet: bool
) -> None:
    """Print a result on standard output in the form that is asked for, and on standard error where its files are."""
    if json_output:
        print_json(as_json())
    elif not quiet:
        print(as_text())
    if files and not quiet:
        print(f"{amount(len(files), 'file')} in {files[0].parent}:", file=sys.stderr)
        print("  " + "  ".join(file.name for file in files), file=sys.stderr)
