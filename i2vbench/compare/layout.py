"""A comparison as printed tables: one over all clips, and one per metric by category."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from i2vbench.compare.comparison import SIGNIFICANT, Comparison, Difference, MetricComparison
from i2vbench.compare.paired import EXACT_UP_TO
from i2vbench.compare.words import how_tested, print_p
from i2vbench.statistics import LEAST_FOR_PERCENTILES
from i2vbench.store import folder_name
from i2vbench.tables.layout import scale_text
from i2vbench.tables.printed import Heading, PrintedCell, Row, Table
from i2vbench.texts import amount


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of differences.

    Attributes:
        heading: Its label.
        cell: What it prints of a metric's difference.
        said: What a note says of it; "" if the label says it.
    """

    heading: str
    cell: Callable[[MetricComparison, Difference], PrintedCell]
    said: str = ""


def category_tables(comparison: Comparison) -> list[Table]:
    """One per metric, if categories were compared; the total is the last row."""
    if len(comparison.categories) == 1:
        return []
    left_out = ("n", "A better", "test")
    columns = [column for column in _COLUMNS if column.heading not in left_out]
    return [_by_category(comparison, metric, columns) for metric in comparison.metrics]


def summary_table(comparison: Comparison) -> Table:
    """Metrics as rows, over all clips."""
    a, b = comparison.labels
    rows = [
        Row(one.info.title, one.total.n, tuple(column.cell(one, one.total) for column in _COLUMNS))
        for one in comparison.metrics
    ]
    said: dict[str, list[str]] = {}
    for one in comparison.metrics:
        for note in [*one.notes, *_cell_note(one.total)]:
            said.setdefault(note, []).append(one.info.title)
    about = [
        note if len(titles) == len(comparison.metrics) else f"{', '.join(titles)}: {note}"
        for note, titles in said.items()
    ]
    notes = [*_notes(comparison, _COLUMNS, comparison.metrics), *about, *comparison.notes]
    return _table("compare", f"{a} and {b}", "Metric", _COLUMNS, rows, notes)


def _by_category(comparison: Comparison, metric: MetricComparison, columns: Sequence[_Column]) -> Table:
    last = len(metric.rows) - 1
    rows = [
        Row(label, some.n, tuple(column.cell(metric, some) for column in columns), total=r == last)
        for r, (label, some) in enumerate(zip(comparison.categories, metric.rows, strict=True))
    ]
    where: dict[str, list[str]] = {}
    for label, some in zip(comparison.categories, metric.rows, strict=True):
        for note in _cell_note(some):
            where.setdefault(note, []).append(label)
    empty = [note if len(labels) > last else f"{', '.join(labels)}: {note}" for note, labels in where.items()]
    hides = [metric.info.hides] if metric.info.hides else []
    notes = [*_notes(comparison, columns, [metric]), *hides, *metric.notes, *empty, *comparison.notes]
    a, b = comparison.labels
    name = f"compare-{folder_name(metric.info.id)}"
    return _table(name, f"{metric.info.title}: {a} and {b}", "Category", columns, rows, notes)


def _cell_note(some: Difference) -> list[str]:
    empty = "empty, " if some.difference is None else ""
    return [f"{empty}{some.note}"] if some.note else []


def _table(
    name: str, title: str, corner: str, columns: Sequence[_Column], rows: Sequence[Row], notes: Sequence[str]
) -> Table:
    headings = tuple(Heading(column.heading, column.heading) for column in columns)
    notes = tuple(dict.fromkeys(notes))
    return Table(name, "", title, "", None, corner, headings, tuple(rows), notes, measured=False)


def _notes(comparison: Comparison, columns: Sequence[_Column], metrics: Sequence[MetricComparison]) -> list[str]:
    """What the columns mean, in the order in which they stand."""
    a, b = comparison.labels
    draws = comparison.draws
    found = [
        f"A is {a}, B is {b}, both on the samples that both measured; a sample's number is the mean over its seeds."
    ]
    ways: dict[str, list[str]] = {}
    for one in metrics:
        ways.setdefault(f"{one.info.direction} is better{scale_text(one.info)}", []).append(one.info.title)
    found += [f"{', '.join(titles)}: {way}." for way, titles in ways.items()]
    found += [column.said.format(replicates=draws.replicates, exact=EXACT_UP_TO) for column in columns if column.said]
    headings = [column.heading for column in columns]
    if any(one.distance for one in metrics):
        found += _distances(metrics)
    if "Holm p" in headings:
        found.append(_family(comparison, metrics))
        found += _too_few_draws(comparison)
    if "A" in headings:
        found.append(f"Bold is the better number where Holm's p is below {SIGNIFICANT:g}.")
    return found


def _distances(metrics: Sequence[MetricComparison]) -> list[str]:
    """How distances are tested; one that is slow to resample has fewer resamples than the others."""
    drawn: dict[int, list[str]] = {}
    for one in metrics:
        for count in {row.draws for row in one.rows if one.distance and row.p is not None}:
            drawn.setdefault(count, []).append(one.info.title)
    found = ["Distances have one number for all clips: they have no d, and no sample that wins or loses."]
    for count, titles in drawn.items():
        by = "their standard error, by the normal distribution"
        ways = "their percentiles" if count >= LEAST_FOR_PERCENTILES else by
        found.append(f"{', '.join(titles)}: interval and p are of {count:,} resamples of samples ({ways}).")
    return found


def _family(comparison: Comparison, metrics: Sequence[MetricComparison]) -> str:
    totals = sum(one.total.p is not None for one in comparison.metrics)
    said = f"Holm p: corrected (Holm 1979) over the {amount(totals, 'metric')} tested"
    if len(comparison.categories) == 1:
        return f"{said}."
    cells = sum(some.p is not None for one in comparison.metrics for some in one.rows[:-1])
    return f"{said} over all clips; for single categories over all {cells} cells of metrics and categories."


def _too_few_draws(comparison: Comparison) -> list[str]:
    """Where a p-value, however clear the difference, may not pass the correction."""
    families = {
        "over all clips": [(one, one.total) for one in comparison.metrics],
        "in single categories": [(one, some) for one in comparison.metrics for some in one.rows[:-1]],
    }
    found = []
    for of, family in families.items():
        tested = [(one, some) for one, some in family if some.p is not None]
        least = {some.draws: len(tested) * _smallest_p(one, some) for one, some in tested if not some.exact}
        found += [
            f"{draws} draws may be too few for the {len(tested)} tested {of}: the smallest p that they give comes to "
            f"{min(1.0, p):.2g} where no other is smaller (--replicates, --distance-replicates)."
            for draws, p in sorted(least.items())
            if p >= SIGNIFICANT
        ]
    return found


def _smallest_p(one: MetricComparison, some: Difference) -> float:
    """What p can be at least; on both sides of 0 a distance's resamples count one by one, of few none are counted."""
    if one.distance and some.by_error:
        return 0.0
    return min(1.0, (2 if one.distance else 1) / (some.draws + 1))


def _number(side: int) -> Callable[[MetricComparison, Difference], PrintedCell]:
    def cell(one: MetricComparison, some: Difference) -> PrintedCell:
        value = (some.a, some.b)[side]
        best = some.significant and some.better(one.info) == side
        return PrintedCell("" if value is None else one.info.print(value), mark="best" if best else "")

    return cell


def _difference(one: MetricComparison, some: Difference) -> PrintedCell:
    return PrintedCell("" if some.difference is None else one.info.print(some.difference), note=some.note)


def _interval(one: MetricComparison, some: Difference) -> PrintedCell:
    found = some.interval
    return PrintedCell("" if found is None else f"{one.info.print(found.low)} to {one.info.print(found.high)}")


def _samples(one: MetricComparison, some: Difference) -> PrintedCell:
    return PrintedCell("" if some.wins is None else f"{some.wins}/{some.ties}/{some.losses}")


def _decimal(value: float | None) -> PrintedCell:
    return PrintedCell("" if value is None else f"{round(value, 2) + 0.0:.2f}")  # never -0.00


_COLUMNS = (
    _Column("n", lambda one, some: PrintedCell(str(some.n)), "n is the number of samples compared."),
    _Column("A", _number(0)),
    _Column("B", _number(1)),
    _Column("A - B", _difference),
    _Column(
        "95% interval",
        _interval,
        "95% interval of A - B: percentiles over {replicates} resamples of samples, A and B together (paired "
        "bootstrap; Efron and Tibshirani 1993), widened for few samples (Hesterberg 2015).",
    ),
    _Column(
        "d",
        lambda one, some: _decimal(some.effect),
        "d is Cohen's d_z: the mean of the differences by their standard deviation; 0.2 is small, 0.5 medium, 0.8 "
        "large.",
    ),
    _Column(
        "W/T/L",
        _samples,
        "W/T/L: on how many samples A wins, ties and loses; a difference that prints as 0 is a tie.",
    ),
    _Column(
        "A better",
        lambda one, some: _decimal(some.superiority),
        "A better: the share of samples on which A is, ties counted half.",
    ),
    _Column(
        "p",
        lambda one, some: PrintedCell(print_p(some.p)),
        "p is two-sided, by flipping the signs of the differences of random samples: all ways where {exact} at most "
        "are not 0, or all of one size (McNemar's exact test), else {replicates} draws.",
    ),
    _Column("Holm p", lambda one, some: PrintedCell(print_p(some.corrected))),
    _Column("test", lambda one, some: PrintedCell(how_tested(some, one.distance))),
)
