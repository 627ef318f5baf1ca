"""Doing what a page says, from top to bottom, in a folder of its own."""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import Cli, environment
from tests.paths.pages import Step, steps

NEEDS = "needs"
"""What the comment behind a command begins with that is not run here: of what it needs, not everybody has it."""

REFUSED = "refused"
"""What the comment behind a command begins with that is to fail."""

_NUMBER = re.compile(r"\d+\.\d+")

_APART = re.compile(r"\.\.\.|[()]")

_SHELL = frozenset("|><;&*")


def walk(page: str, folder: Path, cli: Cli, instead: Mapping[str, str] | None = None) -> None:
    """Run every command of a page, and hold what it prints to what the page shows.

    Args:
        page: As docs/NAME.md.
        folder: Where to, with what the page takes for granted.
        cli: Runs the command line.
        instead: Parts of commands that stand for others here, each of which must occur.
    """
    unused = set(instead or ())
    said = ""
    for step in steps(page):
        if step.file:
            (folder / step.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / step.file).write_text("\n".join(step.shown) + "\n", encoding="utf-8")
        elif not step.comment.startswith(NEEDS):
            command = step.command
            for part, other in (instead or {}).items():
                if part in command:
                    unused.discard(part)
                    command = command.replace(part, other)
            done = _run(command, folder, cli)
            said += done.stdout + done.stderr
            assert (done.returncode != 0) == step.comment.startswith(REFUSED), f"{step}: {done.returncode}\n{said}"
            if step.shown:
                _check_shown(step, said)
                said = ""
    assert not unused, f"{page} has no such command: {unused}"


def _run(command: str, folder: Path, cli: Cli) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    if words[0] == "i2vbench" and not _SHELL & set(command):
        return cli(*words[1:], cwd=folder)
    script = f'i2vbench() {{ "{sys.executable}" -m i2vbench "$@"; }}\n{command}'
    return subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def _check_shown(step: Step, said: str) -> None:
    """Every line that the page shows is one that was printed since it last showed some; "..." is what is left out.

    Blanks do not count, and numbers with a point may differ by a hundredth part: videos are of the version of a codec.
    """
    lines = [_words(line) for line in said.splitlines()]
    for shown in step.shown:
        wanted = _words(shown)
        if wanted and wanted != ["..."] and not any(_alike(wanted, line) for line in lines):
            raise AssertionError(f"{step}: the page shows\n  {shown.strip()}\nand it printed\n{said}")


def _words(line: str) -> list[str]:
    return _NUMBER.sub(r" \g<0> ", _APART.sub(r" \g<0> ", line)).split()


def _alike(wanted: list[str], line: list[str]) -> bool:
    start, dots, end = (wanted, [], []) if "..." not in wanted else _around(wanted)
    if not dots:
        return len(line) == len(start) and all(map(_same, start, line))
    enough = len(line) >= len(start) + len(end)
    return enough and all(map(_same, start, line)) and all(map(_same, reversed(end), reversed(line)))


def _around(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    place = words.index("...")
    return words[:place], words[place : place + 1], words[place + 1 :]


def _same(wanted: str, word: str) -> bool:
    if _NUMBER.fullmatch(wanted) and _NUMBER.fullmatch(word):
        return math.isclose(float(wanted), float(word), rel_tol=0.01)
    return wanted == word
