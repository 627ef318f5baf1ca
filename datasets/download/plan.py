"""Which downloads a set of clips comes to: those of one video share one where that brings less."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from i2vbench.datasets.download.manifest import Entry

NEAR_SECONDS = 30.0
"""Sections of a video that lie no farther apart come as one."""

MOST_SECTIONS = 2
"""A video of which more sections than this are wanted comes whole: each costs a visit to its site."""


@dataclass(slots=True)
class Job:
    """One download.

    Attributes:
        source: The video's address.
        section: (start, end) in seconds; None is the whole video.
        entries: The clips to be made of it.
        blocks: How often its site has blocked it in this run.
    """

    source: str
    section: tuple[float, float] | None
    entries: list[Entry] = field(default_factory=list)
    blocks: int = 0

    @property
    def name(self) -> str:
        """What its files' names begin with: of the address and the section, and safe."""
        what = f"{self.source}\n{self.section}"
        return hashlib.sha256(what.encode()).hexdigest()[:24]

    def alone(self, entry: Entry) -> Job:
        """The download of one clip of a section."""
        section = self.section and (entry.start or 0.0, entry.end if entry.end is not None else self.section[1])
        return Job(self.source, section, [entry])


def plan(entries: Iterable[Entry], owed: Collection[str]) -> list[Job]:
    """The downloads that some clips are owed, in the order in which their videos first appear.

    They are cut from all clips of the manifest, so that they are the same ones when some of theirs are here: what came
    of a download has its name.

    Args:
        entries: All clips.
        owed: Ids of those to be made.
    """
    by_source: dict[str, list[Entry]] = {}
    for entry in entries:
        by_source.setdefault(entry.source, []).append(entry)
    jobs = [job for source, wanted in by_source.items() for job in _jobs(source, wanted)]
    for job in jobs:
        job.entries = [entry for entry in job.entries if entry.id in owed]
    return [job for job in jobs if job.entries]


def _jobs(source: str, entries: Sequence[Entry]) -> list[Job]:
    jobs: list[Job] = []
    reach = 0.0
    for entry in sorted(entries, key=lambda e: e.start or 0.0):
        start = entry.start or 0.0
        if entry.end is None:  # to the end of the video, which is not known yet
            return [Job(source, None, list(entries))]
        if not jobs or start > reach + NEAR_SECONDS:
            if len(jobs) == MOST_SECTIONS:
                return [Job(source, None, list(entries))]
            jobs.append(Job(source, (start, entry.end)))
            reach = entry.end
        job = jobs[-1]
        assert job.section is not None
        reach = max(reach, entry.end)
        job.section = (job.section[0], reach)
        job.entries.append(entry)
    return jobs
