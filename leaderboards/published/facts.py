"""What the paper's tables are of and how they are laid out, as `tables.toml` has it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2vbench.leaderboards.published import TABLES, clip_counts, numbers
from i2vbench.parsing import parse_toml

_FILE = Path(__file__).with_name("tables.toml")

SHORT: Mapping[str, str] = {
    "Scenery-Nature": "S-N",
    "Scenery-City": "S-C",
    "Animation-Hard": "A-H",
    "Animation-Static": "A-S",
}
"""What the tables by category call these."""

TOTALS = ("All", "Total")
"""Rows over all clips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What numbers were measured on.

    Attributes:
        name: As `Number.dataset`.
        dataset: The data set as `--dataset` calls it; "" if no run can be of it.
        protocol: The protocol's name.
        clips: How many clips a number over all stands on.
        whole: How many the data set has.
        categories: How many a category's stands on, where that is not all of its clips.
        first_frames: The pipeline that made the first frames; "" where they are the data set's own.
        videos: What they are, in words.
        unknown: What the paper does not say of them.
    """

    name: str
    clips: int
    whole: int
    videos: str
    dataset: str = ""
    protocol: str = ""
    categories: Mapping[str, int] = field(default_factory=dict, hash=False)
    first_frames: str = ""
    unknown: str = ""

    def clips_of(self, category: str) -> int | None:
        """How many clips a printed number of this category stands on; None if the paper has no such category."""
        return self.clips if category in TOTALS else self.categories.get(category)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of Tables 1, 2, 3 or 5.

    Attributes:
        of: `Number.dataset` of its numbers.
        metric: `Number.metric` of its numbers.
        key: Its name in a CSV.
        label: As the paper heads it.
        group: The heading over it and its neighbours, "" if there is none.
        suffix: What is printed behind each number.
        arrow: Whether the heading says which numbers are good, where the numbers have a direction.
    """

    of: str
    metric: str
    key: str
    label: str
    group: str = ""
    suffix: str = ""
    arrow: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One table of the paper.

    Attributes:
        table: Its number.
        title: What it shows.
        cited: The paper and the table, as a caption cites them.
        place: Section and page.
        corner: What its rows are.
        marked: Whether the caption says that bold is the best and underlined the second best.
        sources: What its numbers were measured on.
        abbreviations: What its headings and rows shorten, a sentence each.
        legend: What a reader of the printed numbers must know, a sentence each.
        columns: Of Tables 1, 2, 3 and 5; the others have a column a model.
        short: Categories that stand there abbreviated.
        marks: By metric and method, a sign behind the cell.
        citations: By method.
        extra: Names of `Number.extra`.
    """

    table: int
    title: str
    cited: str
    place: str
    corner: str
    marked: bool
    sources: tuple[Source, ...]
    abbreviations: tuple[str, ...] = ()
    legend: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    short: tuple[str, ...] = ()
    marks: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)
    citations: Mapping[str, str] = field(default_factory=dict, hash=False)
    extra: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands under it, after the abbreviations: where it is from, what was measured, what is not known."""
        told = [f"{self.cited}, {self.place}; digits as printed."]
        told += [f"{source.name}: {source.videos}." for source in self.sources]
        told += [f"The paper does not say of {s.name}: {s.unknown}." for s in self.sources if s.unknown]
        return (*self.legend, *told)


@functools.cache
def facts(table: int) -> Facts:
    """What is known of one table.

    Raises:
        ValueError: The paper has no such table.
    """
    if table not in TABLES:
        raise ValueError(f"table {table}: the paper has Tables {TABLES[0]} to {TABLES[-1]}")
    file = _read()
    given = file["tables"][str(table)]
    metrics = {number.metric for number in numbers(table)}
    return Facts(
        table=table,
        title=given["title"],
        cited=f"{file['paper']}, Table {table}",
        place=f"{file['venue']}, {given['place']}",
        corner=given.get("corner", "Method"),
        marked=given.get("marked", False),
        sources=tuple(_source(file, name, metrics) for name in given["sources"]),
        abbreviations=(*_spelled_out(given.get("short", ())), *given.get("abbreviations", ())),
        legend=tuple(given.get("legend", ())),
        columns=tuple(Column(**{"label": c["metric"], **c}) for c in given.get("columns", ())),
        short=tuple(given.get("short", ())),
        marks=given.get("marks", {}),
        citations=given.get("citations", {}),
        extra=tuple(given.get("extra", ())),
    )


def source_of(dataset: str, metric: str) -> Source:
    """What the numbers of one metric were measured on.

    Args:
        dataset: As `Number.dataset`.
        metric: As `Number.metric`.
    """
    return _source(_read(), dataset, {metric})


@functools.cache
def _read() -> dict[str, Any]:
    return parse_toml(_FILE.read_text(encoding="utf-8"))


def _source(file: Mapping[str, Any], name: str, metrics: set[str]) -> Source:
    """Of a metric that was measured on fewer clips than the others, that metric's own."""
    given = dict(file["sources"][name])
    of_metrics, given["whole"] = given.pop("of_metrics", {}), given["clips"]
    if name == "I2V-Bench":
        given["categories"] = clip_counts()
    if len(metrics) == 1:
        given |= of_metrics.get(next(iter(metrics)), {})
    return Source(name=name, **given)


def _spelled_out(short: tuple[str, ...]) -> list[str]:
    names = [f"{SHORT[name]} {name}" for name in short]
    return [f"{', '.join(names)}."] if names else []
