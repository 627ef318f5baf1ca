"""What the documentation points to is there: files and sections behind links, scripts, tests and targets of make."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT
from tests.paths.pages import PAGES, steps

_LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(page: str) -> set[str]:
    """What a page's sections are called in links, as GitHub does."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    faults = []
    for link in _LINK.findall((ROOT / page).read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        if not path.exists():
            faults.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(path.resolve().relative_to(ROOT).as_posix()):
            faults.append(f"{link}: no such section")
    assert not faults, faults


@pytest.mark.parametrize("page", PAGES)
def test_scripts_tests_and_targets_are_there(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    faults = []
    for step in steps(page):
        words = step.command.split()
        faults += [word for word in words if re.match(r"(tests|benchmarks)/", word) and not (ROOT / word).exists()]
        if "make" in words[:1]:
            faults += [word for word in words[1:] if "=" not in word and word not in targets]
    assert not faults, faults


def test_every_page_of_the_documentation_can_be_reached_from_the_readme() -> None:
    reached, new = set(), ["README.md"]
    while new:
        page = new.pop()
        reached.add(page)
        for link in _LINK.findall((ROOT / page).read_text(encoding="utf-8")):
            path = ((ROOT / page).parent / link.partition("#")[0]).resolve()
            if path.suffix == ".md" and path.exists() and path.relative_to(ROOT).as_posix() not in reached:
                new.append(path.relative_to(ROOT).as_posix())
    assert set(PAGES) <= reached
