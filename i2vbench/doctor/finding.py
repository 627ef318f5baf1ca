"""What a check says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["works", "missing", "broken", "note"]
"""`missing` is not here and can be got; `broken` is here, or ought to be, and does not do its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of it.

    Attributes:
        name: What was looked at.
        state: What is the matter with it.
        says: What was seen.
        get: What mends it; "" where nothing is to be mended.
        essential: No run works without it.
    """

    name: str
    state: State
    says: str
    get: str = ""
    essential: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Findings about one thing."""

    title: str
    findings: Sequence[Finding]
