"""What a leaderboard shows: one entry per model and board, whether the paper printed it or a submission brought it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from i2vbench.statistics import Interval

Origin = Literal["published", "submitted", "trial"]
"""Printed in the paper; submitted and accepted; or of a run that says of itself that it may not stand on the board."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number of an entry.

    Attributes:
        printed: As every table prints it (scaled, rounded; the paper's own digits); "" if there is none.
        value: The printed number as a number, to sort by; None if there is none.
        n: How many clips it stands on; None where nobody said.
        interval: Its 95% bootstrap interval, in the printed unit; None where there are no clips to resample.
        note: What a reader must know beside it, or why it is empty.
    """

    printed: str
    value: float | None
    n: int | None = None
    interval: Interval | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownClip:
    """A clip that the pages show.

    Attributes:
        sample: Id of the sample; clips of one sample stand side by side.
        category: Its category.
        prompt: What the model was told.
        video: A small video that browsers play.
        first_frame: A picture of what the model was shown.
        scores: Printed scores by metric id.
    """

    sample: str
    category: str
    prompt: str
    video: Path
    first_frame: Path | None = None
    scores: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model on one board.

    Attributes:
        board: A key of `admission.BOARDS`.
        slug: Safe as a file name and unique on its board.
        name: The model as the tables call it.
        title: One line that says what it is.
        origin: Where it comes from. A trial has neither mark nor rank.
        facts: What it was made with, by what it is; in the order in which pages list them.
        links: Addresses (https) by what they lead to: paper, code, archive.
        scores: By metric id and category; `TOTAL` is over all clips.
        clips: What pages show of its videos.
        notes: What must be said of it as a whole, a sentence each.
    """

    board: str
    slug: str
    name: str
    title: str
    origin: Origin
    facts: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Score]]
    clips: tuple[ShownClip, ...] = ()
    notes: tuple[str, ...] = ()


TOTAL = "All"
"""The category of numbers over all clips."""
