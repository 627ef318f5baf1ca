"""The models of runs as lines of the paper's tables, with what each number was made otherwise than the printed ones."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from i2vbench.datasets.i2v_bench.categories import match_category
from i2vbench.errors import UserError
from i2vbench.leaderboards.published import METRIC_IDS, numbers
from i2vbench.leaderboards.published.facts import Facts, facts, source_of
from i2vbench.run_file import read_settings
from i2vbench.tables.differences import clip_difference, differences
from i2vbench.tables.layout import metric_grid, own_cell
from i2vbench.tables.paper import Line
from i2vbench.tables.people import NOBODY, OF, People
from i2vbench.tables.printed import PrintedCell
from i2vbench.tables.results import TOTAL, Results, collect


@dataclass(frozen=True, slots=True)
class Part:
    """What a table has of one data set: `Column.key` by what the paper calls the metric, "" in Tables 6 to 13."""

    of: str
    keys: Mapping[str, str]

    @property
    def ids(self) -> list[str]:
        return [METRIC_IDS[name] for name in self.keys]


Found = Sequence[tuple[Part, Results]]


class Footnotes:
    """Letters for what is to be said of cells; an equal text has one letter."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def letter(self, text: str) -> str:
        return self._letters.setdefault(text, _letter(len(self._letters))) if text else ""

    @property
    def notes(self) -> list[str]:
        return [f"{letter}: {text}." for text, letter in self._letters.items()]


def _letter(number: int) -> str:
    letters = string.ascii_lowercase
    return letters[number] if number < len(letters) else _letter(number // len(letters) - 1) + _letter(number % 26)


Collect = Callable[[Sequence[Path], Sequence[str] | None], Results]
"""Aggregates some runs' metrics of these ids: `collect`, with whatever else it is told."""


def collect_parts(table: int, runs: Sequence[Path], collecting: Collect = collect) -> list[tuple[Part, Results]]:
    """Each part of a table with the runs that have numbers for it.

    Raises:
        UserError: Folders that are no runs, no metric of the table, or several runs of a model of which it is not told
            which belong together.
    """
    parts = _parts(facts(table))
    settings = [read_settings(run) for run in runs]
    names = [one["dataset"]["name"] for one in settings]
    chosen = {part.of: [i for i, name in enumerate(names) if _belongs(part, name, parts)] for part in parts}
    _check_told_apart({of: [(i, list(settings[i]["models"])) for i in some] for of, some in chosen.items()})
    found = []
    for part in parts:
        mine = [runs[i] for i in chosen[part.of]]
        known = {id_ for i in chosen[part.of] for id_ in settings[i]["metrics"]}
        wanted = [id_ for id_ in part.ids if id_ in known]
        if mine and wanted:
            found.append((part, collecting(mine, wanted)))
    if not found:
        there = ", ".join(dict.fromkeys(id_ for one in settings for id_ in one["metrics"])) or "none"
        listed = ", ".join(dict.fromkeys(id_ for part in parts for id_ in part.ids))
        raise UserError(f"no metric of Table {table} in these runs: it is of {listed}; they have {there}")
    return found


def own_lines(about: Facts, found: Found, footnotes: Footnotes, people: People = NOBODY) -> list[Line]:
    """Every model of the runs; those of Table 1 that have one label in both of its parts are one line.

    Args:
        about: The table.
        found: From `collect_parts`.
        footnotes: Given letters.
        people: A human study whose models are called as the lines are.
    """
    cells: dict[str, dict[str, PrintedCell]] = {}
    profiles: dict[str, list[str]] = {}
    for part, results in found:
        for c, column in enumerate(results.columns):
            mine = cells.setdefault(column.label, {})
            profiles.setdefault(column.label, []).append(results.profile_of(column))
            for name, key in part.keys.items():
                mine |= _cells(results, name, c, part.of, key, footnotes)
    for label, some in cells.items():
        some |= _of_people(about, label, people, footnotes)
    lines = [
        Line(label=label, cells=some, profile="; ".join(dict.fromkeys(profiles[label])))
        for label, some in cells.items()
    ]
    return (
        [_explained(about, line, found, people) for line in lines]
        if about.columns
        else [_ordered(about, x) for x in lines]
    )


def _parts(about: Facts) -> list[Part]:
    keys: dict[str, dict[str, str]] = {}
    for column in about.columns:
        if column.metric in METRIC_IDS:
            keys.setdefault(column.of, {})[column.metric] = column.key
    first = numbers(about.table)[0]
    return [Part(of, some) for of, some in keys.items()] or [Part(first.dataset, {first.metric: ""})]


def _belongs(part: Part, dataset: str, parts: Sequence[Part]) -> bool:
    """Whether a run's numbers stand in a part: those of its own data set, of no other's; else they stand in all."""
    own = [one for one in parts if _is_of(dataset, source_of(one.of, next(iter(one.keys))).dataset)]
    return part in (own or parts)


def _is_of(dataset: str, name: str) -> bool:
    """Whether a data set is that one or another draw of it ("ucf101-stride-1")."""
    return dataset == name or dataset.startswith(f"{name}-")


def _check_told_apart(models: Mapping[str, Sequence[tuple[int, Sequence[str]]]]) -> None:
    """Several runs of a model are as many rows, but only where each of them is in every part that one of them is in.

    Args:
        models: By part, its runs with their models.
    """
    for model in dict.fromkeys(name for runs in models.values() for _, names in runs for name in names):
        having = {of: tuple(i for i, names in runs if model in names) for of, runs in models.items()}
        some = {of: found for of, found in having.items() if found}
        if len(set(some.values())) > 1 and max(map(len, some.values())) > 1:
            listed = " and ".join(f"{len(found)} of {of}" for of, found in some.items())
            raise UserError(
                f"model {model}: these are several runs ({listed}), and which of them make one row is not told: give "
                "one of each"
            )


def _cells(results: Results, name: str, c: int, of: str, key: str, footnotes: Footnotes) -> dict[str, PrintedCell]:
    """A metric's cells of one column of the results, by `Column.key` or category."""
    positions = [m for m, info in enumerate(results.metrics) if info.id == METRIC_IDS[name]]
    if not positions:
        return {}
    info, source, run = results.metrics[positions[0]], source_of(of, name), results.runs[results.columns[c].run]
    rows = [line[c] for line in metric_grid(results, positions[0])]
    entries = {key: rows[-1]} if key else dict(zip(_categories(results), rows, strict=True))
    cells = {place: own_cell(entry, info) for place, entry in entries.items()}
    how = "; ".join(differences(run, info.id, source))
    counts = {
        place: text
        for place, cell in cells.items()
        if cell.text and (text := clip_difference(run, source, TOTAL if key else place, cell.n))
    }
    listed = ", ".join(text if key else f"{place} {text}" for place, text in counts.items())
    counted = f"clips measured: {listed}" if counts else ""
    return {
        place: replace(cell, footnotes=_letters(footnotes, how, counted if place in counts else ""))
        if cell.text
        else cell
        for place, cell in cells.items()
    }


def _letters(footnotes: Footnotes, *texts: str) -> str:
    return ",".join(filter(None, map(footnotes.letter, texts)))


def _categories(results: Results) -> list[str]:
    """The rows of the results as the paper calls them, where it has them; each once, the total last."""
    own = results.categories[:-1]
    taken = {name for name in own if match_category(name) in (None, name)}
    found = []
    for name in own:
        paper = match_category(name)
        if name not in taken and paper is not None and paper not in taken:
            taken.add(paper)
            name = paper
        found.append(f"{name} (category)" if name == TOTAL else name)
    return [*found, TOTAL]


def _of_people(about: Facts, label: str, people: People, footnotes: Footnotes) -> dict[str, PrintedCell]:
    found = people.cells.get(label, {})
    return {
        column.key: replace(found[column.metric], footnotes=footnotes.letter(people.said))
        for column in about.columns
        if column.of == OF and column.metric in found
    }


def _explained(about: Facts, line: Line, found: Found, people: People) -> Line:
    """With why a cell is empty."""
    there = {part.of for part, results in found if line.label in {column.label for column in results.columns}}
    cells = dict(line.cells)
    for column in about.columns:
        if column.key in cells:
            continue
        if column.metric in METRIC_IDS:
            reason = "this run has no such metric" if column.of in there else f"no run of {column.of} was given"
        else:
            nobody = (
                "the study has no such answers of this model" if people.cells else "a run holds no answers of people"
            )
            reason = nobody if column.of == OF else "a run does not state it"
        cells[column.key] = PrintedCell("", note=reason)
    return replace(line, cells=cells)


def _ordered(about: Facts, line: Line) -> Line:
    """With the paper's categories in its order, and of others those with numbers."""
    order = dict.fromkeys(number.category for number in numbers(about.table))
    kept = {name: cell for name, cell in line.cells.items() if name in order or cell.text}
    return replace(line, cells={name: kept[name] for name in [*order, *kept] if name in kept})
