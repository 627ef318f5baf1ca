"""Results of runs, and the paper's tables, as what figures are drawn of."""

from __future__ import annotations

from dataclasses import replace

from i2vbench.admission import BOARDS
from i2vbench.errors import UserError
from i2vbench.figures.series import Datum, Model, Scores, Series
from i2vbench.first_frames.record import identity
from i2vbench.leaderboards.entries import TOTAL, Score
from i2vbench.leaderboards.paper import DATA_SETS, SOURCES, published_entries
from i2vbench.leaderboards.published import METRIC_IDS
from i2vbench.leaderboards.published.facts import source_of
from i2vbench.registry import METRICS
from i2vbench.tables.differences import differences
from i2vbench.tables.layout import metric_table
from i2vbench.tables.notes import canonical
from i2vbench.tables.printed import PrintedCell
from i2vbench.tables.results import Results
from i2vbench.tables.runs import Column, Run

SOURCE = "Ren et al. (TMLR 07/2024)"


def paper_series(dataset: str = "i2v-bench") -> Series:
    """The paper's five models: of Table 1 for ucf101 and msrvtt, of Tables 2 and 6 to 13 for all other data sets."""
    board = _board(dataset)
    entries = published_entries(board)
    metrics = tuple(METRICS.create(id_).info for id_ in METRIC_IDS.values() if id_ in BOARDS[board].metrics)
    of = DATA_SETS[board]
    made_with = f"numbers of {SOURCE}, {SOURCES[board]}: data set {of}, the paper's protocol"
    return Series(
        models=tuple(Model(entry.name, made_with) for entry in entries),
        metrics=metrics,
        total=TOTAL,
        rows={
            info.id: {
                category: tuple(_printed(entry.scores[info.id][category]) for entry in entries)
                for category in entries[0].scores[info.id]
            }
            for info in metrics
        },
        counts={info.id: tuple(entry.scores[info.id][TOTAL].n for entry in entries) for info in metrics},
    )


def _board(dataset: str) -> str:
    """Whose published numbers stand beside those of a data set."""
    return dataset if dataset in BOARDS else "i2v-bench"


def _printed(score: Score) -> Datum:
    return Datum(score.printed, score.note if score.printed else "the paper has a dash")


def run_series(results: Results) -> Series:
    """What runs have, with what must be said of it."""
    tables = [metric_table(results, position) for position in range(len(results.metrics))]
    infos = {info.id: info for info in results.metrics}

    def clips(metric: str) -> Scores:
        scale = infos[metric].scale
        return tuple(
            tuple(r.row.value * scale for r in results.records(metric, column) if r.row and r.row.value is not None)
            for column in results.columns
        )

    return Series(
        models=tuple(_model(results, column) for column in results.columns),
        metrics=tuple(results.metrics),
        total=results.categories[-1],
        rows={
            table.metric: {row.label: tuple(_datum(cell, row.n) for cell in row.cells) for row in table.rows}
            for table in tables
        },
        counts={table.metric: tuple(cell.n for cell in table.rows[-1].cells) for table in tables},
        metric_notes={
            id_: (f"Not comparable: {infos[id_].title} was measured by other code or checkpoints in some of the runs.",)
            for id_ in results.differing
        },
        clips=clips,
    )


def with_published(ours: Series, results: Results) -> Series:
    """The paper's models after those of the runs, in the runs' rows; and how the runs differ from the paper.

    Raises:
        UserError: If runs of several data sets would need several tables of the paper.
    """
    boards = list(dict.fromkeys(_board(run.settings["dataset"]["name"]) for run in results.runs))
    if len(boards) > 1:
        needed = " and ".join(DATA_SETS[board] for board in boards)
        raise UserError(f"--with-published: the runs need numbers of {needed}; draw them one by one")
    theirs = paper_series(boards[0])
    unlike = [_unlike_paper(results.runs[column.run], boards[0]) for column in results.columns]
    missing = (Datum(note="not in the paper's tables"),) * len(theirs.models)
    unknown = (None,) * len(theirs.models)
    return replace(
        ours,
        models=(
            *(replace(m, unlike_paper=said) for m, said in zip(ours.models, unlike, strict=True)),
            *(replace(m, label=f"{m.label} (paper)", published=True) for m in theirs.models),
        ),
        rows={
            id_: {
                c: (*data, *theirs.rows.get(id_, {}).get(TOTAL if c == ours.total else c, missing))
                for c, data in rows.items()
            }
            for id_, rows in ours.rows.items()
        },
        counts={id_: (*counts, *theirs.counts.get(id_, unknown)) for id_, counts in ours.counts.items()},
        clips=lambda metric: (*ours.clips(metric), *((),) * len(theirs.models)),
    )


def _datum(cell: PrintedCell, planned: int) -> Datum:
    fewer = f"n = {cell.n} of {planned} clips" if cell.short else ""
    return Datum(cell.text, "; ".join(filter(None, [cell.note, fewer])))


def _model(results: Results, column: Column) -> Model:
    run = results.runs[column.run]
    data = run.settings["dataset"]
    of = "" if len(run.samples) == data["samples"] else f" of {data['samples']:,}"
    several = len({other.settings["dataset"]["fingerprint"] for other in results.runs}) > 1
    which = f", fingerprint {str(data['fingerprint'])[:8]}" if several else ""
    return Model(
        label=column.label,
        made_with=f"data set {data['name']} ({len(run.samples):,}{of} samples{which}), "
        f"profile {results.profile_of(column).rstrip('.')}",
        stands_on={
            "data sets": str(data["fingerprint"]),
            "first frames": canonical(identity(run.settings)),
            "profiles": canonical(run.settings["profile"]),
        },
    )


def _unlike_paper(run: Run, board: str) -> dict[str, str]:
    """As `Model.unlike_paper`."""
    of_all = differences(run, "", source_of(DATA_SETS[board], ""))
    found = {"": "; ".join(of_all)}
    for name, id_ in METRIC_IDS.items():
        if id_ in BOARDS[board].metrics and id_ in run.settings["metrics"]:
            own = differences(run, id_, source_of(DATA_SETS[board], name))
            found[id_] = "; ".join(text for text in own if text not in of_all)
    return found
