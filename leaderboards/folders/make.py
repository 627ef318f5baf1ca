"""An archive's run, made anew of its rows -> what stands in a model's folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from i2vbench import __version__
from i2vbench.admission import BOARDS, judge
from i2vbench.errors import UserError
from i2vbench.leaderboards.folders.clips import Shown, choose_samples, make_previews
from i2vbench.leaderboards.folders.facts import all_notes, facts_of
from i2vbench.leaderboards.folders.layout import CELLS, CLIPS, SCORES
from i2vbench.leaderboards.folders.record import CellLine, ClipFacts, Record
from i2vbench.leaderboards.folders.scores import ScoreLine, as_csv, score_lines
from i2vbench.leaderboards.submission.manifest import Manifest
from i2vbench.leaderboards.submission.restore import Restored
from i2vbench.leaderboards.submission.sampling import Videos
from i2vbench.statistics import REPLICATES, Interval
from i2vbench.store import Store
from i2vbench.tables.cells import Entry
from i2vbench.tables.layout import metric_grid, print_value
from i2vbench.tables.results import Results, collect
from i2vbench.types import MetricInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What follows from an archive.

    Attributes:
        record: `cells.json`.
        scores: `scores.csv`.
        shown: The previews; None if they were not made.
    """

    record: Record
    scores: list[ScoreLine]
    shown: Shown | None

    def files(self) -> Mapping[str, bytes]:
        """The files, by name in the folder."""
        clips = {} if self.shown is None else {f"{CLIPS}/{name}": data for name, data in self.shown.files.items()}
        return {SCORES: as_csv(self.scores), CELLS: self.record.as_bytes(), **clips}


def make_contents(
    restored: Restored, manifest: Manifest, model: str, board: str, videos: Videos | None, clips: bool = True
) -> Contents:
    """What stands in the folder of a model.

    Args:
        restored: The archive's run.
        manifest: The archive's.
        model: As the archive calls it.
        board: On which it is to stand.
        videos: Where its videos are; None makes no previews.
        clips: Whether the folder shows clips.

    Raises:
        UserError: The run has none of the board's metrics.
    """
    metrics = [id_ for id_ in BOARDS[board].metrics if id_ in restored.metrics]
    if not metrics:
        raise UserError(
            f"the run has none of the metrics of the board {board}: it has {', '.join(restored.metrics)}, the board "
            f"{', '.join(BOARDS[board].metrics)}"
        )
    results = collect([restored.folder], metrics, trusted=[], replicates=REPLICATES, models=[model])
    scores = score_lines(results, results.columns[0], metrics)
    samples = choose_samples(board, restored.samples.values()) if clips else []
    record = Record(
        board=board,
        model=model,
        i2vbench=__version__,
        reasons=reasons_of(restored, model, board),
        facts=facts_of(restored, manifest, model),
        notes=all_notes(
            results.run_notes,
            [(info.title, notes) for info, notes in zip(results.metrics, results.notes, strict=True)],
        ),
        clips=_clip_facts(restored, model, samples, scores, results.metrics),
        cells=[line for position in range(len(metrics)) for line in _cells(results, position)],
    )
    shown = make_previews(restored, model, samples, videos) if videos is not None else None
    return Contents(record=record, scores=scores, shown=shown)


def reasons_of(restored: Restored, model: str, board: str) -> list[str]:
    """Why a model may not stand on a board, a sentence each; none if it may."""
    settings = {**restored.settings, "models": {model: restored.settings["models"][model]}}
    with Store.open(restored.folder) as store:
        reasons = judge(settings, store).reasons
    name = restored.settings["dataset"]["name"]
    return reasons if name == board else [*reasons, f"It is of the data set {name}, not of {board}."]


def _cells(results: Results, position: int) -> list[CellLine]:
    """One metric's cells, the total last."""
    info, last = results.metrics[position], len(results.categories) - 1
    return [
        _cell(info, None if row == last else category, entries[0])
        for row, (category, entries) in enumerate(zip(results.categories, metric_grid(results, position), strict=True))
    ]


def _cell(info: MetricInfo, category: str | None, entry: Entry) -> CellLine:
    low, high = _interval(info, entry.interval)
    return CellLine(
        metric=info.id,
        category=category,
        value=print_value(info, entry.cell.value),
        n=entry.cell.n,
        planned=entry.planned,
        low=low,
        high=high,
        note=entry.cell.note,
    )


def _interval(info: MetricInfo, interval: Interval | None) -> tuple[str, str]:
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return "", ""
    return info.print(interval.low), info.print(interval.high)


def _clip_facts(
    restored: Restored, model: str, samples: list[str], scores: list[ScoreLine], metrics: Sequence[MetricInfo]
) -> list[ClipFacts]:
    """What is said beside the clips that are shown."""
    seed, infos = restored.settings["seeds"][0], {info.id: info for info in metrics}
    printed: dict[str, dict[str, str]] = {id_: {} for id_ in samples}
    for line in scores:
        if line.sample in printed and line.seed == seed and line.value is not None:
            printed[line.sample][line.metric] = infos[line.metric].print(line.value)
    return [
        ClipFacts(
            sample=id_,
            category=restored.samples[id_].category,
            prompt=restored.samples[id_].prompt,
            seed=seed,
            scores=printed[id_],
        )
        for id_ in samples
        if restored.clips[model, id_, seed].state == "done"
    ]
