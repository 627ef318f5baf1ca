"""The first page: what this is, and who leads in what on each board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from i2vbench.leaderboards.entries import TOTAL, Entry
from i2vbench.leaderboards.site.boards import Board, MetricText
from i2vbench.tables.printed import PrintedCell


@dataclass(frozen=True, slots=True)
class Leaders:
    """A metric with the entries whose numbers are its best and second best, ties together."""

    metric: MetricText
    best: Sequence[tuple[Entry, PrintedCell]]
    second: Sequence[tuple[Entry, PrintedCell]]


def facts(boards: Sequence[Board]) -> Mapping[str, Any]:
    return {"leaders_of": {board.id: [_leaders(board, metric) for metric in board.metrics] for board in boards}}


def _leaders(board: Board, metric: MetricText) -> Leaders:
    cells = list(zip(board.entries, board.cells[metric.info.id, TOTAL], strict=True))
    best, second = ([pair for pair in cells if pair[1].mark == mark] for mark in ("best", "second"))
    return Leaders(metric, best, second)
