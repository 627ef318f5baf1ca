"""What is said of an archive, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from i2vbench.leaderboards.submission.remeasure import Compared
from i2vbench.texts import amount

MOST_LINES = 100
"""Of one kind, for people."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What came of verifying an archive.

    Attributes:
        archive: Its name.
        sha256: Its hash.
        facts: What it says of itself, by what it is.
        passed: What was looked at and holds.
        faults: What does not.
        notes: What could not be looked at, and what to know.
        seed: Of the draw; None where nothing was drawn.
        compared: Records that were measured again.
        data_set: Whether its samples were held to the data set.
        folder: The folder of a board that was held to the archive; "" if only the archive was looked at.
    """

    archive: str
    sha256: str
    facts: dict[str, str] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seed: int | None = None
    compared: list[Compared] = field(default_factory=list)
    data_set: bool = False
    folder: str = ""

    @property
    def verified(self) -> bool:
        return not self.faults

    def add(self, passed: str, faults: list[str]) -> None:
        """Note that something holds, or what in it does not."""
        if faults:
            self.faults += faults
        else:
            self.passed.append(passed)

    def as_dict(self) -> dict[str, Any]:
        return {"verified": self.verified, **asdict(self)}

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.folder:
            yield f"{self.folder}:"
        yield f"{self.archive}: sha256 {self.sha256}"
        for name, text in self.facts.items():
            yield f"  {name}: {text}"
        for clip, records in self._by_clip().items():
            yield f"measured again: {clip}: " + "; ".join(
                f"{c.metric} {c.ours}" + (f" (FAULT: {c.theirs} there)" if c.fault else "") for c in records
            )
        for label, texts in (("ok", self.passed), ("note", self.notes), ("FAULT", self.faults)):
            for text in texts[:MOST_LINES]:
                yield f"{label}: {text}"
            if len(texts) > MOST_LINES:
                yield f"{label}: and {len(texts) - MOST_LINES:,} more; --json lists all of them"
        yield self._conclusion()

    def _conclusion(self) -> str:
        if not self.verified:
            return f"Not verified: {amount(len(self.faults), 'fault')}."
        if not self.compared:
            return "Its tables follow from its measurements; nothing was measured again."
        return "Verified." if self.data_set else "Verified, but for what is the data set's (see the notes)."

    def _by_clip(self) -> dict[str, list[Compared]]:
        found: dict[str, list[Compared]] = {}
        for compared in self.compared:
            found.setdefault(compared.clip, []).append(compared)
        return found
