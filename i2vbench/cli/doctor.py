"""`i2vbench doctor`: what works on this machine, what is missing, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING

import typer

from i2vbench.cli.ends import FAILED
from i2vbench.cli.options import Json
from i2vbench.cli.output import print_json, say

if TYPE_CHECKING:
    from i2vbench.doctor import Section


def doctor(json_output: Json = False) -> None:
    """Say what works on this machine, what is missing, and how to get it.

    Looked at are Python, torch and GPUs, readers and codecs, extras, folders, the network's settings, Ray, and which
    metrics could be measured now. Nothing is downloaded. Exit code 1 if no run works.

    Example: i2vbench doctor
    """
    from i2vbench.doctor import basic_run_works, examine

    sections = examine()
    works = basic_run_works(sections)
    if json_output:
        print_json({"basic_run_works": works, "sections": [asdict(section) for section in sections]})
    else:
        for line in _lines(sections, get_terminal_size((100, 24)).columns):
            say(line)
        wrong = [f for section in sections for f in section.findings if f.essential and f.state != "works"]
        said = "A basic run works." if works else f"No run works: see {', '.join(f.name for f in wrong)}."
        say(said)
    if not works:
        raise typer.Exit(FAILED)


def _lines(sections: Sequence[Section], width: int) -> Iterator[str]:
    """A heading for each section; for each finding its state, its name, what was seen, and what to do."""
    names = max(len(finding.name) for section in sections for finding in section.findings)
    margin = " " * (11 + names + 2)
    for section in sections:
        yield f"{section.title}"
        for finding in section.findings:
            texts = [finding.says, *([f"-> {finding.get}"] if finding.get else [])]
            lines = [
                line
                for text in texts
                for line in wrap(text, max(width - len(margin), 40), break_long_words=False, break_on_hyphens=False)
            ]
            yield f"  {finding.state:<9}{finding.name:<{names}}  {lines[0]}"
            for line in lines[1:]:
                yield f"{margin}{line}"
        yield ""
