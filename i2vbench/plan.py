"""What a run is of: the samples that are chosen of a data set, each under every seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from i2vbench.attempt import describe
from i2vbench.datasets.base import Dataset, check_samples
from i2vbench.errors import UserError
from i2vbench.rows import SampleRow
from i2vbench.types import PlannedClip, Sample


def samples_of(dataset: Dataset, spec: str) -> Sequence[Sample]:
    """All samples of a data set, held to what the run relies on."""
    name = getattr(dataset, "name", "")
    if not isinstance(name, str) or not name:
        raise UserError(f"data set '{spec}': expected its name to be a text, got {name!r}")
    try:
        samples = list(dataset.samples())
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"data set '{spec}' cannot list its samples: {describe(error)}") from error
    check_samples(name, samples)
    return samples


def resolve_categories(samples: Sequence[Sample | SampleRow], wanted: Sequence[str] | None) -> tuple[str, ...] | None:
    """The categories that are meant, in the data set's order.

    Args:
        samples: All of them.
        wanted: Names, or several in one text, separated by commas. None takes all.

    Raises:
        UserError: For a category that the data set does not have.
    """
    if wanted is None:
        return None
    known = list(dict.fromkeys(sample.category for sample in samples))
    names: list[str] = []
    for text in wanted:
        names += [text] if text in known else [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in known]
    if not names:
        raise UserError(f"no category is named; the data set has {', '.join(known)}")
    if unknown:
        raise UserError(f"unknown category {', '.join(map(repr, unknown))}; the data set has {', '.join(known)}")
    return tuple(category for category in known if category in names)


def select(samples: Sequence[Sample], limit: int | None, categories: Sequence[str] | None) -> list[Sample]:
    """The first `limit` samples of these categories (None: of all), in the data set's order."""
    return [sample for sample in samples if categories is None or sample.category in categories][:limit]


def make_plan(samples: Sequence[Sample], seeds: Sequence[int]) -> list[PlannedClip]:
    """Every sample under every seed, in their order."""
    return [PlannedClip(sample, seed, request_seed(seed, sample.id)) for sample in samples for seed in seeds]


def request_seed(seed: int, sample_id: str) -> int:
    """The seed a model is given: of the run's seed and the sample's id alone, so that samples differ in their noise."""
    digest = hashlib.sha256(f"{seed}/{sample_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
