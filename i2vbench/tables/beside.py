"""Runs in the layout of the paper's tables, alone or beside the published numbers.

Numbers of runs are rounded; the published ones stay as they are printed. A number of a run that was made otherwise has
footnotes that say how, and is not compared with the published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from i2vbench.leaderboards.published import METRIC_IDS
from i2vbench.leaderboards.published.facts import Facts, facts
from i2vbench.tables.layout import metric_notes
from i2vbench.tables.own_lines import Collect, Footnotes, Found, collect_parts, own_lines
from i2vbench.tables.paper import Line, lay_out, published_lines
from i2vbench.tables.people import NOBODY, OF, People
from i2vbench.tables.plain import Plain
from i2vbench.tables.printed import cell_notes, said_by
from i2vbench.tables.results import collect

_CUT = "Object and scene consistency: the paper cuts the last digit, numbers of runs are rounded."
_CUT_IN = (2, 10, 11)


@dataclass(frozen=True, slots=True)
class RunsTable:
    """A table, and why metrics of it have no numbers because their code did not run, by id."""

    table: Plain
    not_run: Mapping[str, str]


def runs_table(
    table: int, runs: Sequence[Path], published: bool, collecting: Collect = collect, people: People = NOBODY
) -> RunsTable:
    """The models of some runs as one of the paper's tables has them.

    Args:
        table: One of 1, 2, 5, 6, ..., 13.
        runs: Their folders. Of Table 1, a model's runs of ucf101 and of msrvtt make one row; a run of another data set
            stands in the columns of both, with footnotes.
        published: Whether the paper's own rows or columns stand there too.
        collecting: Aggregates them.
        people: What a human study says of the models; Table 1 has columns for it.

    Raises:
        UserError: As `collect_parts`.
    """
    about = facts(table)
    found = collect_parts(table, runs, collecting)
    footnotes = Footnotes()
    own, there = own_lines(about, found, footnotes, people), published_lines(about) if published else []
    names = {line.label for line in there}
    human = {column.key for column in about.columns if column.of == OF}
    own = [replace(line, label=f"{line.label} (run)") if line.label in names else line for line in own]

    def rivals(line: Line, key: str) -> bool:
        if published:
            return not line.profile or (key in line.cells and not line.cells[key].footnotes)
        return key in human or _comparable(found, key)

    said = f"{about.cited}, and runs" if published else f"runs, laid out as {about.cited}"
    made = lay_out(about, [*there, *own], f"{about.title} ({said})", (), rivals)
    notes = tuple(dict.fromkeys(_notes(about, made, own, found, footnotes, published)))
    plain = Plain(replace(made.shown, notes=notes), replace(made.data, notes=notes))
    return RunsTable(plain, {id_: why for _, results in found for id_, why in results.not_run.items()})


def _comparable(found: Found, key: str) -> bool:
    """Whether the runs of a column of Tables 1, 2 and 5, or of all of Tables 6 to 13, can be compared."""
    for part, results in found:
        for name, own_key in part.keys.items():
            if own_key in (key, ""):
                return results.comparable and METRIC_IDS[name] not in results.differing
    return False


def _notes(
    about: Facts, made: Plain, own: Sequence[Line], found: Found, footnotes: Footnotes, published: bool
) -> list[str]:
    cells = [cell for row in made.shown.rows for cell in row.cells]
    notes = list(about.abbreviations)
    if any(cell.mark for cell in cells):
        among = "; numbers with a letter are not compared" if published and footnotes.notes else ""
        notes.append(f"Bold is the best, underlined the second best, as printed; ties share the mark{among}.")
    notes += footnotes.notes
    if any(cell.short for cell in cells):
        notes.append("(n=...) says on how many clips a number stands where these are not all that were planned.")
    if published and about.table in _CUT_IN:
        notes.append(_CUT)
    notes += _cell_notes(about, own)
    for _, results in found:
        notes += [*metric_notes(results), *results.run_notes]
    return [*notes, *(about.notes if published else ())]


def _cell_notes(about: Facts, own: Sequence[Line]) -> list[str]:
    """What cells of runs have to say, by line."""
    names = {c.key: f"{c.label} ({c.group})" if c.group else c.label for c in about.columns}
    said = [
        (f"{text}.", line.label, names.get(key, key))
        for line in own
        for key, cell in line.cells.items()
        if (text := said_by(cell))
    ]
    return cell_notes(said, {line.label: len(line.cells) for line in own})
