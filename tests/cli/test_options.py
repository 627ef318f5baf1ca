"""The command line as one thing: a flag means the same everywhere, and every command says how it is used."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import typer

from i2vbench.cli import COMMANDS, app
from i2vbench.cli.shape import FEW, WIDTH, first_sentence, leaves
from i2vbench.cli.values import Kind, kinds_of

GROUP = typer.main.get_command(app)
ALL = [(" ".join(path), command) for path, command in leaves(GROUP)]

GROUPS = [("", GROUP)] + [(name, command) for name, command in GROUP.commands.items() if hasattr(command, "commands")]
"""What holds commands, whose examples are theirs."""

TWO_MEANINGS = {
    "--model": "names a model to be run, or selects columns of runs that are there",
    "--resume": "what is gone on with is a run or a training",
    "--from": "where it comes from: the name of a source, or a path",
}
"""Flags whose first words differ from command to command, and why they may."""

TWO_TYPES = {"--out": "a run may lie at an address, which is no path", "--from": "the name of a source, or a path"}

FLAGS: dict[str, list[tuple[str, Any, type]]] = defaultdict(list)
"""Each flag's uses: the command, the option, the type of its value."""
for _name, _command in ALL:
    _kinds = kinds_of(_command.callback)
    for _param in _command.params:
        if _param.param_type_name == "option":
            FLAGS[max(_param.opts, key=len)].append((_name, _param, _kinds.get(_param.name, Kind(bool)).type))


def first_words(help_text: str) -> str:
    return re.split(r"[.:;(] |[.;]$", help_text)[0].rstrip(".")


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_a_flag_means_the_same_everywhere(flag: str) -> None:
    uses = FLAGS[flag]
    assert all(param.help for _, param, _ in uses)
    words = {first_words(param.help) for _, param, _ in uses}
    shared = min(words, key=len)
    same = all(word.startswith(shared) for word in words)
    assert same or flag in TWO_MEANINGS, {name: param.help for name, param, _ in uses}
    for trait in ("metavar", "is_flag", "secondary_opts"):
        values = {str(getattr(param, trait)) for _, param, _ in uses}
        assert len(values) == 1 or flag in TWO_MEANINGS, (flag, trait, values)
    types = {type_ for _, _, type_ in uses}
    assert len(types) == 1 or flag in TWO_TYPES, (flag, types)
    assert len({frozenset(param.opts) for _, param, _ in uses}) == 1, f"{flag} has a short form here and none there"


def test_no_exception_is_kept_that_is_none() -> None:
    for flag in TWO_MEANINGS:
        words = {first_words(param.help) for _, param, _ in FLAGS[flag]}
        metavars = {param.metavar for _, param, _ in FLAGS[flag]}
        assert len(words) > 1 or len(metavars) > 1, flag


def test_one_thing_has_one_flag() -> None:
    """Names that once stood for the same, or are near enough that one would be taken for the other."""
    known = set(FLAGS)
    for one, other in (
        ("--metrics", "--metric"), ("--categories", "--category"), ("--format", "--formats"), ("--out", "--output"),
        ("--seed", "--seeds"), ("--quiet", "--silent"), ("--limit", "--max-samples"), ("--limit", "--most"),
        ("--json", "--as-json"),
    ):  # fmt: skip
        assert one in known
        assert other not in known


@pytest.mark.parametrize(("name", "command"), [*ALL, *GROUPS], ids=[name for name, _ in (*ALL, *GROUPS)])
def test_every_command_has_an_example_that_its_parser_takes(name: str, command: Any) -> None:
    assert command.examples, f"{name} has no example"
    for example in command.examples:
        words = shlex.split(example.split(" > ")[0])
        path = ["i2vbench", *name.split()]
        assert words[: len(path)] == path
        if (name, command) in ALL:
            command.make_context(name, words[len(path) :])


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_help_reads_well(name: str, command: Any) -> None:
    text = command.get_help(typer.Context(command, info_name=f"i2vbench {name}", terminal_width=WIDTH))
    assert "<" not in text.split("Example")[0], "a type of Python's stands for a value"
    long = [line for line in text.split("Example")[0].splitlines() if len(line) > WIDTH]
    assert not long, long
    options = [param for param in command.params if param.param_type_name == "option"]
    if len(options) >= FEW:
        assert all(param.rich_help_panel for param in options) or "Other options" in text
    for param in options:
        assert max(param.opts, key=len) in text
    assert first_sentence(command) in " ".join(text.split())


def test_every_command_stands_in_one_group() -> None:
    named = [name for commands in COMMANDS.values() for name in commands]
    assert sorted(named) == sorted(GROUP.commands)
    assert len(named) == len(set(named))


def test_the_list_of_commands_has_a_line_for_each() -> None:
    for _, group in GROUPS:
        column = max(map(len, group.commands)) + 4
        for name, command in group.commands.items():
            assert column + len(first_sentence(command)) <= WIDTH, f"{name}: {first_sentence(command)}"


def test_no_command_of_the_docs_is_refused() -> None:
    """Every command line that docs and README show has options that exist."""
    root = Path(__file__).parents[2]
    known = {name: {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)} for name, command in ALL}
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        for line in page.read_text(encoding="utf-8").splitlines():
            match = re.match(
                r"(?:    |`)(?:[A-Z_0-9]+=\S+ )*i2vbench ([a-z0-9 -]+?)(?= [-A-Z./\[]| [a-z0-9_]+[/.]|$)", line
            )
            if match is None:
                continue
            words = match[1].split()
            name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known), None)
            if name is None:
                continue
            given = re.findall(r"(?<=\s)\[?(--[a-z][a-z0-9-]*)", line.split("  #")[0])
            unknown = set(given) - known[name] - {"--help"}
            assert not unknown, f"{page.name}: {line.strip()}: {unknown}"
