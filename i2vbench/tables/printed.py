"""Tables in print: what every writer is handed, so that the formats cannot drift apart."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Mark = Literal["", "best", "second"]
Direction = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class PrintedCell:
    """A cell in print.

    Attributes:
        text: The number, "" for an empty cell.
        mark: Whether it is the best or the second best.
        n: How many clips it stands on.
        short: Whether these are fewer than planned, so that n is printed with the number.
        spread: The spread in print, "" if there is none.
        note: As `Cell.note`.
        interval: The ends of its 95% interval in print; () if it has none.
        footnotes: Letters that stand behind it as superscripts; the table's notes say what for.
    """

    text: str
    mark: Mark = ""
    n: int = 0
    short: bool = False
    spread: str = ""
    note: str = ""
    interval: tuple[str, str] | tuple[()] = ()
    footnotes: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of numbers: its label, its name in a CSV, and which numbers are good where the column decides that.

    Neighbours of one `group` stand under it as a common heading. A column of words begins at the `left`.
    """

    label: str
    key: str
    unit: str = ""
    direction: Direction | None = None
    group: str = ""
    left: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line of cells, with the profiles that they were made under (`Profile.label`)."""

    label: str
    n: int
    cells: tuple[PrintedCell, ...]
    total: bool = False
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table, printed.

    Attributes:
        name: Its files' name without suffix.
        metric: The metric's id, "" for the summary.
        title: What it shows.
        unit: Of its numbers, "" if none or several.
        direction: Which numbers are good; None for the summary, whose columns say so.
        corner: What the rows are.
        headings: Its columns of numbers.
        rows: With one cell per heading.
        notes: What stands under it.
        measured: Whether the numbers are measurements of clips, each with its n, spread and profile; else they are
            counts, which need none.
        whole: Whether all its columns must stand side by side, however small that makes them.
        intervals: Whether a CSV has columns for their intervals.
    """

    name: str
    metric: str
    title: str
    unit: str
    direction: Direction | None
    corner: str
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    measured: bool = True
    whole: bool = False
    intervals: bool = False

    @property
    def groups(self) -> list[tuple[str, int]]:
        """What stands over the columns, "" for nothing, and over how many neighbours; [] if over none."""
        found = [(group, len(list(some))) for group, some in itertools.groupby(h.group for h in self.headings)]
        return found if any(group for group, _ in found) else []


def marks(printed: Sequence[str], direction: Direction) -> list[Mark]:
    """Best and second best among numbers as they are printed ("" is none); equal ones share the mark.

    Nothing is marked where only one number is there to be best.
    """
    numbers = [float(text) if text else None for text in printed]
    order = sorted({x for x in numbers if x is not None}, reverse=direction == "higher")
    if sum(x is not None for x in numbers) < 2:
        return ["" for _ in numbers]
    rank: dict[float | None, Mark] = {}
    if len(order) > 1:
        rank[order[1]] = "second"
    rank[order[0]] = "best"
    return [rank.get(x, "") if x is not None else "" for x in numbers]


def said_by(cell: PrintedCell) -> str:
    """A cell's note, and that there is no number where it says why; "" without a note."""
    return cell.note if cell.text or not cell.note else f"empty, {cell.note}"


def brackets(cell: PrintedCell) -> str:
    """A cell's interval, as text formats show it."""
    return f"[{', '.join(cell.interval)}]"


def cell_notes(said: Iterable[tuple[str, str, str]], places: Mapping[str, int]) -> list[str]:
    """What cells have to say: each text once, with the cells it is said of.

    Args:
        said: A text, whose cell it is of, and which of its cells.
        places: How many cells each has; of a text that all of them have, none is named.
    """
    where: dict[str, dict[str, list[str]]] = {}
    for text, whose, place in said:
        where.setdefault(text, {}).setdefault(whose, []).append(place)
    found = []
    for text, by_owner in where.items():
        alike: dict[str, list[str]] = {}
        for whose, some in by_owner.items():
            alike.setdefault("" if len(some) == places[whose] else ", ".join(some), []).append(whose)
        cells = [f"{', '.join(owners)} in {some}" if some else ", ".join(owners) for some, owners in alike.items()]
        found.append(f"{'; '.join(cells)}: {text}")
    return found


def notes_apart(tables: Sequence[Table]) -> tuple[list[list[str]], list[str]]:
    """(of each table, what it alone notes; what several of them note), each in the order of the tables."""
    noted = Counter(note for table in tables for note in table.notes)
    own = [[note for note in table.notes if noted[note] == 1] for table in tables]
    return own, [note for note, times in noted.items() if times > 1]
