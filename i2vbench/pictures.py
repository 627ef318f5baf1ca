"""Making the pictures that are owed, before any model is asked for a video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from i2vbench.attempt import Failure
from i2vbench.errors import UserError
from i2vbench.job import Job, Tools
from i2vbench.types import Sample

STAGE = "first frames"


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Samples whose first frames are to be made."""

    samples: Sequence[Sample]


def make_pictures(pictures: Pictures, loaded: Failure | None, tools: Tools) -> None:
    """Make and keep the pictures of some samples, or keep why one could not be made.

    Args:
        pictures: What is owed.
        loaded: Why what makes them could not be loaded; None if it is there.
        tools: What to work with.

    Raises:
        UserError: It could not be loaded: no clip could be generated.
    """
    assert tools.first_frames is not None  # or nothing would be owed
    if loaded is not None:
        raise UserError(f"the first frames cannot be made: {loaded.reason}")
    for sample in pictures.samples:
        tools.first_frames.make(sample)


def owed_pictures(job: Job) -> list[Sample]:
    """The samples of all batches in which a clip is still owed, and whose picture is not there; in the plan's order."""
    first_frames = job.tools.first_frames
    if first_frames is None:
        return []
    needed = _needed(job)
    owed = [sample for sample in needed if first_frames.is_owed(sample)]
    if owed:
        job.progress.start(STAGE, len(needed), len(needed) - len(owed), noun="pictures")
    return owed


def forget_unmade(job: Job, sample_ids: Iterable[str]) -> None:
    """Owe again the pictures of these samples that could not be made."""
    for id_ in sample_ids:
        if job.tools.first_frames is not None:
            job.tools.first_frames.forget(job.samples[id_])


def _needed(job: Job) -> list[Sample]:
    wanted: dict[str, Sample] = {}
    for name in job.tools.models:
        batches = set(job.store.owed_batches(name))
        wanted |= {
            clip.sample_id: job.samples[clip.sample_id] for clip in job.store.clips(name) if clip.batch in batches
        }
    return list(wanted.values())
