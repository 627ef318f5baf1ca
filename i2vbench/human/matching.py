"""The clips that people saw, in runs: those that were served, or the same videos measured later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.first_frames.record import identity
from i2vbench.human.study import Source, Study
from i2vbench.rows import ClipRow
from i2vbench.tables.notes import canonical, not_comparable
from i2vbench.tables.runs import Column, Run, columns_of, open_run

Places = Mapping[tuple[int, int], Sequence[Column]]
"""By source and model, the columns of the runs that may hold their clips, in the order of the runs."""

_SHOWN = 3
"""Wrong videos that are named."""


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """A study's clips in runs.

    Attributes:
        study: The study.
        runs: In the order given.
        columns: Those with a clip that people saw; `Column.run` is a position in `runs`.
        places: Where clips are looked for.
        notes: What was not found, and what could not be held to what people saw.
    """

    study: Study
    runs: Sequence[Run]
    columns: Sequence[Column]
    places: Places
    notes: Sequence[str]


def match(study: Study, folders: Sequence[Path], items: Sequence[int]) -> Matched:
    """Find the clips of some items.

    A clip is that of its source (data set and first frames), model, sample and seed. Where a run still has the video,
    it must be the one that people saw.

    Args:
        study: What people saw.
        folders: Of runs.
        items: Positions in `Study.items`.

    Raises:
        UserError: A folder is no run; no clip is there; a video is another one; the runs have several profiles.
    """
    runs = [open_run(folder) for folder in folders]
    columns = columns_of(runs)
    places = {
        (s, m): [c for c in columns if c.model == model and _is_of(runs[c.run], source)]
        for s, source in enumerate(study.sources)
        for m, model in enumerate(study.models)
    }
    planned = {column: _planned(runs[column.run], column.model) for some in places.values() for column in some}
    used: dict[Column, None] = {}
    missing: dict[int, list[str]] = {}
    videos: list[tuple[Path, str]] = []
    for position in items:
        item = study.items[position]
        for m, sha256 in enumerate(item.videos):
            found = [(c, planned[c].get((item.sample, item.seed))) for c in places[item.source, m]]
            done = [(c, clip) for c, clip in found if clip is not None and clip.state == "done"]
            used |= dict.fromkeys(c for c, _ in done)
            videos += [(runs[c.run].folder / clip.video, sha256) for c, clip in done]
            if not done:
                missing.setdefault(m, []).append(f"{item.sample}, seed {item.seed}")
    if not used:
        raise UserError(_nothing(study, runs, folders))
    chosen = [column for column in columns if column in used]
    _check_one_profile(chosen, runs)
    gone = _check_videos(videos)
    notes = [
        f"{study.models[m]}: {len(some)} of {len(items)} clips that people saw are not in these runs (first: {some[0]})"
        for m, some in sorted(missing.items())
    ]
    if gone:
        notes.append(
            f"{gone:,} of {len(videos):,} videos are not in their runs' folders any more, so they were not held to "
            "what people saw"
        )
    return Matched(study, runs, chosen, places, [*notes, *_other_profile(study, chosen, runs)])


def _is_of(run: Run, source: Source) -> bool:
    same_data = run.settings["dataset"]["fingerprint"] == source.fingerprint
    return same_data and canonical(identity(run.settings)) == canonical(source.first_frames)


def _planned(run: Run, model: str) -> dict[tuple[str, int], ClipRow]:
    return {(clip.sample_id, clip.seed): clip for clip in run.clips[model]}


def _nothing(study: Study, runs: Sequence[Run], folders: Sequence[Path]) -> str:
    """What was looked for, and what there is."""
    wanted = "; ".join(f"{source.title} (fingerprint {source.fingerprint[:8]})" for source in study.sources)
    there = "; ".join(
        f"{folder}: {run.settings['dataset']['name']} (fingerprint {str(run.settings['dataset']['fingerprint'])[:8]}), "
        f"models {', '.join(run.settings['models'])}"
        for folder, run in zip(folders, runs, strict=True)
    )
    return (
        f"no clip that people saw is in these runs: the study is of {wanted}, models {', '.join(study.models)}; the "
        f"runs are {there}; name the runs that were served, or runs of the same videos, first frames and seeds"
    )


def _check_one_profile(columns: Sequence[Column], runs: Sequence[Run]) -> None:
    used = sorted({column.run for column in columns})
    places = {run: place for place, run in enumerate(used)}
    moved = [Column(column.label, places[column.run], column.model) for column in columns]
    for difference in not_comparable(moved, [runs[run] for run in used]):
        if difference.startswith("different profiles"):
            raise UserError(f"these runs' numbers cannot be put together: {difference}; measure all under one profile")


def _other_profile(study: Study, columns: Sequence[Column], runs: Sequence[Run]) -> list[str]:
    label = runs[columns[0].run].profile.label
    if label == study.profile:
        return []
    return [f"The metrics were measured under the profile {label}; people saw the videos as {study.profile} has them"]


def _check_videos(videos: Iterable[tuple[Path, str]]) -> int:
    """Refuse videos that are not those that people saw; how many are not there to be looked at."""
    gone, wrong = 0, []
    for path, sha256 in dict.fromkeys(videos):
        if not path.is_file():
            gone += 1
        elif file_sha256(path) != sha256:
            wrong.append(path)
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise UserError(
            f"these runs have other videos than people saw ({len(wrong)}): {', '.join(map(str, wrong[:_SHOWN]))}"
            f"{more}; they were made again after the study, or the study is of other runs: name the runs that were "
            "served, or runs of the same videos"
        )
    return gone
