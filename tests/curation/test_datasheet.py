"""DATASHEET.md: what it says of a set, what it says where nothing is known, and that texts stay texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from i2vbench.curation.datasheet import DatasheetFacts, StageFacts, render_datasheet, write_datasheet
from i2vbench.datasets.counts import CountedClip, count_clips
from i2vbench.texts import one_line
from tests.tables.test_text import HOSTILE, TEXT


@pytest.fixture
def facts() -> DatasheetFacts:
    clips = [CountedClip("Pet", True, True, False, 2.5, 720)] * 30 + [CountedClip("Drama", here=False)] * 2
    return DatasheetFacts(
        name="my-set",
        title="clips for image-to-video models",
        description="It measures models.\n\nIt is not for training.",
        contact="data@site.example",
        licence="CC BY 4.0",
        created="2026-11-29",
        counts=count_clips("i2v-bench", clips),
        stages=(
            StageFacts("filter", {"min_height": 720, "licences": ["CC BY", "CC0"]}, 1200, 50,
                       Counter({"too small": 1000, "licence": 150})),
            StageFacts("aesthetic", {"least": 4.5}, 50, 30, Counter({"below 4.5": 20})),
        ),
        licences=Counter({"CC BY": 28, "": 2}),
        sources=Counter({"a.example": 10, "b.example": 20}),
        queries=("dog running", "cat"),
        collected="2026-11-01 to 2026-11-29",
        missing=Counter({"private": 1, "gone": 1}),
        distribution="Addresses and times alone are given.",
        captions_checked=10,
        captions_proposed=20,
        words_checked=0,
        words_proposed=30,
        sizes=Counter({"1280 x 720": 30}),
        versions={"i2vbench": "0.1", "av": "17"},
        checkpoints={"aesthetic": "ab" * 32},
        plan_sha256="cd" * 32,
        metadata_sha256="ef" * 32,
    )  # fmt: skip


def test_the_sheet_says_what_was_counted(facts: DatasheetFacts, tmp_path: Path) -> None:
    write_datasheet(tmp_path / "DATASHEET.md", facts)
    text = (tmp_path / "DATASHEET.md").read_text(encoding="utf-8")
    for line in (
        "# my-set: datasheet",
        "It measures models.\n\nIt is not for training.",
        "Clips: 30, in categories: 1. Together they last 75.0 s.",
        "| Pet | 30 | 0 | 30 | 0 | 75.0 | 720 | 393 |",
        "| 1280 x 720 | 30 |",
        "| b.example | 20 |\n| a.example | 10 |",
        "- dog running\n- cat",
        r"| filter | min\_height = 720, licences = \[CC BY, CC0\] | 1,200 | 50 | 1,150 | 1,000 too small; 150 lic",
        "| aesthetic | least = 4.5 | 50 | 30 | 20 | 20 below 4.5 |",
        "- Prompts: 20 are a machine's proposals that nobody has checked; 10 were checked by a person.",
        "Videos that could not be had: 2.",
        "| gone | 1 |\n| private | 1 |",
        "- Drama: 0 of 19",
        "| CC BY | 28 |\n| none stated | 2 |",
        "Terms of the set (the selection and its texts; clips keep their own): CC BY 4.0.",
        "Contact: data@site.example.",
        f"| plan, SHA-256 | {'cd' * 32} |",
        f"| metadata.csv, SHA-256 | {'ef' * 32} |",
        "| av | 17 |\n| i2vbench | 0\\.1 |\n| checkpoint aesthetic, SHA-256 |",
    ):
        assert line in text, line
    assert text.endswith("|\n")


def test_equal_facts_give_equal_bytes_in_whatever_order_they_were_counted(facts: DatasheetFacts) -> None:
    again = replace(
        facts,
        sources=Counter(dict(reversed(facts.sources.items()))),
        missing=Counter(dict(reversed(facts.missing.items()))),
        versions=dict(reversed(facts.versions.items())),
    )
    assert render_datasheet(again) == render_datasheet(facts)


def test_what_is_not_known_is_said_and_a_missing_contact_plainly() -> None:
    text = render_datasheet(DatasheetFacts("x", "", "", " ", "", "", count_clips("x", [CountedClip("Pet")]), ()))
    for line in (
        "**The plan names no contact.**",
        "The plan does not say why and for whom the set was made.",
        "The plan does not say how the set is given to others.",
        "No stage is recorded.",
        "No source is stated.",
        "Sources were asked: not stated.",
        "Every video that was asked for could be had.",
        "None is recorded.",
        "| plan, SHA-256 | not stated |",
        "Clips: 1, in categories: 1.",
    ):
        assert line in text, line
    assert "may ask there" not in text


def test_lengths_of_some_clips_are_not_those_of_all() -> None:
    counts = count_clips("x", [CountedClip("Pet", seconds=2.0), CountedClip("Pet")])
    text = render_datasheet(DatasheetFacts("x", "", "", "", "", "", counts, ()))
    assert "Together they last 2.0 s (of 1, whose length is stated)." in text


class Tags(HTMLParser):
    """The tags of a page, and what stands in its cells and list items."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.shown: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag in ("td", "li", "h1", "p"):
            self.shown.append("")

    def handle_data(self, data: str) -> None:
        if self.shown:
            self.shown[-1] += data


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=8, max_size=8))
@example(list(HOSTILE[:8]))
@example(list(HOSTILE[8:16]))
@example(list(HOSTILE[16:24]))
@example(list(HOSTILE[24:32]))
def test_no_text_becomes_markup(texts: Sequence[str]) -> None:
    a, b, c, d, e, f, g, h = texts
    text = render_datasheet(
        DatasheetFacts(
            name=a, title=b, description=c, contact=d, licence=e, created=f,
            counts=count_clips(g, [CountedClip(h), CountedClip(a)], b, c),
            stages=(StageFacts(d, {e: f, g: [h]}, 3, 2, Counter({a: 1})),),
            licences=Counter({b: 1}), sources=Counter({c: 1}), queries=texts, collected=d, missing=Counter({e: 1}),
            distribution=f, sizes=Counter({g: 1}), versions={h: a}, checkpoints={b: c}, plan_sha256=d,
        )
    )  # fmt: skip
    page = Tags(MarkdownIt("commonmark").enable("table").render(text))
    assert page.tags <= {
        "h1", "h2", "p", "em", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code",
    }  # fmt: skip
    assert page.attributes <= {"style"}, "of the tables' columns"
    assert len(re.findall(r"^## ", text, re.MULTILINE)) == 10
    shown = [" ".join(one.split()) for one in page.shown]
    for query in texts:
        assert one_line(query) in shown
