"""How a model gets onto a board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from i2vbench.leaderboards.site.boards import Board


def facts(boards: Sequence[Board]) -> Mapping[str, Any]:
    """The steps are the template's; only the commands that make a run differ by board."""
    return {"runs": "\n".join(f"{board.command:<66}  # {board.title}" for board in boards)}
