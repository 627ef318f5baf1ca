"""Which clips the page shows: all of them, or of very many those at the ends of each metric."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from i2vbench.first_frames.record import identity
from i2vbench.rows import ClipRow
from i2vbench.tables.results import Results
from i2vbench.tables.runs import Column, Record, records_of
from i2vbench.tables.scores import FAILED, Positions, Scores

PAGE_CLIPS = 5_000
"""Up to so many clips a page shows all: a clip takes 90 bytes of it for each metric, 370 with what built-in ones draw,
and has its previews, which take far longer than the tables (benchmarks/scale.py)."""

CHOSEN_CLIPS = 500
"""About so many it shows of more."""

Key = tuple[str, str, int]
"""A clip on the page: what its run was shown, sample, seed. Samples of other data sets or first frames stay apart."""


@dataclass(frozen=True, slots=True, eq=False)
class PageClips:
    """The clips of the page.

    Attributes:
        results: What they are of.
        places: Where each stands on the page.
        clips: Those of each column, in the order of its plan.
        note: What the page says of those that it leaves out; "" where there are none.
    """

    results: Results
    places: Mapping[Key, int]
    clips: Mapping[Column, Sequence[ClipRow]]
    note: str = ""

    def of(self, column: Column) -> Iterator[tuple[int, ClipRow]]:
        """The clips of a column, each with its place on the page."""
        keys = _keys(self.results, column, self.clips[column])
        return ((self.places[key], clip) for key, clip in zip(keys, self.clips[column], strict=True))

    def records(self, metric: str, column: Column) -> Iterator[tuple[int, Record]]:
        """What a metric says of them; nothing if the run has no such metric."""
        run = self.results.runs[column.run]
        found = records_of(run, column.model, metric, self.clips[column] if self.note else None)
        places = {(clip.sample_id, clip.seed): place for place, clip in self.of(column)}
        return ((places[record.clip.sample_id, record.clip.seed], record) for record in found)

    def seed_text(self, column: Column, seed: int) -> str:
        """The seeds of all runs that stand where this one does, as "seed 0" or "seeds 0, 4"."""
        everywhere = seed_places(self.results)
        place = everywhere[column.run][seed]
        found = {str(seed): None for own in everywhere for seed, at in own.items() if at == place}
        return f"seed{'s' if len(found) > 1 else ''} {', '.join(found)}"


def page_clips(results: Results) -> PageClips:
    """All clips of the results, or some if they are more than `PAGE_CLIPS`."""
    clips = {column: results.runs[column.run].clips[column.model] for column in results.columns}
    places = _places(results, clips)
    if len(places) <= PAGE_CLIPS:
        return PageClips(results, places, clips)
    categories = len(results.categories) - 1
    count = max(1, CHOSEN_CLIPS // (categories * (1 + 2 * len(results.metrics) * len(results.columns))))
    chosen: set[Key] = set()
    for column in results.columns:
        keys = _keys(results, column, clips[column])
        chosen.update(keys[position] for position in _ends(results, column, count))
    some = {
        column: [clip for key, clip in zip(_keys(results, column, of), of, strict=True) if key in chosen]
        for column, of in clips.items()
    }
    note = (
        f"Shown are {len(chosen):,} of {len(places):,} clips: of each category the first, and by each metric and model "
        f"the worst, the best and the first that failed, {count} each. All are in clips.csv (table --format csv)."
    )
    return PageClips(results, _places(results, some), some, note)


def seed_places(results: Results) -> list[dict[int, int]]:
    """Per run, at which place each of its seeds stands: at that of an equal seed, or else at the first free one."""
    taken: list[int] = []
    places: list[dict[int, int]] = []
    for run in results.runs:
        own = {seed: taken.index(seed) for seed in run.settings["seeds"] if seed in taken}
        for seed in run.settings["seeds"]:
            if seed not in own:
                own[seed] = next(i for i in itertools.count() if i not in own.values())
        taken += [seed for seed in own if own[seed] >= len(taken)]
        places.append(own)
    return places


def _places(results: Results, clips: Mapping[Column, Sequence[ClipRow]]) -> dict[Key, int]:
    places: dict[Key, int] = {}
    for column, some in clips.items():
        for key in _keys(results, column, some):
            places.setdefault(key, len(places))
    return places


def _keys(results: Results, column: Column, clips: Sequence[ClipRow]) -> list[Key]:
    """Clips of one sample and seed stand together; seeds that one run alone has, beside those of the others."""
    settings = results.runs[column.run].settings
    shown = f"{settings['dataset']['fingerprint']} {json.dumps(identity(settings), sort_keys=True)}"
    seeds = seed_places(results)[column.run]
    return [(shown, clip.sample_id, seeds[clip.seed]) for clip in clips]


def _ends(results: Results, column: Column, count: int) -> set[int]:
    """Of each category the first clips, and by each metric those at either end and the first that failed."""
    found: set[int] = set()
    for info in results.metrics:
        scores = results.scores(info.id, column)
        if scores is not None:
            for positions in scores.by_category.values():
                found.update(_ends_of(scores, positions, count))
    return found


def _ends_of(scores: Scores, positions: Positions, count: int) -> list[int]:
    numbered = positions[~np.isnan(scores.values[positions])]
    by_value = numbered[np.argsort(scores.values[numbered], kind="stable")]
    failed = positions[scores.states[positions] == FAILED]
    found: list[int] = np.concatenate([positions[:count], by_value[:count], by_value[-count:], failed[:count]]).tolist()
    return found
