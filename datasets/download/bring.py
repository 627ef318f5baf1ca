"""One download and the clips of it, from the site to their records."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from i2vbench.datasets.download.clips import look, make_clip
from i2vbench.datasets.download.faults import SiteFault
from i2vbench.datasets.download.manifest import Entry
from i2vbench.datasets.download.options import SiteOptions
from i2vbench.datasets.download.pace import Pace
from i2vbench.datasets.download.plan import Job
from i2vbench.datasets.download.records import ClipRecord, Records, VideoRecord
from i2vbench.datasets.download.site import Description, Fetched, Site, Stopped
from i2vbench.parsing import parse_json
from i2vbench.texts import one_line
from i2vbench.video import VideoInfo


class Bringer:
    """Brings videos, and makes the clips of them.

    Args:
        out: The data set's folder, with `clips/`.
        options: How sites are talked to.
        records: What came already.
        site: Where videos come from.
        pace: When a download may begin.
    """

    def __init__(self, out: Path, options: SiteOptions, records: Records, site: Site, pace: Pace) -> None:
        self._out, self._options, self._records, self._site, self._pace = out, options, records, site, pace
        self.workshop = out / ".download"
        self._videos, self._making = self.workshop / "videos", self.workshop / "clips"
        for folder in (self._videos, self._making):
            folder.mkdir(parents=True, exist_ok=True)

    def bring(self, job: Job, before: Mapping[str, ClipRecord]) -> Iterator[ClipRecord]:
        """The record of each of the job's clips, here or failed.

        Raises:
            SiteFault: The video cannot be had, for all of them.
            Stopped: The run was stopped.
        """
        fetched, info = self._video(job)
        for entry in job.entries:
            yield self._clip(entry, fetched, info, before)
        self._forget(job.name, fetched)

    def failed(self, entry: Entry, fault: SiteFault, before: Mapping[str, ClipRecord]) -> ClipRecord:
        """The record of a clip that cannot be had."""
        return self._record(entry, before, "failed", kind=fault.kind, reason=fault.reason)

    def _video(self, job: Job) -> tuple[Fetched, VideoInfo]:
        """The job's video, of an earlier run or from its site, and what it shows.

        Raises:
            SiteFault: It cannot be had, or is of no use.
            Stopped: The run was stopped.
        """
        fetched = self._kept(job.name)
        # What came may be continued of a file that has changed since: then it is brought once more, from the start.
        again = fetched is not None or any(self._videos.glob(f"{job.name}.*.part"))
        while True:
            try:
                if fetched is None:
                    fetched = self._fetch(job)
                return fetched, look(fetched, self._options.min_height)
            except SiteFault as fault:
                if fetched:
                    self._forget(job.name, fetched)
                    fetched = None
                if fault.kind != "damaged" or not again:
                    raise
                again = False

    def _fetch(self, job: Job) -> Fetched:
        if not self._pace.wait():
            raise Stopped
        fetched = self._site.fetch(job.source, self._videos / job.name, job.section)
        self._pace.worked()
        size = fetched.path.stat().st_size
        description = json.dumps(dataclasses.asdict(fetched.description))
        record = VideoRecord(job.name, fetched.path.name, size, fetched.begins, fetched.whole, description)
        self._records.save_video(record)
        return fetched

    def _kept(self, name: str) -> Fetched | None:
        """A video that an earlier run had no time to make its clips of."""
        record = self._records.video(name)
        path = self._videos / record.file if record else None
        if record is None or path is None or not path.is_file() or path.stat().st_size != record.bytes:
            return None
        return Fetched(path, record.begins, bool(record.whole), Description(**parse_json(record.description)))

    def _forget(self, name: str, fetched: Fetched) -> None:
        self._records.forget_video(name)
        fetched.path.unlink(missing_ok=True)

    def _clip(self, entry: Entry, fetched: Fetched, info: VideoInfo, before: Mapping[str, ClipRecord]) -> ClipRecord:
        try:
            clip = make_clip(entry, fetched, info, self._out / "clips", self._making)
        except SiteFault as fault:
            return self.failed(entry, fault, before)
        facts, said = clip.path.stat(), fetched.description
        return self._record(
            entry,
            before,
            "here",
            file=f"clips/{clip.path.name}",
            bytes=facts.st_size,
            mtime_ns=facts.st_mtime_ns,
            sha256=clip.sha256,
            width=clip.info.width,
            height=clip.info.height,
            fps=clip.info.fps,
            frames=clip.info.num_frames,
            title=one_line(said.title),
            author=one_line(said.author),
            licence=one_line(said.licence),
        )

    def _record(
        self,
        entry: Entry,
        before: Mapping[str, ClipRecord],
        state: str,
        *,
        kind: str = "",
        reason: str = "",
        **facts: Any,
    ) -> ClipRecord:
        old = before.get(entry.id)
        return ClipRecord(
            id=entry.id,
            state=state,
            kind=kind,
            reason=reason,
            attempts=(old.attempts if old else 0) + 1,
            source=entry.source,
            start=entry.start,
            end=entry.end,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            **facts,
        )
