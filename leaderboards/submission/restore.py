"""Rows of an archive -> a store in a folder of ours, by the store's own schema: tables come of it as of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from i2vbench.datasets.base import check_samples
from i2vbench.errors import UserError
from i2vbench.leaderboards.submission.archive import Members, Refused
from i2vbench.leaderboards.submission.lines import ClipLine, SampleLine, read_lines
from i2vbench.leaderboards.submission.names import CLIPS, MEASUREMENTS, SAMPLES
from i2vbench.leaderboards.submission.records import Allowed, take_records
from i2vbench.leaderboards.submission.settings_check import split_metrics
from i2vbench.plan import request_seed
from i2vbench.profiles import Profile, parse_profile
from i2vbench.store import Store, video_path
from i2vbench.types import PlannedClip, Sample

MOST_SAMPLES, MOST_CATEGORIES, MOST_CLIPS = 200_000, 1000, 2_000_000


@dataclass(frozen=True, slots=True)
class Restored:
    """A run that was made anew of an archive's rows.

    Attributes:
        folder: Where it lies.
        settings: Its run.json.
        samples: By id, as metrics are handed them.
        first_frames: By sample id, the hash of the pixels that models were shown.
        clips: By (model, sample id, seed).
        metrics: Ids of those whose cells can be made again.
        others: Ids of the others.
        faults: What in the rows cannot be as a run makes it.
    """

    folder: Path
    settings: Mapping[str, Any]
    samples: Mapping[str, Sample]
    first_frames: Mapping[str, str]
    clips: Mapping[tuple[str, str, int], ClipLine]
    metrics: list[str]
    others: list[str]
    faults: list[str] = field(default_factory=list)

    @property
    def profile(self) -> Profile:
        """What it was made under."""
        return parse_profile(self.settings["profile"])

    def video(self, clip: ClipLine) -> str:
        """Where a clip's video is in an archive, and in a run's folder."""
        return video_path(clip.model, PlannedClip(self.samples[clip.sample], clip.seed, 0))


def restore(members: Members, settings: Mapping[str, Any], folder: Path) -> Restored:
    """Make the run of an archive anew, but for its videos.

    Args:
        members: The archive.
        settings: Its run.json, as `read_run` lets it through.
        folder: For the run; it may hold its run.json already.

    Raises:
        Refused: Rows are no rows, or not those of the plan that run.json and the samples make.
    """
    samples, first_frames = _samples(members, settings)
    plan = [
        PlannedClip(sample, seed, request_seed(seed, id_))
        for id_, sample in samples.items()
        for seed in settings["seeds"]
    ]
    metrics, others = split_metrics(settings)
    if not metrics:
        raise Refused("it has no built-in metric: nobody can make its numbers again")
    with Store.create(folder, settings) as store:
        for model, made in settings["models"].items():
            store.plan(model, plan, made["batch_size"])
        store.finish_first_frames({id_: f"first_frames/{id_}.png" for id_ in first_frames})
        clips, faults = _clips(members, settings, plan, store)
        done = {key for key, row in clips.items() if row.state == "done"}
        _need(members, MEASUREMENTS)
        take_records(members, Allowed(done, samples, settings["models"], metrics, others), folder, store)
    return Restored(folder, settings, samples, first_frames, clips, metrics, others, faults)


def _samples(members: Members, settings: Mapping[str, Any]) -> tuple[dict[str, Sample], dict[str, str]]:
    _need(members, SAMPLES)
    rows = [row for _, row in islice(read_lines(members, SAMPLES, SampleLine), MOST_SAMPLES + 1)]
    clips = len(rows) * len(settings["seeds"]) * len(settings["models"])
    categories = len({row.category for row in rows})
    if len(rows) > MOST_SAMPLES or clips > MOST_CLIPS or categories > MOST_CATEGORIES:
        raise Refused(
            f"{SAMPLES}: {len(rows):,} samples in {categories:,} categories, {clips:,} clips; expected at most "
            f"{MOST_SAMPLES:,}, {MOST_CATEGORIES:,} and {MOST_CLIPS:,}"
        )
    samples = [row.sample() for row in rows]
    try:
        check_samples(settings["dataset"]["name"], samples)
    except UserError as error:
        raise Refused(f"{SAMPLES}: {error}") from error
    return (
        {sample.id: sample for sample in samples},
        {row.id: row.first_frame for row in rows if row.first_frame is not None},
    )


def _clips(
    members: Members, settings: Mapping[str, Any], plan: list[PlannedClip], store: Store
) -> tuple[dict[tuple[str, str, int], ClipLine], list[str]]:
    """The clips, which are those of the plan in its order; and those whose request's seed is not its own."""
    _need(members, CLIPS)
    clips: dict[tuple[str, str, int], ClipLine] = {}
    faults = []
    rows = read_lines(members, CLIPS, ClipLine)
    for model in settings["models"]:
        for planned in plan:
            where, row = next(rows, (CLIPS, None))
            wanted = model, planned.sample.id, planned.seed
            if row is None or row.key != wanted:
                found = "its end" if row is None else f"{row.sample} of {row.model} under seed {row.seed}"
                raise Refused(
                    f"{where}: expected the clip {wanted[1]} of {model} under seed {planned.seed}, found {found}: "
                    "clips were left out, added or put in another order"
                )
            if row.request_seed != planned.request_seed:
                faults.append(
                    f"{where}: {row.sample} of {model} was asked for with the seed {row.request_seed}; seed {row.seed} "
                    f"makes it {planned.request_seed}"
                )
            clips[wanted] = row
    if (more := next(rows, None)) is not None:
        raise Refused(f"{more[0]}: {more[1].sample} of {more[1].model} is not in the plan")
    for model in settings["models"]:
        states = {(s, seed): (row.state, row.reason) for (m, s, seed), row in clips.items() if m == model}
        store.finish_batch(model, states)
    return clips, faults


def _need(members: Members, name: str) -> None:
    if name not in members.entries:
        raise Refused(f"{name} is not in the archive")
