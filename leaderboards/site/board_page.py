"""A board's page: a row per model, a column per metric, and every category at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from i2vbench.leaderboards.entries import TOTAL
from i2vbench.leaderboards.site.boards import Board


def facts(board: Board) -> Mapping[str, Any]:
    rows = [
        {"entry": entry, "cells": [board.cells[m.info.id, TOTAL][i] for m in board.metrics]}
        for i, entry in enumerate(board.entries)
    ]
    return {"board": board, "rows": rows}
