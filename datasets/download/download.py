"""Bringing the clips of a manifest: parallel, resumable, every failure recorded with its kind and the work going on.

In the folder: `clips/`, `metadata.csv`, `.download.sqlite` (how it stands with each clip), `.download.lock`, and
`.download/` with what is half done: parts of videos, from which the next run goes on.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from i2vbench.datasets.download.bring import Bringer
from i2vbench.datasets.download.faults import PERMANENT, SiteFault
from i2vbench.datasets.download.manifest import Entry
from i2vbench.datasets.download.options import SiteOptions
from i2vbench.datasets.download.pace import Pace
from i2vbench.datasets.download.plan import Job, plan
from i2vbench.datasets.download.records import DATABASE, ClipRecord, Records
from i2vbench.datasets.download.site import Site, Stopped
from i2vbench.datasets.metadata import METADATA
from i2vbench.datasets.writing import write_metadata
from i2vbench.errors import UserError
from i2vbench.files import hold_lock, is_disk_error

LOCK = ".download.lock"
PENDING = "pending"
"""The kind of a clip that has not been tried, since the run was stopped or given up before it."""

_POLL_SECONDS = 0.1
_JOIN_SECONDS = 2.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a download ended.

    Attributes:
        here: Clips that are here.
        fetched: Those of them that came in this run.
        missing: How many are not here, by kind.
    """

    here: int
    fetched: int
    missing: Counter[str]

    @property
    def is_complete(self) -> bool:
        return not self.missing


def download_manifest(
    entries: Sequence[Entry],
    out: Path,
    options: SiteOptions | None = None,
    jobs: int = 2,
    retry_failed: bool = False,
    tell: Tell = lambda line: None,
) -> Outcome:
    """Bring every clip that is not here and whole, and write `out`/metadata.csv with a row for each entry.

    A clip that failed for good (gone, private, ...) is tried again only if asked; others are in the next run. On Ctrl-C
    everything is kept, metadata.csv is written, and KeyboardInterrupt goes on.

    Args:
        entries: What is wanted, of `read_manifest`.
        out: The folder; made if it is not there.
        options: How sites are talked to.
        jobs: Downloads at a time. They share one pace.
        retry_failed: Try also what failed for good.
        tell: Called from several threads with a line for the user, which may hold text of the site.

    Raises:
        UserError: The folder holds another data set, or another process works on it; the disk is full; a package or
            the cookies are missing.
        KeyboardInterrupt: Ctrl-C.
    """
    options, out = options or SiteOptions(), out.absolute()  # yt-dlp names what it wrote by its whole path
    with Site(options) as site, _locked(out), Records(out) as records:
        run = _Run(entries, out, options, records, site, retry_failed, tell)
        try:
            run.work(jobs)
        finally:
            run.finish()
        return run.outcome()


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the folder, laid out."""
    if (out / METADATA).exists() and not (out / DATABASE).exists():
        raise UserError(f"{out} holds a {METADATA} that is not of a download; name another folder with --out")
    try:
        (out / "clips").mkdir(parents=True, exist_ok=True)
        lock = hold_lock(out / LOCK, f"{out}: another process downloads into it")
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        if not is_disk_error(error) and not isinstance(error, FileExistsError | NotADirectoryError):
            raise
        raise _disk_fault(out, error) from error


def _disk_fault(out: Path, error: BaseException) -> UserError:
    return UserError(f"{out}: cannot be written: {getattr(error, 'strerror', None) or error}")


class _Run:
    """One call of `download_manifest`: the queue of downloads, its workers, and what came of each clip."""

    def __init__(
        self,
        entries: Sequence[Entry],
        out: Path,
        options: SiteOptions,
        records: Records,
        site: Site,
        retry_failed: bool,
        tell: Tell,
    ) -> None:
        self._entries, self._out, self._tell = entries, out, tell
        self._records, self._site = records, site
        self._stop = threading.Event()
        self._pace = Pace(options, self._stop, tell)
        self._bringer = Bringer(out, options, records, site, self._pace)
        self._lock = threading.Condition()
        self._clips = records.clips()
        self._owed = {entry.id for entry in entries if self._is_owed(entry, options, retry_failed)}
        self._num_owed = len(self._owed)
        self._queue = deque(plan(entries, self._owed))
        self._under_way = 0
        self._error: BaseException | None = None
        self._fetched: set[str] = set()

    def _is_owed(self, entry: Entry, options: SiteOptions, retry_failed: bool) -> bool:
        record = self._record(entry)
        if record is None:
            return True
        if record.is_here:
            return not self._records.is_here(record) or (record.height or 0) < options.min_height
        return retry_failed or record.kind not in PERMANENT

    def _record(self, entry: Entry) -> ClipRecord | None:
        """The clip's record; None if it is of another section or video."""
        record = self._clips.get(entry.id)
        asked = (entry.source, entry.start, entry.end)
        return record if record and (record.source, record.start, record.end) == asked else None

    def work(self, jobs: int) -> None:
        """Work through the queue; in threads, so that Ctrl-C is heard at once.

        Raises:
            KeyboardInterrupt: Ctrl-C. Workers are ended.
        """
        done, to_go = f"{len(self._entries) - self._num_owed:,} done already", f"{len(self._queue):,} downloads to go"
        self._tell(f"{len(self._entries):,} clips: {done}, {to_go}")
        # As daemons: one that cuts a clip does not hold up Ctrl-C; without its record the clip is made anew.
        threads = [threading.Thread(target=self._loop, daemon=True) for _ in range(min(jobs, len(self._queue)))]
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                threads[0].join(_POLL_SECONDS)
                if not threads[0].is_alive():
                    threads.append(threads.pop(0))
        finally:
            self._stop.set()
            self._site.close()
            for thread in threads:
                thread.join(_JOIN_SECONDS)
        if self._error and is_disk_error(self._error):
            raise _disk_fault(self._out, self._error) from self._error
        if self._error:
            raise self._error

    def _loop(self) -> None:
        try:
            while job := self._next():
                try:
                    self._do(job)
                finally:
                    with self._lock:
                        self._under_way -= 1
                        self._lock.notify_all()
        except Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            with self._lock:
                self._error = self._error or error
                self._stop.set()
                self._lock.notify_all()

    def _next(self) -> Job | None:
        """The next download, when its turn has come; None if there is none any more."""
        with self._lock:
            while not self._queue and self._under_way and not self._stop.is_set():
                self._lock.wait(_POLL_SECONDS)  # what is under way may come back, blocked
            if not self._queue or self._stop.is_set():
                return None
            job = self._queue.popleft()
            self._under_way += 1
        return job

    def _do(self, job: Job) -> None:
        try:
            for record in self._bringer.bring(job, self._clips):
                self._keep(record)
        except Stopped:
            self._put_back(job)
            raise
        except SiteFault as fault:
            alone = [job.alone(entry) for entry in job.entries]
            if fault.kind == "short" and alone[0].section != job.section:  # what lies at its end is, perhaps no other
                for part in alone:
                    self._put_back(part)
                return
            for entry in job.entries:
                self._keep(self._bringer.failed(entry, fault, self._clips))
            if fault.kind == "blocked":
                job.blocks += 1
                self._pace.blocked(fault)
                if job.blocks == 1 or self._pace.given_up:
                    self._put_back(job)

    def _put_back(self, job: Job) -> None:
        with self._lock:
            self._queue.append(job)

    def _keep(self, record: ClipRecord) -> None:
        with self._lock:
            if self._stop.is_set():
                raise Stopped
            before = self._clips.get(record.id)
            self._records.save_clips([record])
            self._clips[record.id] = record
            self._owed.discard(record.id)
            if record.is_here:
                self._fetched.add(record.id)
        if before and before.file and before.file != record.file:
            (self._out / before.file).unlink(missing_ok=True)
        done = f"{self._num_owed - len(self._owed):,}/{self._num_owed:,}"
        self._tell(f"{done} {record.id}: {record.file or f'{record.kind}: {record.reason}'}")

    def finish(self) -> None:
        """Write metadata.csv, of what is here now; parts are kept if the next run has a use for them."""
        try:
            write_metadata(self._out, [self._row(entry) for entry in self._entries])
        except OSError as error:
            raise _disk_fault(self._out, error) from error
        if self.outcome().missing.keys() <= PERMANENT:
            shutil.rmtree(self._bringer.workshop, ignore_errors=True)

    def _row(self, entry: Entry) -> dict[str, object]:
        record = self._record(entry)
        row: dict[str, object] = {
            **entry.texts,
            **{"id": entry.id, "category": entry.category, "prompt": entry.prompt, "source": entry.source},
            **{"source_start": entry.start, "source_end": entry.end},
        }
        if record:
            said = {"title": record.title, "author": record.author, "licence": record.licence}
            row = {name: text for name, text in said.items() if text} | row
        if record is None or not self._is_here(record):
            return row | {"missing": f"{_kind(record)}: {(record and record.reason) or 'not tried yet'}"}
        return row | {
            **{"file_name": record.file, "sha256": record.sha256, "bytes": record.bytes},
            **{"width": record.width, "height": record.height, "fps": record.fps, "frames": record.frames},
        }

    def _is_here(self, record: ClipRecord) -> bool:
        """Whether a clip's file is here; a record whose file is gone or too low is still owed one."""
        return record.is_here and record.id not in self._owed

    def outcome(self) -> Outcome:
        records = [self._record(entry) for entry in self._entries]
        missing = Counter(_kind(record) for record in records if not (record and self._is_here(record)))
        return Outcome(len(records) - missing.total(), len(self._fetched), missing)


def _kind(record: ClipRecord | None) -> str:
    return (record and record.kind) or PENDING
