"""What seeds add, as a printed table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from i2vbench.compare.comparison import Comparison
from i2vbench.compare.seeds import SMALL_SHARE, Noise
from i2vbench.tables.printed import Heading, PrintedCell, Row, Table
from i2vbench.types import MetricInfo


def seed_table(rows: Sequence[tuple[MetricInfo, str, Noise]]) -> Table | None:
    """What seeds add to each metric, of whom; None where there is nothing to say.

    Args:
        rows: Metric, whose noise it is, and the noise.
    """
    if not rows:
        return None
    return Table(
        name="seeds",
        metric="",
        title="Seeds and samples",
        unit="",
        direction=None,
        corner="Metric",
        headings=tuple(Heading(label, label) for label, _ in _SEEDS),
        rows=tuple(
            Row(f"{info.title}, {of}", found.samples, tuple(PrintedCell(cell(info, found)) for _, cell in _SEEDS))
            for info, of, found in rows
        ),
        notes=_SEED_NOTES,
        measured=False,
    )


def seed_rows(comparison: Comparison) -> list[tuple[MetricInfo, str, Noise]]:
    """Of A, of B and of their differences, for each metric of which it can be told."""
    a, b = comparison.labels
    return [
        (one.info, of, found)
        for one in comparison.metrics
        for of, found in zip((a, b, f"{a} - {b}"), one.noise, strict=True)
        if found is not None
    ]


def _optional(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _fine(info: MetricInfo, value: float) -> str:
    """With a digit more than the metric prints: errors of a mean are smaller than what it is the mean of."""
    return f"{value * info.scale:.{info.decimals + 1}f}"


_SEEDS: tuple[tuple[str, Callable[[MetricInfo, Noise], str]], ...] = (
    ("samples", lambda info, found: str(found.samples)),
    ("seeds", lambda info, found: f"{found.seeds:.3g}"),
    ("mean", lambda info, found: info.print(found.mean)),
    ("SD of samples", lambda info, found: _fine(info, found.between**0.5)),
    ("SD of seeds", lambda info, found: _fine(info, found.within**0.5)),
    ("ICC", lambda info, found: _optional(found.correlation, ".2f")),
    ("SE samples", lambda info, found: _fine(info, found.error_of_samples)),
    ("SE seeds", lambda info, found: _fine(info, found.error_of_seeds)),
    ("share", lambda info, found: _optional(found.share(), ".0%").replace("%", "")),
    ("enough", lambda info, found: "" if found.enough is None else str(found.enough)),
)

_SEED_NOTES = (
    "A clip's number is taken for the mean, plus what its sample adds, plus what its seed adds (one-way random "
    "effects, by analysis of variance); SD are the standard deviations of the two, ICC the correlation of two clips of "
    "one sample.",
    "SE samples: how far the mean would be another on other samples; SE seeds: on the same samples under other "
    "seeds. Their squares add up.",
    "Share: what seeds make of the variance of the mean, in %; seeds is their harmonic mean over samples.",
    f"Enough: the fewest seeds a sample with which that share is at most {SMALL_SHARE:.0%}; more would hardly narrow "
    "the mean. Empty: samples add nothing that seeds do not.",
    "Of a difference: under the seeds that both have. A metric without a number a clip has no row.",
)
