"""Which metrics agree with people, in print: a table a question, and all of it as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from i2vbench.human.correlate import Answered, Correlated
from i2vbench.human.correlate_lines import OF_CLIPS, Line, Number
from i2vbench.statistics import LEAST_FOR_PERCENTILES
from i2vbench.store import folder_name
from i2vbench.tables.notes import run_notes
from i2vbench.tables.plain import Plain
from i2vbench.tables.printed import Heading, PrintedCell, Row, Table, marks

PEOPLE = "One rater"


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of numbers.

    Attributes:
        key: As `Line.numbers` has it.
        group: What stands over it.
        label: Its heading.
        marked: Whether the best metric is marked: of a handful of models too many metrics would share it by chance.
    """

    key: str
    group: str
    label: str
    marked: bool = False


_COLUMNS = (
    _Column("sample_rho", "Per sample", "rho", marked=True),
    _Column("sample_tau", "Per sample", "tau", marked=True),
    _Column("agreement", "Pairs", "agree", marked=True),
    _Column("pooled_rho", "All clips", "rho"),
    _Column("pooled_tau", "All clips", "tau"),
    _Column("model_rho", "Per model", "rho"),
    _Column("model_tau", "Per model", "tau"),
    _Column("vbench_rho", "VBench", "wins rho"),
)

_MEANING = (
    "Per sample: Spearman's rho and Kendall's tau-b between the metric and a clip's share of the votes, over the "
    "models of one sample, averaged over the samples where both vary; n says how many.",
    "Pairs: of all preferences of a rater between two models on a sample, the share in which the metric prefers the "
    "same one, in %, its ties counting half; 50 is chance.",
    "All clips: the same correlations over all clips at once, whatever their samples.",
    "Per model: between the models' numbers in the metric and their shares of the votes.",
    "VBench: Spearman's rho over models between win ratios in the metric and in the votes (Huang et al., CVPR 2024, "
    "section 4.2).",
    "Metrics of which lower is better are turned: + always means that the metric agrees with people.",
)


def tables(found: Correlated) -> list[Plain]:
    """One for each question."""
    return [_table(found, answered) for answered in found.answers]


def as_json(found: Correlated) -> dict[str, Any]:
    """All of it, unrounded; shares of 1, not of 100."""
    return {
        "models": list(found.counted.study.models),
        "mode": found.counted.study.mode,
        "responses": len(found.counted.responses),
        "raters": len(found.counted.raters),
        "items": len(found.counted.items),
        "left_out": {str(rater): why for rater, why in found.counted.left_out.items()},
        "replicates": found.replicates,
        "questions": [
            {
                "question": answered.question.id,
                "text": answered.question.text,
                "metrics": [_json_line(line) for line in answered.metrics],
                "people": _json_line(answered.people),
            }
            for answered in found.answers
        ],
        "notes": _common_notes(found),
    }


def _table(found: Correlated, answered: Answered) -> Plain:
    lines = [*answered.metrics, answered.people]
    grid = [[_cell(line.numbers.get(c.key), c.key, line.why.get(c.key, "")) for c in _COLUMNS] for line in lines]
    for i, column in enumerate(_COLUMNS):
        if column.marked:
            best = marks([row[i].text for row in grid[:-1]], "higher")
            for row, mark in zip(grid[:-1], best, strict=True):
                row[i] = replace(row[i], mark="best" if mark == "best" else "")
    rows = [
        Row(
            _label(line),
            line.items,
            (PrintedCell(str(line.varying) if line.varying else ""), *cells),
            line.info is None,
        )
        for line, cells in zip(lines, grid, strict=True)
    ]
    headings = (
        Heading("n", "n"),
        *(Heading(c.label, c.key, "%" * (c.key == "agreement"), None, c.group) for c in _COLUMNS),
    )
    notes = [*_column_notes(answered), *_line_notes(lines, found.replicates > 0), *_common_notes(found)]
    if any(cell.mark for row in grid for cell in row):
        notes.insert(len(_MEANING), "Bold is the best metric, as printed; ties share the mark.")
    title = f"{answered.question.title}: metrics and people"
    name = f"correlate-{folder_name(answered.question.id)}"
    table = Table(
        name, "", title, "", None, "Metric", headings, tuple(rows), tuple(dict.fromkeys(notes)), measured=False,
    )  # fmt: skip
    ids = tuple(
        replace(row, label=line.info.id if line.info else "people") for row, line in zip(rows, lines, strict=True)
    )
    return Plain(table, replace(table, rows=ids))


def _label(line: Line) -> str:
    return line.info.title if line.info else PEOPLE


def _cell(number: Number | None, key: str, why: str) -> PrintedCell:
    if number is None:
        return PrintedCell("", note=why)
    ends = () if number.interval is None else (_print(number.interval.low, key), _print(number.interval.high, key))
    return PrintedCell(_print(number.value, key), interval=ends)


def _print(value: float, key: str) -> str:
    return f"{value * 100:.1f}" if key == "agreement" else f"{round(value, 2) + 0.0:.2f}"  # never -0.00


def _column_notes(answered: Answered) -> list[str]:
    found = list(_MEANING)
    found.append(
        f"{PEOPLE}: each rater in place of a metric, held to what the other raters say of the same samples; n is the "
        "number of responses that its correlations per sample stand on. One answer leaves most videos level, so a "
        "metric above this row need not judge better than a person."
    )
    few = sorted({line.models for line in answered.metrics if line.models})
    found += [_few_models(models) for models in few]
    return found


def _few_models(models: int) -> str:
    orders = math.factorial(models)
    return (
        f"{models} models can be ordered in {orders:,} ways, so that even rho = 1 over models has a two-sided p of "
        f"{2 / orders:.2g}; read columns over models with that in mind."
    )


def _line_notes(lines: Sequence[Line], drawn: bool) -> list[str]:
    """What is said of single metrics, each text once with those that it is said of; `drawn` if there are resamples."""
    said: dict[str, list[str]] = {}
    for line in lines:
        reasons: dict[str, list[str]] = {}
        for key, why in line.why.items():
            reasons.setdefault(why, []).append(key)
        for why, keys in reasons.items():
            said.setdefault(f"{_where(keys)} ({why})", []).append(_label(line))
        for note in (*line.notes, *([line.too_few] if drawn and line.too_few else [])):
            said.setdefault(note, []).append(_label(line))
    metrics = [_label(line) for line in lines if line.info]
    return [
        f"{'All metrics' if labels == metrics and len(metrics) > 1 else ', '.join(labels)}: {note.rstrip('.')}."
        for note, labels in said.items()
    ]


def _where(keys: Sequence[str]) -> str:
    """Which columns are empty."""
    if {*keys} == {*OF_CLIPS}:
        return "empty but per model"
    listed = ", ".join(f"{column.group} {column.label}" for column in _COLUMNS if column.key in keys)
    return "empty" if len(keys) == len(_COLUMNS) else f"empty in {listed}"


def _common_notes(found: Correlated) -> list[str]:
    counted, matched = found.counted, found.matched
    study = counted.study
    raters, items = len(counted.raters), len(counted.items)
    notes = [
        f"{len(counted.responses):,} responses of {raters} raters to {items} of {len(study.items)} samples, "
        f"{len(study.models)} models."
    ]
    if counted.left_out:
        out = len(counted.left_out)
        notes.append(f"Left out: {out} rater{'s' * (out > 1)}, by the rule on checks (--keep-all keeps them).")
    every = (line for answered in found.answers for line in (*answered.metrics, answered.people))
    if any(number.interval for line in every for number in line.numbers.values()):
        by = "percentiles" if found.replicates >= LEAST_FOR_PERCENTILES else "standard errors"
        notes.append(
            f"Brackets: 95% bootstrap intervals ({by} of {found.replicates:,} resamples of raters and samples, widened "
            "for few of either). A model's number that is no mean over clips, as FVD's, is the same in all resamples."
        )
    labels = dict.fromkeys(column.run for column in matched.columns)
    used = [matched.runs[i] for i in labels]
    moved = [replace(column, run=[*labels].index(column.run)) for column in matched.columns]
    differing = len(study.sources) > 1
    about = [note for note in run_notes(moved, used) if not (differing and note.startswith("DIFFERENT"))]
    return [*notes, *(f"{note.rstrip('.')}." for note in matched.notes), *about]


def _json_line(line: Line) -> Mapping[str, Any]:
    who: dict[str, Any] = {"of": "people"}
    if line.info is not None:
        who = {name: getattr(line.info, name) for name in ("id", "title", "direction")}
    numbers = {
        column.key: _json_number(line.numbers.get(column.key), line.why.get(column.key, "")) for column in _COLUMNS
    }
    counts = {"items": line.items, "varying": line.varying, "models": line.models}
    return {**who, **counts, **numbers, "notes": list(line.notes)}


def _json_number(number: Number | None, why: str) -> dict[str, Any]:
    if number is None:
        return {"value": None, "interval": None, "note": why}
    ends = None if number.interval is None else [number.interval.low, number.interval.high]
    return {"value": number.value, "interval": ends}
