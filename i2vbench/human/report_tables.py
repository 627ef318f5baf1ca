"""A report as printed tables: the right half of Table 1 of the paper, and what is behind it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from i2vbench.errors import UserError
from i2vbench.human.report import Answered, Report
from i2vbench.human.report_words import SCORE, agreement_said, asked, how_counted, how_drawn, whose_answers, without
from i2vbench.human.shares import Estimate
from i2vbench.human.study import Study
from i2vbench.leaderboards.published import METHODS, numbers
from i2vbench.leaderboards.published.facts import facts, source_of
from i2vbench.store import folder_name
from i2vbench.tables.people import OF, People
from i2vbench.tables.printed import Heading, PrintedCell, Row, Table, marks
from i2vbench.tables.results import TOTAL

PUBLISHED = {"appearance": "Appearance consistency (%)", "motion": "Motion consistency (%)"}
"""Metrics of the paper's Table 1 by the question that they are of."""

_PUBLISHED_COUNTS = (PrintedCell("1061"), PrintedCell("13"))
"""The paper's responses and raters (Section 5.2)."""

_MARKED = "Bold is the best, underlined the second best, as printed; ties share the mark."


def report_tables(report: Report, *, published: bool = False) -> list[Table]:
    """The table of all models first.

    Args:
        report: What is said.
        published: Whether the paper's five models stand there too.

    Raises:
        UserError: The paper has nothing to stand beside this study.
    """
    return [
        _shares_table(report, published),
        *([_everybody_table(report)] if report.counted.left_out else []),
        *(_category_table(report, one) for one in report.answered if one.categories),
        *(_pairs_table(report, one) for one in report.answered if one.preferred),
    ]


def check_published(study: Study, flag: str = "--with-published") -> None:
    """Refuse the paper's shares beside other things.

    Raises:
        UserError: With what the study has instead.
    """
    ids = [question.id for question in study.questions]
    if study.mode != "choice":
        raise UserError(f"{flag}: the paper counts choices among all models, and this study is of pairs")
    if not {*ids} & {*PUBLISHED}:
        raise UserError(f"{flag}: the paper asks for {' and '.join(PUBLISHED)}, this study {', '.join(ids)}")


# -- all models -------------------------------------------------------------------------------------------------------


def _shares_table(report: Report, published: bool) -> Table:
    study = report.study
    columns, cells = [], []
    for heading, estimates, show in _columns(report):
        columns.append(heading)
        printed = [show(one) for one in estimates]
        found = zip(printed, marks([cell.text for cell in printed], "higher"), strict=True)
        cells.append([replace(cell, mark=mark) for cell, mark in found])
    first = report.answered[0].shares
    counts = [(PrintedCell(str(one.n)), PrintedCell(str(one.raters))) for one in first]
    rows = [Row(name, 0, (*(column[m] for column in cells), *counts[m])) for m, name in enumerate(study.models)]
    what = "Responses" if study.mode == "choice" else "Comparisons"
    columns += [Heading(what, what.lower()), Heading("Raters", "raters")]
    title = "Human evaluation"
    if published:
        check_published(study)
        rows += _published_rows(report)
        title = f"Human evaluation (this study, and {facts(1).cited})"
    notes = [*asked(report.answered), how_counted(study.mode), *([SCORE] if study.mode == "pairs" else [])]
    notes += [*_marked(rows), *whose_answers(report)]
    notes += how_drawn(report, (one for _, some, _ in _columns(report) for one in some))
    notes += [agreement_said(one, study.mode) for one in report.answered]
    notes += without([(_place(h), [*zip(study.models, some, strict=True)]) for h, some, _ in _columns(report)])
    if published:
        notes += _published_notes()
    return _table("human", title, "Model", columns, rows, notes)


Column = tuple[Heading, Sequence[Estimate], Callable[[Estimate], PrintedCell]]


def _columns(report: Report) -> Iterator[Column]:
    """A column a question; in pairs two, under the question's title."""
    for one in report.answered:
        id_, title = one.question.id, one.question.title
        pairs = report.study.mode == "pairs"
        label, group = ("Won", title) if pairs else (title, "")
        yield Heading(label, f"{id_}_percent", "%", "higher", group), one.shares, _percent
        if pairs:
            yield Heading("Score", f"{id_}_score", "", "higher", group), one.scores, _score


def _place(heading: Heading) -> str:
    return ", ".join(filter(None, (heading.group, heading.label)))


def _percent(one: Estimate) -> PrintedCell:
    return _cell(one, lambda value: f"{100 * value:.2f}")


def _score(one: Estimate) -> PrintedCell:
    return _cell(one, lambda value: f"{round(value, 2) + 0.0:.2f}")  # never -0.00


def _cell(one: Estimate, show: Callable[[float], str]) -> PrintedCell:
    if one.value is None:
        return PrintedCell("", note=one.note)
    interval = (show(one.interval.low), show(one.interval.high)) if one.interval else ()
    return PrintedCell(show(one.value), n=one.n, note=one.note, interval=interval)


def _published_rows(report: Report) -> list[Row]:
    """The paper's models: of another study, so that they are not compared with these."""
    printed = {(number.method, number.metric): number.text for number in numbers(1) if number.dataset == OF}
    metrics = [PUBLISHED.get(one.question.id, "") for one in report.answered]
    return [
        Row(
            f"{method} (paper)",
            0,
            (*(PrintedCell(printed.get((method, metric), "")) for metric in metrics), *_PUBLISHED_COUNTS),
        )
        for method in METHODS
    ]


def _published_notes() -> list[str]:
    source = source_of(OF, PUBLISHED["appearance"])
    return [
        f"(paper): {facts(1).cited}, as printed: another study of other videos by other people, so that its numbers "
        f"are not compared with these. {source.videos}. The paper does not say {source.unknown}."
    ]


def for_table_1(report: Report, *, intervals: bool) -> People:
    """The shares for the paper's whole Table 1, where models of runs stand that are called as the study's.

    Raises:
        UserError: The study is of pairs, or asks for other things.
    """
    check_published(report.study, "--human")
    counted = report.counted
    cells: dict[str, dict[str, PrintedCell]] = {name: {} for name in report.study.models}
    for one in report.answered:
        for name, estimate in zip(report.study.models, one.shares, strict=True):
            cell = _percent(estimate)
            if one.question.id in PUBLISHED and cell.text:
                cells[name][PUBLISHED[one.question.id]] = cell if intervals else replace(cell, interval=(), note="")
    said = (
        f"a human study of its own: {len(counted.responses):,} responses of {len(counted.raters)} raters to "
        f"{len(counted.items):,} items{', intervals over both' * intervals} (i2vbench human report has the rest); "
        "models are matched by name"
    )
    return People(cells, said)


# -- what is behind it ------------------------------------------------------------------------------------------------


def _everybody_table(report: Report) -> Table:
    """What leaving raters out changes."""
    pairs = report.study.mode == "pairs"
    columns = [
        Heading(f"{one.question.title}{', won' if pairs else ''}", f"{one.question.id}_percent", "%", "higher")
        for one in report.answered
    ]
    rows = [
        Row(name, 0, tuple(_bare_percent(one.everybody[m]) for one in report.answered))
        for m, name in enumerate(report.study.models)
    ]
    whole = report.all_counted
    notes = [f"{len(whole.responses):,} responses of {len(whole.raters)} raters, with nobody left out."]
    return _table("human-all-raters", "Human evaluation, everybody kept", "Model", columns, rows, notes)


def _bare_percent(share: float) -> PrintedCell:
    return PrintedCell("" if math.isnan(share) else f"{100 * share:.2f}")


def _category_table(report: Report, one: Answered) -> Table:
    """Rows are categories, columns are models; marks go along rows."""
    study = report.study
    count = "Responses"
    rows = []
    answered = Counter(study.items[response.task.item].category for response in report.counted.responses)
    total = TOTAL if TOTAL not in one.categories else f"{TOTAL} (total)"
    counts = [*(answered[category] for category in one.categories), answered.total()]
    lines = [*one.categories.items(), (total, one.shares)]
    for (label, estimates), number in zip(lines, counts, strict=True):
        cells = [_percent(estimate) for estimate in estimates]
        found = zip(cells, marks([cell.text for cell in cells], "higher"), strict=True)
        marked = [replace(cell, mark=mark) for cell, mark in found]
        rows.append(Row(label, 0, (PrintedCell(str(number)), *marked), total=label == total))
    labelled = [(label, [*zip(study.models, some, strict=True)]) for label, some in lines]
    drawn = how_drawn(report, itertools.chain.from_iterable(some for _, some in lines))
    notes = [*asked([one]), how_counted(study.mode), *_marked(rows), *drawn, *without(labelled)]
    columns = [Heading(count, count.lower()), *(Heading(name, name) for name in study.models)]
    made = _table(_name(one, "categories"), _titled(report, one), "Category", columns, rows, notes)
    return replace(made, unit="%", direction="higher")


def _pairs_table(report: Report, one: Answered) -> Table:
    """Who is preferred to whom, a row and a column for each model."""
    rows = [
        Row(name, 0, tuple(_percent(estimate) for estimate in line))
        for name, line in zip(report.study.models, one.preferred, strict=True)
    ]
    how = (
        "A response prefers a model that it chose to one that it did not choose; of two that it both chose, or "
        "neither, half counts for each."
        if report.study.mode == "choice"
        else "Of the comparisons of both; of a tie half counts for each."
    )
    labelled = [
        (f"{name} and {other}", estimate)
        for name, line in zip(report.study.models, one.preferred, strict=True)
        for other, estimate in zip(report.study.models, line, strict=True)
        if name < other
    ]
    notes = [how, *how_drawn(report, (estimate for _, estimate in labelled)), *without([("", labelled)])]
    columns = [Heading(name, name) for name in report.study.models]
    title = f"Human evaluation, {one.question.title}: the row's model preferred to the column's"
    made = _table(_name(one, "pairs"), title, "Model", columns, rows, notes)
    return replace(made, unit="%")


def _titled(report: Report, one: Answered) -> str:
    won = ", comparisons won" if report.study.mode == "pairs" else ""
    return f"Human evaluation, {one.question.title}{won}"


def _name(one: Answered, of: str) -> str:
    return f"human-{folder_name(one.question.id)}-{of}"


def _marked(rows: Sequence[Row]) -> list[str]:
    return [_MARKED] if any(cell.mark for row in rows for cell in row.cells) else []


def _table(
    name: str, title: str, corner: str, columns: Sequence[Heading], rows: Sequence[Row], notes: Sequence[str]
) -> Table:
    notes = tuple(dict.fromkeys(notes))
    return Table(name, "", title, "", None, corner, tuple(columns), tuple(rows), notes, measured=False)
