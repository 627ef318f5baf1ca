"""What documentation has people type: command lines of pages, and what pages say that they print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from tests.conftest import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (ROOT, ROOT / "docs", ROOT / "benchmarks")
    for path in folder.glob("*.md")
    if path.name != "CHANGELOG.md"
)

_FENCE = re.compile(r"^ *```(\w*)$")
_NAMED = re.compile(r"`([\w./-]+)`:$")
_INLINE = re.compile(r"`(i2vbench [^`]+)`")
_ENVIRONMENT = re.compile(r"^([A-Z_]+=\S+ +)+")
_COMMENT = re.compile(r"(^| {2,}| )#( .*)?$")


@dataclass
class Step:
    """A command line of a page, and what the page shows of its output.

    Attributes:
        page: The page's name.
        number: Of its first line.
        command: The command line; lines that go on are one.
        comment: What stands behind it, without the #.
        shown: The lines that are quoted after it.
        file: Of a block that is a file, introduced by its name (`NAME`:), that name; `shown` is what is in it.
        within_text: Whether it stands in a sentence, which may name a command by its first words.
    """

    page: str
    number: int
    command: str
    comment: str = ""
    shown: list[str] = field(default_factory=list)
    file: str = ""
    within_text: bool = False

    @property
    def is_short(self) -> bool:
        """Whether something may be left out of it that the command needs."""
        return self.within_text or "..." in self.command or "[" in self.command

    def __str__(self) -> str:
        return f"{self.page}:{self.number} {self.command}"


def steps(page: str) -> list[Step]:
    """The command lines of a page's indented blocks and of its bash blocks, in order.

    A block that is fenced without a language is what the commands before it print; one with the language of a file
    that follows a line ending in "`NAME`:" is that file.
    """
    found: list[Step] = []
    before = ""
    lines = iter(enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        if fence := _FENCE.match(line):
            inside = [one for _, one in _until_fence(lines)]
            if fence[1] == "bash":
                found += _commands(page, number + 1, inside)
            elif not fence[1] and found:
                found[-1].shown += inside
            elif name := _NAMED.search(before):
                found.append(Step(page, number, "", shown=inside, file=name[1]))
        elif line.startswith("    ") and line.strip():
            block = [line[4:]]
            while block[-1].endswith("\\"):
                block.append(next(lines)[1][4:])
            found += _commands(page, number, block)
        before = line if line.strip() else before
    return found


def _until_fence(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        if _FENCE.match(line):
            return
        yield number, line


def _commands(page: str, number: int, block: list[str]) -> Iterator[Step]:
    start, text = number, ""
    for at, line in enumerate(block, number):
        text += line.removesuffix("\\")
        if not line.endswith("\\"):
            command, comment = _apart(text)
            if command:
                yield Step(page, start, command, comment)
            start, text = at + 1, ""


def _apart(text: str) -> tuple[str, str]:
    """A command line and the comment behind it."""
    found = _COMMENT.search(text)
    return (text[: found.start()].strip(), (found[2] or "").strip()) if found else (text.strip(), "")


def told(page: str) -> list[Step]:
    """Every command line of i2vbench that a page tells, within its sentences too."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [step for step in steps(page) if _ENVIRONMENT.sub("", step.command).startswith("i2vbench ")]
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("    "):
            found += [Step(page, number, match, within_text=True) for match in _INLINE.findall(line)]
    return found


def readings(command: str, groups: frozenset[str]) -> list[list[str]]:
    """The arguments of every command line that a command line in the language of manuals stands for.

    `[X]` is X, which may be left out; `A|B` is A or B; `...` is whatever else; what comes behind a pipe, a redirection
    or a semicolon is another program's.

    Args:
        command: As the page has it.
        groups: What may follow `i2vbench`: `models | metrics` are two of these, not a pipe.
    """
    command = _ENVIRONMENT.sub("", command)
    head, *rest = command.split(" | ")
    other = [word for word in rest if word.split()[0] in groups]
    command = head if rest and not other else "|".join([head, *other])
    command = re.split(r" (?:>|;|&&|2>) ", command + " ", maxsplit=1)[0]
    command = re.sub(r"(--[a-z-]+) \.\.\.", r"\1 ANY", command).replace("...", " ")
    words = shlex.split(re.sub(r"\[(?!\w+=\])|(?<!=)\]", " ", command))[1:]
    return [list(reading) for reading in product(*(_alternatives(word) for word in words))]


def _alternatives(word: str) -> list[str]:
    return word.split("|") if re.fullmatch(r"[\w./:-]+(\|[\w./:-]+)+", word) else [word]


def is_placeholder(word: str) -> bool:
    """Whether it stands for something of the reader's: NAME, RUN, FILE.py:Class."""
    return word.split(":")[0].split(".")[0].replace("_", "").isupper()
