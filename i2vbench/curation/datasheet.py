"""DATASHEET.md of a curated data set, after Gebru et al., "Datasheets for Datasets" (2018), from what was counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from i2vbench.datasets.counts import Counts
from i2vbench.files import write_bytes
from i2vbench.tables.counts import count_table
from i2vbench.tables.text import markdown_text, to_markdown

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class StageFacts:
    """What one stage of the curation did.

    Attributes:
        name: The stage's.
        settings: Its thresholds and choices, by name.
        entered: Clips that came to it.
        kept: Clips that left it.
        reasons: Why the others did not, counted.
    """

    name: str
    settings: Mapping[str, object]
    entered: int
    kept: int
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class DatasheetFacts:
    """All that a datasheet says. Texts may come from anywhere; they are shown as text.

    Attributes:
        name: The data set's.
        title: One line that says what it is.
        description: Why it was made, for which task; "" if the plan does not say.
        contact: Whom to ask, and where removal is asked for; "" if the plan names nobody.
        licence: Under which terms the set (its selection and texts, not the clips) is given.
        created: The day it was made, as the plan or the run has it.
        counts: What it holds, by category.
        stages: In their order.
        licences: Clips by licence, as their sources state it; "" is one that states none.
        sources: Clips by site or list.
        queries: What was searched for.
        collected: When the sources were asked, "2026-11-29" or "2026-11-01 to 2026-11-29".
        missing: Videos of the sources that could not be had, by the class of the reason.
        distribution: How and under which terms it is given to others.
        captions_checked: Prompts that a person has checked.
        captions_proposed: Prompts that a machine proposed and nobody has checked.
        words_checked: Clips whose object and scene words a person has checked.
        words_proposed: Clips whose words a machine proposed and nobody has checked.
        sizes: Clips by size in pixels, "1280 x 720".
        versions: Of the packages, by name.
        checkpoints: SHA-256 of the networks that judged clips, by name.
        plan_sha256: Of the plan's file.
        metadata_sha256: Of metadata.csv.
    """

    name: str
    title: str
    description: str
    contact: str
    licence: str
    created: str
    counts: Counts
    stages: Sequence[StageFacts]
    licences: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    queries: Sequence[str] = ()
    collected: str = ""
    missing: Counter[str] = field(default_factory=Counter)
    distribution: str = ""
    captions_checked: int = 0
    captions_proposed: int = 0
    words_checked: int = 0
    words_proposed: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    versions: Mapping[str, str] = field(default_factory=dict)
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    plan_sha256: str = ""
    metadata_sha256: str = ""


def write_datasheet(path: Path, facts: DatasheetFacts) -> None:
    """Write the sheet; equal facts give equal bytes."""
    write_bytes(path, render_datasheet(facts).encode())


def render_datasheet(facts: DatasheetFacts) -> str:
    """The sheet's text: Gebru et al.'s sections, each as far as the facts go and saying where they do not."""
    parts = [
        [f"# {markdown_text(facts.name)}: datasheet", _said(facts.title)],
        ["After Gebru et al., *Datasheets for Datasets* (2018); a program wrote it, from the plan and its own counts."],
        ["## Motivation", _said(facts.description, "The plan does not say why and for whom the set was made.")],
        ["## Composition", *_composition(facts)],
        ["## Collection", *_collection(facts)],
        ["## Selection", *_selection(facts.stages)],
        ["## Texts and words", *_texts(facts)],
        ["## Known gaps", *_gaps(facts)],
        ["## Licences of the clips", *_licences(facts.licences)],
        ["## Distribution", *_distribution(facts)],
        ["## Contact and removal", *_contact(facts.contact)],
        ["## Versions", *_versions(facts)],
    ]
    return "\n\n".join(block for part in parts for block in part if block) + "\n"


def _composition(facts: DatasheetFacts) -> list[str]:
    total = facts.counts.total
    here = total.clips - total.missing
    categories = sum(row.clips > row.missing for row in facts.counts.rows)
    lines = [f"Clips: {_number(here)}, in categories: {categories}."]
    if total.seconds is not None:
        of = "" if total.timed == here else f" (of {_number(total.timed)}, whose length is stated)"
        lines[0] += f" Together they last {total.seconds:,.1f} s{of}."
    table = to_markdown(count_table(facts.counts)).strip().split("\n", 2)[2]  # the section has a heading
    sizes = [_table(("Size (px)", "Clips"), _ranked(facts.sizes))] if facts.sizes else []
    return [*lines, table, *sizes]


def _collection(facts: DatasheetFacts) -> list[str]:
    blocks = [f"Sources were asked: {_said(facts.collected, NOT_STATED)}."]
    if facts.sources:
        blocks.append(_table(("Source", "Clips"), _ranked(facts.sources)))
    else:
        blocks.append("No source is stated.")
    if facts.queries:
        blocks += ["Searched for:", _list(markdown_text(query) for query in facts.queries)]
    return blocks


def _selection(stages: Sequence[StageFacts]) -> list[str]:
    if not stages:
        return ["No stage is recorded."]
    rows = []
    for stage in stages:
        settings = ", ".join(f"{name} = {_setting(value)}" for name, value in stage.settings.items())
        reasons = "; ".join(f"{_number(n)} {reason}" for reason, n in _ranked(stage.reasons))
        rows.append((stage.name, settings, stage.entered, stage.kept, stage.entered - stage.kept, reasons))
    return [
        "Each stage looked at what the one before had kept.",
        _table(("Stage", "Settings", "Entered", "Kept", "Dropped", "Why dropped"), rows),
    ]


def _texts(facts: DatasheetFacts) -> list[str]:
    def line(what: str, checked: int, proposed: int) -> str:
        return (
            f"{what}: {_number(proposed)} are a machine's proposals that nobody has checked; "
            f"{_number(checked)} were checked by a person."
        )

    return [
        _list(
            (
                line("Prompts", facts.captions_checked, facts.captions_proposed),
                line("Object and scene words", facts.words_checked, facts.words_proposed),
            )
        )
    ]


def _gaps(facts: DatasheetFacts) -> list[str]:
    blocks = ["Every video that was asked for could be had."]
    if facts.missing:
        count = _number(sum(facts.missing.values()))
        blocks = [f"Videos that could not be had: {count}.", _table(("Why", "Videos"), _ranked(facts.missing))]
    if facts.counts.total.missing:
        blocks.append(f"Clips that stand in metadata.csv and are not here: {_number(facts.counts.total.missing)}.")
    below = [row for row in facts.counts.rows if row.published is not None and row.clips - row.missing < row.published]
    if below:
        short = (
            f"{markdown_text(row.category)}: {_number(row.clips - row.missing)} of {_number(row.published or 0)}"
            for row in below
        )
        blocks += ["Categories with fewer clips than the paper's Table 4:", _list(short)]
    return blocks


def _licences(licences: Counter[str]) -> list[str]:
    if not licences:
        return ["None is recorded."]
    rows = [(text or "none stated", n) for text, n in _ranked(licences)]
    return ["As the sources state them; nobody has verified that they may.", _table(("Licence", "Clips"), rows)]


def _distribution(facts: DatasheetFacts) -> list[str]:
    return [
        f"Terms of the set (the selection and its texts; clips keep their own): {_said(facts.licence, NOT_STATED)}.",
        _said(facts.distribution, "The plan does not say how the set is given to others."),
    ]


def _contact(contact: str) -> list[str]:
    if not contact.strip():
        return [
            "**The plan names no contact.** Whoever gives this set to others must name one here: people who are seen "
            "in a clip, or own one, must be able to ask for its removal."
        ]
    return [
        f"Contact: {markdown_text(contact)}.",
        "Who is seen in a clip, or owns one, may ask there for its removal, with the clip's id or source. It is "
        "removed by deleting its file and writing `removed: asked for` into its `missing` cell in metadata.csv; "
        "`i2vbench data sheets` then takes its thumbnail away. Tables made later say that the set is not whole. "
        "Where the set was curated, `i2vbench data curate` leaves the clip out from then on and deletes its copy; "
        "`.curation/` still holds the whole videos, and is not to be given to others.",
    ]


def _versions(facts: DatasheetFacts) -> list[str]:
    rows = [
        ("made on", facts.created or NOT_STATED),
        ("plan, SHA-256", facts.plan_sha256 or NOT_STATED),
        ("metadata.csv, SHA-256", facts.metadata_sha256 or NOT_STATED),
        *sorted(facts.versions.items()),
        *((f"checkpoint {name}, SHA-256", sha256) for name, sha256 in sorted(facts.checkpoints.items())),
    ]
    return [_table(("What", "Which"), rows)]


def _ranked(counter: Counter[str]) -> list[tuple[str, int]]:
    """Most first; ties by name, so that no order of counting shows."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _table(header: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """A Markdown table of at least one row; numbers stand to the right."""
    cells = [[_number(x) if isinstance(x, int) else markdown_text(x) for x in row] for row in rows]
    rule = ["---:" if isinstance(x, int) else ":---" for x in rows[0]]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(header), rule, *cells])


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _said(text: str, otherwise: str = "") -> str:
    """A text, its paragraphs kept; or what to say where there is none."""
    paragraphs = [markdown_text(paragraph) for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]
    return "\n\n".join(paragraphs) or otherwise


def _setting(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_setting, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(number: int) -> str:
    return f"{number:,}"
