"""What figures are drawn of: models, metrics and printed numbers, wherever they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from i2vbench.errors import UserError
from i2vbench.types import MetricInfo

Scores = tuple[tuple[float, ...], ...]
"""Per model, the scores of its clips in the printed unit."""


@dataclass(frozen=True, slots=True)
class Datum:
    """One number.

    Attributes:
        text: As the tables print it, "" if there is none.
        note: Why there is none, or what must be said beside it.
    """

    text: str = ""
    note: str = ""

    @property
    def value(self) -> float | None:
        """In the printed unit."""
        return float(self.text) if self.text else None


@dataclass(frozen=True, slots=True)
class Model:
    """What is drawn as one line, point or column.

    Attributes:
        label: Its name in the figure.
        made_with: Data set and profile, or where its numbers are printed; begins in lower case.
        stands_on: What must be equal for models to be comparable, by what it is called.
        published: Whether it is the paper's, beside models of runs.
        unlike_paper: How its numbers were made otherwise than the paper's, by metric id; "" is of all metrics.
    """

    label: str
    made_with: str = ""
    stands_on: Mapping[str, str] = field(default_factory=dict)
    published: bool = False
    unlike_paper: Mapping[str, str] = field(default_factory=dict)


def _no_clips(metric: str) -> Scores:
    raise UserError(
        "histograms are of the scores of single clips, and the paper prints none: name the folder of a run instead"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """All that figures are drawn of.

    Attributes:
        models: In the order of the tables.
        metrics: In the order of the tables.
        total: The category over all clips.
        rows: By metric id, then category (the total last), one number per model.
        counts: By metric id, on how many clips each model's total stands; None where nobody said.
        metric_notes: What stands under figures that show a metric, by its id.
        clips: Scores of the clips by metric id.
    """

    models: tuple[Model, ...]
    metrics: tuple[MetricInfo, ...]
    total: str
    rows: Mapping[str, Mapping[str, tuple[Datum, ...]]]
    counts: Mapping[str, tuple[int | None, ...]]
    metric_notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clips: Callable[[str], Scores] = _no_clips

    def totals(self, metric: str) -> tuple[Datum, ...]:
        """One number per model, over all clips."""
        return self.rows[metric][self.total]

    def measured(self, metric: str) -> bool:
        """Whether any model has a number over all clips."""
        return any(datum.text for datum in self.totals(metric))

    def values(self, metric: str) -> list[float]:
        """The numbers over all clips that are there."""
        return [datum.value for datum in self.totals(metric) if datum.value is not None]

    def of_models(self, labels: Collection[str]) -> Series:
        """The same of some models alone, in their order here.

        Raises:
            UserError: If one of them is not there.
        """
        there = [model.label for model in self.models]
        if unknown := [label for label in labels if label not in there]:
            raise UserError(f"no model '{unknown[0]}' to draw: there are {', '.join(there)}")
        kept = [i for i, label in enumerate(there) if label in labels]
        clips = self.clips
        return replace(
            self,
            models=tuple(self.models[i] for i in kept),
            rows={
                id_: {category: tuple(data[i] for i in kept) for category, data in rows.items()}
                for id_, rows in self.rows.items()
            },
            counts={id_: tuple(counts[i] for i in kept) for id_, counts in self.counts.items()},
            clips=lambda metric: tuple(clips(metric)[i] for i in kept),
        )

    def of_metrics(self, ids: Sequence[str]) -> Series:
        """The same of some metrics alone, in the order given.

        Raises:
            UserError: If one of them is not there.
        """
        by_id = {info.id: info for info in self.metrics}
        if unknown := [id_ for id_ in ids if id_ not in by_id]:
            raise UserError(f"no metric '{unknown[0]}' to draw: there are {', '.join(by_id)}")
        return replace(self, metrics=tuple(by_id[id_] for id_ in dict.fromkeys(ids)))


def heading(info: MetricInfo) -> str:
    """A metric as figures call it: title, unit, and an arrow to where numbers are good."""
    unit = f" ({info.unit})" if info.unit else ""
    return f"{info.title}{unit} {'↑' if info.direction == 'higher' else '↓'}"


def notes_for(series: Series, metrics: Sequence[MetricInfo], *own: str) -> list[str]:
    """What stands under a figure of these metrics, a paragraph each: first what cannot be compared, then the rest."""
    of_metrics = [note for info in metrics for note in series.metric_notes.get(info.id, ())]
    of_metrics += _unlike_in(series, metrics)
    counts = [count_line(series, metrics, published=published) for published in (False, True)]
    found = list(dict.fromkeys(filter(None, [*standing_notes(series.models), *counts, *of_metrics, *own])))
    warnings = [note for note in found if note.startswith(_WARNING)]
    return [*warnings, " ".join(note for note in found if note not in warnings)]


_WARNING = "Not comparable"
_UNLIKE_PAPER = f"{_WARNING} with the paper's models"


def standing_notes(models: Sequence[Model]) -> list[str]:
    """What stands under every figure of these models: what cannot be compared, data sets and profiles."""
    ours = [model for model in models if not model.published]
    theirs = [model for model in models if model.published]
    names = dict.fromkeys(name for model in ours for name in model.stands_on)
    differing = [name for name in names if len({model.stands_on.get(name) for model in ours}) > 1]
    found = [f"{_WARNING}: the models stand on different {' and '.join(differing)}."] if differing else []
    made_with = _grouped(ours, [model.made_with for model in ours])
    for text, labels in made_with.items():
        found.append(f"{text[0].upper()}{text[1:]}." if len(made_with) == 1 else f"{', '.join(labels)}: {text}.")
    if theirs:
        found += [f"(paper): {text}." for text in _grouped(theirs, [model.made_with for model in theirs])]
        for reasons, labels in _grouped(ours, [model.unlike_paper.get("", "") for model in ours]).items():
            found.append(f"{_UNLIKE_PAPER}: {', '.join(labels)}, with {reasons}.")
    return found


def _unlike_in(series: Series, metrics: Sequence[MetricInfo]) -> list[str]:
    """Of which metrics alone models cannot be compared with the paper's."""
    if not any(model.published for model in series.models):
        return []
    titles: dict[tuple[str, str], list[str]] = {}
    for info in metrics:
        for reasons, labels in _grouped(
            series.models, [model.unlike_paper.get(info.id, "") for model in series.models]
        ).items():
            titles.setdefault((reasons, ", ".join(labels)), []).append(info.title)
    return [
        f"{_UNLIKE_PAPER}: {labels} in {' and '.join(some)}, with {reasons}."
        for (reasons, labels), some in titles.items()
    ]


def _grouped(models: Sequence[Model], told: Sequence[str]) -> dict[str, list[str]]:
    """The labels of models by what is told of them, if anything is."""
    groups: dict[str, list[str]] = {}
    for model, said in zip(models, told, strict=True):
        if said:
            groups.setdefault(said, []).append(model.label)
    return groups


def count_line(series: Series, metrics: Sequence[MetricInfo], *, published: bool) -> str:
    """On how many clips the numbers over all clips stand; where metrics differ in it, which. "" if nobody said."""
    said: dict[str, str] = {}
    for info in metrics:
        them = zip(series.models, series.totals(info.id), series.counts[info.id], strict=True)
        counts = sorted(
            {n for model, datum, n in them if n is not None and datum.text and model.published is published}
        )
        if counts:
            said[info.title] = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    if not said:
        return ""
    most = Counter(said.values()).most_common(1)[0][0]
    others: dict[str, list[str]] = {}
    for title, text in said.items():
        if text != most:
            others.setdefault(text, []).append(title)
    apart = "; ".join(f"{', '.join(titles)}: {text}" for text, titles in others.items())
    return f"{'(paper): ' * published}n = {most} clips a model" + (f" ({apart})." if apart else ".")


def datum_notes(series: Series, rows: Mapping[str, Sequence[Datum]], *, empty: bool) -> list[str]:
    """What the numbers that are there, or the empty ones, have to say: each text once, with the models and rows."""
    where: dict[str, dict[str, list[str]]] = {}
    for row, data in rows.items():
        for model, datum in zip(series.models, data, strict=True):
            if datum.note and empty is not bool(datum.text):
                where.setdefault(datum.note, {}).setdefault(model.label, []).append(row)
    found = []
    for text, by_model in where.items():
        places: dict[str, list[str]] = {}
        for label, some in by_model.items():
            places.setdefault("" if len(some) == len(rows) else f" in {', '.join(some)}", []).append(label)
        found.append("; ".join(f"{', '.join(labels)}{place}" for place, labels in places.items()) + f": {text}.")
    return found
