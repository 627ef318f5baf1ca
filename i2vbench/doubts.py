"""What the metrics doubt of a data set's annotations, in a few lines however many samples it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from i2vbench.metrics.base import Metric
from i2vbench.rows import SampleRow
from i2vbench.types import Sample

MAX_LISTED = 5


def doubts(metrics: Iterable[Metric], samples: Sequence[Sample]) -> list[str]:
    """One line per metric and kind of doubt, with the count and what differs from sample to sample.

    Args:
        metrics: After `prepare`; the samples that lack what one reads are not its concern.
        samples: All those that are meant.
    """
    lines = []
    for metric in metrics:
        applies = [sample for sample in samples if sample.lacks(metric.info.reads) is None]
        told = [(sample, doubt) for sample in applies for doubt in metric.doubts(sample)]
        lines += [f"{metric.info.id}: {line}" for line in grouped(told, len(applies))]
    return lines


def grouped(told: Iterable[tuple[Sample | SampleRow, str]], total: int) -> list[str]:
    """Doubts of samples, counted by what stands before the first ": ".

    Args:
        told: Each doubt with its sample.
        total: How many samples were looked at.
    """
    kinds: dict[str, list[tuple[Sample | SampleRow, str]]] = {}
    for sample, doubt in told:
        kind, _, about = doubt.partition(": ")
        kinds.setdefault(kind, []).append((sample, about))
    lines = []
    for kind, some in kinds.items():
        different = list(dict.fromkeys(about for _, about in some if about))
        more = f" and {len(different) - MAX_LISTED} more" if len(different) > MAX_LISTED else ""
        listing = f": {'; '.join(different[:MAX_LISTED])}{more}" if different else ""
        lines.append(f"{len(some)} of {total} samples have {kind}{listing} (first: {some[0][0].id})")
    return lines
