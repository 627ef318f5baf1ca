"""A model's page: what it is, all its numbers by category, and its clips beside those of other models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from i2vbench.leaderboards.entries import TOTAL
from i2vbench.leaderboards.site.boards import Board
from i2vbench.leaderboards.site.clips import PlacedClip, samples_of


def facts(board: Board, position: int, placed: Sequence[Sequence[PlacedClip]]) -> Mapping[str, Any]:
    """What the page of one entry says.

    Args:
        position: Of the entry on its board.
        placed: The clips of all entries of the board.
    """
    names = [m.info.id for m in board.metrics]
    mine = placed[position]
    cells = {c: [board.cells[name, c][position] for name in names] for c in board.categories}
    categories = [c for c in (*board.categories[1:], TOTAL) if c == TOTAL or any(cell.text for cell in cells[c])]
    samples = {sample: i for i, sample in enumerate(samples_of(board))}
    shared = {placed_clip.clip.sample for placed_clip in mine}
    others = [
        entry
        for i, entry in enumerate(board.entries)
        if i != position and any(other.clip.sample in shared for other in placed[i])
    ]
    return {
        "board": board,
        "entry": board.entries[position],
        "rows": [(category, cells[category]) for category in categories],
        "cell_notes": _cell_notes(board, position),
        "clips": [(samples[p.clip.sample], p) for p in mine],
        "others": others,
    }


def _cell_notes(board: Board, position: int) -> list[str]:
    """What cells have to say: each text once, with the cells it is said of."""
    where: dict[str, dict[str, list[str]]] = {}
    for metric in board.metrics:
        for category in board.categories:
            cell = board.cells[metric.info.id, category][position]
            if cell.note:
                text = cell.note if cell.text else f"empty, {cell.note}"
                where.setdefault(text, {}).setdefault(metric.info.title, []).append(
                    "all clips" if category == TOTAL else category
                )
    return [
        f"{'; '.join(f'{metric} in {_listed(some)}' for metric, some in by_metric.items())}: {text}"
        for text, by_metric in where.items()
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
