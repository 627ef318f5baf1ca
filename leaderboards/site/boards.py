"""A board as its pages show it: which numbers there are, printed and marked, and what is said of board and metrics."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from i2vbench.admission import BOARDS
from i2vbench.errors import UserError
from i2vbench.leaderboards.entries import TOTAL, Entry, Origin, Score
from i2vbench.parsing import parse_toml
from i2vbench.profiles import load_protocol
from i2vbench.registry import METRICS
from i2vbench.tables.printed import PrintedCell, marks
from i2vbench.types import MetricInfo

_HERE = Path(__file__).parent
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_EMPTY = Score(printed="", value=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricText:
    """What is said of a metric, as metrics.toml has it.

    Attributes:
        info: Its declared facts.
        short: A heading where room is short.
        asks: The question that it answers.
        formula: In plain text, a line each.
        network: What it looks through.
        frames: Which frames it takes, and how they are brought to the network.
        protocol: Of what clips the paper's numbers are.
        demo: What the baselines score on the demo under the profile tiny, in print.
        caveats: What a reader must know, a sentence or two each.
    """

    info: MetricInfo
    short: str
    asks: str
    formula: str
    network: str
    frames: str
    protocol: str
    demo: Mapping[str, str]
    caveats: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One board.

    Attributes:
        id: A key of `admission.BOARDS`.
        title: Its name in print.
        tables: The paper's tables that its published numbers stand in.
        about: What it is, in a few sentences.
        care: What its numbers do not say, in a few sentences.
        command: What makes a run for it.
        protocol: What every video is brought to, in one line.
        metrics: In the order of their columns.
        categories: Those that have a number of any metric, `TOTAL` first.
        entries: Published ones first and trials last, else in the order in which they came.
        cells: By metric, category and position of the entry.
    """

    id: str
    title: str
    tables: str
    about: str
    care: str
    command: str
    protocol: str
    metrics: tuple[MetricText, ...]
    categories: tuple[str, ...]
    entries: tuple[Entry, ...]
    cells: Mapping[tuple[str, str], tuple[PrintedCell, ...]]

    def categories_of(self, metric: str) -> list[str]:
        """Those in which any entry has a number of this metric."""
        return [name for name in self.categories if any(cell.text for cell in self.cells[metric, name])]

    @property
    def has_intervals(self) -> bool:
        return any(cell.interval for cells in self.cells.values() for cell in cells)

    @property
    def origins(self) -> set[str]:
        return {entry.origin for entry in self.entries}


@functools.cache
def metric_texts() -> Mapping[str, MetricText]:
    """What is said of every metric that a board has, by id."""
    texts = parse_toml((_HERE / "metrics.toml").read_text(encoding="utf-8"))
    ids = dict.fromkeys(id_ for board in BOARDS.values() for id_ in board.metrics)
    return {id_: MetricText(info=METRICS.create(id_).info, **texts[id_]) for id_ in ids}


def boards(entries: Sequence[Entry]) -> list[Board]:
    """Every board, with those of the entries that are on it.

    Raises:
        UserError: An entry is on no board, or its slug is not fit to be a file's name or taken.
    """
    _check(entries)
    texts = parse_toml((_HERE / "boards.toml").read_text(encoding="utf-8"))
    return [_board(id_, text, [entry for entry in entries if entry.board == id_]) for id_, text in texts.items()]


def _board(id_: str, text: Mapping[str, str], entries: Sequence[Entry]) -> Board:
    entries = sorted(entries, key=lambda entry: get_args(Origin).index(entry.origin))
    metrics = tuple(metric_texts()[name] for name in BOARDS[id_].metrics)
    names = dict.fromkeys(
        name
        for entry in entries
        for metric in metrics
        for name, score in entry.scores.get(metric.info.id, {}).items()
        if score.printed
    )
    categories = (TOTAL, *(name for name in names if name != TOTAL))
    cells = {(m.info.id, name): _cells(entries, m.info, name) for m in metrics for name in categories}
    protocol = load_protocol(id_).describe()
    return Board(
        id=id_, protocol=protocol, metrics=metrics, categories=categories, entries=tuple(entries), cells=cells, **text
    )


def _cells(entries: Sequence[Entry], info: MetricInfo, category: str) -> tuple[PrintedCell, ...]:
    scores = [entry.scores.get(info.id, {}).get(category, _EMPTY) for entry in entries]
    # A trial's number is of other clips or networks: the best is chosen among the others.
    admitted = ["" if e.origin == "trial" else s.printed for e, s in zip(entries, scores, strict=True)]
    found = marks(admitted, info.direction)
    return tuple(
        PrintedCell(text=s.printed, mark=mark, n=s.n or 0, note=s.note, interval=_ends(s, info))
        for s, mark in zip(scores, found, strict=True)
    )


def _ends(score: Score, info: MetricInfo) -> tuple[str, str] | tuple[()]:
    """An interval's ends with the metric's digits; none where it is none."""
    if score.interval is None or not (math.isfinite(score.interval.low) and math.isfinite(score.interval.high)):
        return ()
    return f"{score.interval.low:.{info.decimals}f}", f"{score.interval.high:.{info.decimals}f}"


def _check(entries: Sequence[Entry]) -> None:
    taken: set[tuple[str, str]] = set()
    for entry in entries:
        if entry.board not in BOARDS:
            raise UserError(f"the entry {entry.name}: expected a board of {', '.join(BOARDS)}, found '{entry.board}'")
        if not _SLUG.fullmatch(entry.slug):
            raise UserError(
                f"the entry {entry.name} on {entry.board}: expected a slug of lower-case letters, digits, '.', '_' and "
                f"'-', which is a file's name, found '{entry.slug}'"
            )
        if (entry.board, entry.slug) in taken:
            raise UserError(f"the entry {entry.name} on {entry.board}: its slug '{entry.slug}' is there twice")
        taken.add((entry.board, entry.slug))
