"""Making the pictures that are owed, before any model is asked for a video."""

from __future__ import annotations

from collections.abc import Iterable

from i2vbench.attempt import free_memory, try_once
from i2vbench.errors import UserError
from i2vbench.job import Job
from i2vbench.types import Sample

STAGE = "first frames"


def make_owed(job: Job) -> None:
    """Make every picture that a clip of a batch still owed needs and that is not there, or until `job.stop` is set.

    Raises:
        UserError: What makes them cannot be loaded: no clip could be generated.
    """
    first_frames = job.first_frames
    if first_frames is None:
        return
    samples = _needed(job)
    owed = [sample for sample in samples if first_frames.is_owed(sample)]
    if not owed:
        return
    job.progress.start(STAGE, len(samples), len(samples) - len(owed), noun="pictures")
    loaded = try_once(lambda: first_frames.load(job.device, job.dtype), f"{STAGE}: load")
    if loaded is not None:
        raise UserError(f"the first frames cannot be made: {loaded.reason}")
    try:
        for sample in owed:
            if job.stop.is_set():
                return
            first_frames.make(sample)
            job.progress.advance(STAGE, doing=sample.id)
    finally:
        try_once(first_frames.unload, f"{STAGE}: unload")
        free_memory()


def forget_unmade(job: Job, sample_ids: Iterable[str]) -> None:
    """Owe again the pictures of these samples that could not be made."""
    for id_ in sample_ids:
        if job.first_frames is not None:
            job.first_frames.forget(job.samples[id_])


def _needed(job: Job) -> list[Sample]:
    """The samples of all batches in which a clip is still owed, in the order of the plan."""
    wanted: dict[str, Sample] = {}
    for name in job.models:
        batches = set(job.store.owed_batches(name))
        wanted |= {
            clip.sample_id: job.samples[clip.sample_id] for clip in job.store.clips(name) if clip.batch in batches
        }
    return list(wanted.values())
