"""A metric's page: what it is, what it hides, and the boards in the order of its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from i2vbench.leaderboards.entries import TOTAL
from i2vbench.leaderboards.site.boards import Board, MetricText

_READS = {
    "video": "the video", "prompt": "the prompt", "objects": "the annotated objects", "scene": "the annotated scene",
    "reference": "the real clips",
}  # fmt: skip


def facts(metric: MetricText, boards: Sequence[Board]) -> Mapping[str, Any]:
    info = metric.info
    on = [board for board in boards if metric in board.metrics]
    return {
        "metric": metric,
        "info": info,
        "reads": [_READS.get(need, need) for need in sorted(info.reads)],
        "range": None if info.range is None else [f"{end * info.scale:g}" for end in info.range],
        "rankings": [_ranking(metric, board) for board in on],
        "origins": {origin for board in on for origin in board.origins},
        "intervals": any(board.has_intervals for board in on),
    }


def _ranking(metric: MetricText, board: Board) -> dict[str, Any]:
    """A board's rows from the best number over all clips to the worst; equal ones share a rank, trials have none."""
    id_ = metric.info.id
    categories = [TOTAL, *(name for name in board.categories_of(id_) if name != TOTAL)]
    totals = [float(cell.text) if cell.text else None for cell in board.cells[id_, TOTAL]]
    sign = -1 if metric.info.direction == "higher" else 1
    trials = [entry.origin == "trial" for entry in board.entries]
    keys = [(trial, total is None, sign * (total or 0.0)) for trial, total in zip(trials, totals, strict=True)]
    order = sorted(range(len(totals)), key=keys.__getitem__)
    return {
        "board": board,
        "categories": categories,
        "rows": [
            {
                "rank": sum(key < keys[i] for key in keys) + 1 if totals[i] is not None and not trials[i] else None,
                "entry": board.entries[i],
                "cells": [board.cells[id_, name][i] for name in categories],
            }
            for i in order
        ],
    }
