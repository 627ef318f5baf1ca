"""The board's numbers as files: JSON and CSV for others, and a script with what this site's own script needs.

All JSON is ASCII: whatever a name holds, control characters and halves of code points stand escaped in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from i2vbench.leaderboards.site.boards import Board
from i2vbench.leaderboards.site.clips import PlacedClip, samples_of
from i2vbench.tables.printed import PrintedCell
from i2vbench.texts import csv_lines, csv_text


def as_json(board: Board) -> str:
    """Every entry of a board with all that its page says of it."""
    head = {
        "board": board.id,
        "title": board.title,
        "metrics": [
            {"id": m.info.id, "title": m.info.title, "direction": m.info.direction, "unit": m.info.unit}
            for m in board.metrics
        ],
        "categories": list(board.categories),
    }
    models = [
        {
            "slug": entry.slug,
            "name": entry.name,
            "title": entry.title,
            "origin": entry.origin,
            "facts": dict(entry.facts),
            "links": dict(entry.links),
            "notes": list(entry.notes),
            "scores": _scores(board, i),
        }
        for i, entry in enumerate(board.entries)
    ]
    lines = ",\n".join(json.dumps(model, allow_nan=False) for model in models)  # one a line: diffs are of models
    return f'{json.dumps(head)[:-1]}, "models": [\n{lines}\n]}}\n'


def as_csv(board: Board) -> str:
    """One number a row; `n` and the interval are empty where there are none."""
    rows: list[Sequence[object]] = [
        ("model", "slug", "origin", "metric", "category", "printed", "n", "low", "high", "note")
    ]
    for i, entry in enumerate(board.entries):
        for (metric, category), cells in board.cells.items():
            cell = cells[i]
            if cell.text or cell.note:
                named = csv_text(entry.name), entry.slug, entry.origin, metric, csv_text(category)
                rows.append((*named, cell.text, cell.n or "", *(cell.interval or ("", "")), csv_text(cell.note)))
    return csv_lines(rows)


def as_script(board: Board, placed: Sequence[Sequence[PlacedClip]]) -> str:
    """What script.js reads: `fetch` is refused to pages on a disk, a script is not.

    Args:
        placed: Each entry's clips.
    """
    samples = {sample: i for i, sample in enumerate(samples_of(board))}
    names = [m.info.id for m in board.metrics]
    data = {
        "id": board.id,
        "metrics": [{"short": m.short} for m in board.metrics],
        "categories": list(board.categories),
        "models": [
            {
                "slug": entry.slug,
                "name": entry.name,
                "cells": [[_short(board.cells[name, c][i]) for name in names] for c in board.categories],
                "clips": [_short_clip(one, samples, names) for one in clips],
            }
            for i, (entry, clips) in enumerate(zip(board.entries, placed, strict=True))
        ],
        "samples": list(samples),
    }  # fmt: skip
    # JSON.parse makes data of whatever stands in it, where JavaScript has meanings of its own ("__proto__").
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("\\", r"\\").replace("'", r"\'")
    return f"globalThis.i2vbenchBoard = JSON.parse('{text}');\n"


def _scores(board: Board, position: int) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for (metric, category), cells in board.cells.items():
        cell = cells[position]
        if not cell.text and not cell.note:
            continue
        found.setdefault(metric, {})[category] = {
            "printed": cell.text,
            "value": float(cell.text) if cell.text else None,
            "n": cell.n or None,
            "interval": [float(end) for end in cell.interval] or None,
            "note": cell.note,
        }
    return found


def _short(cell: PrintedCell) -> list[Any]:
    """[text, mark, n, low, high, note], without what is empty at its end."""
    values: list[Any] = [cell.text, cell.mark, cell.n, *(cell.interval or ("", "")), cell.note]
    while values and not values[-1]:
        values.pop()
    return values


def _short_clip(placed: PlacedClip, samples: Mapping[str, int], metrics: Sequence[str]) -> list[Any]:
    """[position of its sample, address of the video, of the first frame, scores in the order of the metrics]."""
    clip = placed.clip
    return [samples[clip.sample], placed.video, placed.first_frame, [clip.scores.get(id_, "") for id_ in metrics]]
