"""A model's page: what it is, all its numbers by category, and its clips beside those of other models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from i2vbench.leaderboards.entries import TOTAL
from i2vbench.leaderboards.site.boards import Board
from i2vbench.leaderboards.site.clips import PlacedClip, samples_of
from i2vbench.tables.printed import cell_notes, said_by


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
    """What cells have to say, by metric."""
    said = [
        (text, metric.info.title, "all clips" if category == TOTAL else category)
        for metric in board.metrics
        for category in board.categories
        if (text := said_by(board.cells[metric.info.id, category][position]))
    ]
    return cell_notes(said, dict.fromkeys((metric.info.title for metric in board.metrics), len(board.categories)))
