"""What came of an import: numbers, what did not find its place, and how the counts compare with Table 4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from i2vbench.datasets.i2v_bench.categories import CATEGORIES
from i2vbench.datasets.i2v_bench.sources import Unmatched
from i2vbench.files import write_bytes
from i2vbench.texts import csv_lines, csv_text, one_line

UNMATCHED = "unmatched.csv"
MAX_TOLD = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import made.

    Attributes:
        folder: The data set's.
        clips: Clips that are here.
        missing: Rows whose clip is not here.
        unmatched: What did not find its place.
        counts: Clips that are here, by category; every category of Table 4 is in it.
        files_read: Videos that were read; the others looked as when they were read before.
    """

    folder: Path
    clips: int
    missing: int
    unmatched: tuple[Unmatched, ...]
    counts: dict[str, int]
    files_read: int

    @property
    def differences(self) -> dict[str, tuple[int, int]]:
        """(found, in Table 4) of every category where they differ."""
        return {name: (self.counts[name], n) for name, n in CATEGORIES.items() if self.counts[name] != n}


def lines_of(outcome: Outcome) -> Iterator[str]:
    """An outcome in short, for the user."""
    gone = f", and {outcome.missing:,} rows of clips that are not here" if outcome.missing else ""
    yield f"{outcome.clips:,} clips in {outcome.folder}{gone}"
    if outcome.differences:
        yield f"not as many clips as Table 4 has ({sum(CATEGORIES.values()):,}):"
        for name, (found, expected) in outcome.differences.items():
            yield f"  {name}: {found:,} {'of' if found < expected else 'instead of'} {expected:,}"
    else:
        yield f"every category has as many clips as in Table 4, {sum(CATEGORIES.values()):,} in all"
    if outcome.unmatched:
        yield f"did not find their place ({outcome.folder / UNMATCHED} has all of them):"
        yield from _grouped(outcome.unmatched)


def _grouped(unmatched: Sequence[Unmatched]) -> Iterator[str]:
    counts = Counter((entry.kind, entry.reason) for entry in unmatched)
    first = {(entry.kind, entry.reason): entry.where for entry in reversed(unmatched)}
    for (kind, reason), count in counts.most_common(MAX_TOLD):
        where = one_line(first[kind, reason])[:120]
        yield f"  {kind} {where}{f' and {count - 1:,} more' if count > 1 else ''}: {one_line(reason)}"
    if len(counts) > MAX_TOLD:
        yield f"  and {sum(counts.values()) - sum(n for _, n in counts.most_common(MAX_TOLD)):,} more"


def write_unmatched(folder: Path, unmatched: Sequence[Unmatched]) -> None:
    """OUT/unmatched.csv; none if everything found its place."""
    if not unmatched:
        (folder / UNMATCHED).unlink(missing_ok=True)
        return
    rows = [("kind", "where", "reason"), *((entry.kind, entry.where, entry.reason) for entry in unmatched)]
    write_bytes(folder / UNMATCHED, csv_lines([[csv_text(one_line(cell)) for cell in row] for row in rows]).encode())
