"""The released I2V-Bench: a copy that a user has, or the folder of Google Drive, made into a data set.

    OUT/metadata.csv, OUT/clips/ID.EXT    the data set
    OUT/unmatched.csv                     what did not find its place, and why
    OUT/.released/                        what came from Drive or out of archives, and what was seen of each file

How the released folder is laid out is nowhere published, so any layout is taken; docs/i2v-bench.md shows which.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from i2vbench.datasets.i2v_bench import data_folder
from i2vbench.datasets.i2v_bench.archives import TooMuch
from i2vbench.datasets.i2v_bench.categories import CATEGORIES, category_of_path
from i2vbench.datasets.i2v_bench.clips import CLIPS, assign_ids, clip_name, in_order, place, row_of, section_fault
from i2vbench.datasets.i2v_bench.drive import bring_folder
from i2vbench.datasets.i2v_bench.kinds import ARCHIVE_SUFFIXES, kind_of, why_not_read
from i2vbench.datasets.i2v_bench.looks import Look, Looks
from i2vbench.datasets.i2v_bench.matching import Matched, Names, Subject, fold, match
from i2vbench.datasets.i2v_bench.report import UNMATCHED, Outcome, lines_of, write_unmatched
from i2vbench.datasets.i2v_bench.sources import Contents, Found, Unmatched, gather, walk
from i2vbench.datasets.i2v_bench.tables import Row, read_table
from i2vbench.datasets.metadata import METADATA, read_folder
from i2vbench.datasets.writing import metadata_bytes, write_metadata
from i2vbench.errors import UserError
from i2vbench.files import hold_lock, is_disk_error, write_json
from i2vbench.parsing import parse_json

WORK = ".released"
SECONDS_BETWEEN_LINES = 10.0
_GONE = "gone: not among the files that were imported"

Tell = Callable[[str], None]
"""Called with one line for the user."""


def bring(source: Path | None, out: Path | None, tell: Tell) -> Outcome:
    """Make the data set `i2v-bench` of a copy of the released set, or of the folder of Google Drive.

    Killed at any instant and called again, it goes on where it was and ends with the same metadata.csv. The user's
    files are never moved or changed: they are hard-linked where that can be, else copied. `tell` gets the outcome in
    short too.

    Args:
        source: A folder or an archive; None downloads what is not here yet.
        out: The data set's folder; None is where `--dataset i2v-bench` looks for it.
        tell: Called with each line for the user.

    Raises:
        UserError: There is nothing to make a data set of, or no way to it, in a sentence that says what to do.
    """
    folder = (out.expanduser() if out else data_folder()).absolute()
    source = source.expanduser().absolute() if source else None
    if source:
        _check_source(source, folder)
    try:
        (folder / WORK).mkdir(parents=True, exist_ok=True)
        (folder / CLIPS).mkdir(exist_ok=True)
        lock = hold_lock(folder / WORK / "lock", f"{folder}: another process imports into it; wait for its end")
        try:
            return _Import(folder, tell).run(source)
        finally:
            lock.release()
    except TooMuch as error:
        raise UserError(str(error)) from error
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise UserError(
            f"the import stopped at {error.filename or folder}: {error.strerror}; mend that or name another folder "
            "(--out), and run the command again: it goes on where it was"
        ) from error


def _check_source(source: Path, folder: Path) -> None:
    if not source.exists():
        raise UserError(f"{source}: no such file or folder; expected a copy of I2V-Bench, a folder or an archive")
    inside = source.resolve()
    if inside == folder.resolve() or inside.is_relative_to((folder / CLIPS).resolve()):
        raise UserError(f"{source} is the folder of the data set itself: name another one by --out, or move your copy")
    if source.is_dir():
        return
    if kind_of(source.name) != "archive":
        kinds = ", ".join(suffix[1:] for suffix in ARCHIVE_SUFFIXES)
        hint = f": {why}" if (why := why_not_read(source.name)) else ""
        raise UserError(f"{source}: expected a folder, or an archive ({kinds}){hint}")


class _Import:
    """One import into a folder that is locked for it."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        self._folder, self._work, self._tell = folder, folder / WORK, tell
        self._unmatched: list[Unmatched] = []
        self._old = self._old_files()

    def run(self, source: Path | None) -> Outcome:
        contents = self._gather(source)
        looks = Looks(self._work / "seen.jsonl")
        try:
            seen = self._look(contents.videos, looks)
            videos = _without_copies(contents.videos, seen, self._tell)
            matched = self._match(videos, contents.tables)
            rows, clips = self._place(matched, seen, looks)
            if source is None:
                self._forget_bad(contents, seen)
            self._unmatched.sort(key=lambda entry: (entry.kind, entry.where))
            write_unmatched(self._folder, self._unmatched)
            if not clips:
                raise self._nothing(len(contents.videos))
            self._write(rows)
            looks.keep({*seen, *(self._folder / name for name in clips)})
        finally:
            looks.close()
        counts = Counter(str(row["category"]) for row in rows if not row["missing"])
        by_category = {name: counts[name] for name in CATEGORIES}
        missing = len(rows) - len(clips)
        outcome = Outcome(self._folder, len(clips), missing, tuple(self._unmatched), by_category, looks.read)
        for line in lines_of(outcome):
            self._tell(line)
        return outcome

    def _gather(self, source: Path | None) -> Contents:
        if source is None:
            files, lost = bring_folder(self._work / "drive", self._tell)
            self._unmatched += lost
        else:
            files = list(walk(source, self._folder.resolve())) if source.is_dir() else [Found(source, (source.name,))]
        self._tell(f"looking through {source or 'what came'}")
        contents = gather(files, self._work / "unpacked")
        self._unmatched += contents.unmatched
        if source in contents.damaged:
            raise UserError(f"{source}: {contents.unmatched[0].reason}")
        if not contents.videos:
            others = [f"{len(contents.tables):,} tables", f"{contents.others.total():,} files of other kinds"]
            listed = "".join(f"; {entry.where}: {entry.reason}" for entry in contents.unmatched[:3])
            raise UserError(f"no video in {source or self._work / 'drive'} (there are {' and '.join(others)}{listed})")
        return contents

    def _look(self, videos: Sequence[Found], looks: Looks) -> dict[Path, Look]:
        seen: dict[Path, Look] = {}
        told = time.monotonic()
        for number, video in enumerate(videos, start=1):
            seen[video.path] = looks.of(video.path)
            if time.monotonic() - told >= SECONDS_BETWEEN_LINES:
                told = time.monotonic()
                self._tell(f"{number:,} of {len(videos):,} videos looked at")
        return seen

    def _match(self, videos: Sequence[Found], tables: Sequence[Found]) -> Matched:
        names = Names(videos)
        rows: list[Row] = []
        for table in tables:
            of_table, faults = read_table(table, names.known)
            rows += of_table
            self._unmatched += faults
        matched = match(videos, rows, names)
        self._unmatched += matched.unmatched
        return matched

    def _place(
        self, matched: Matched, seen: dict[Path, Look], looks: Looks
    ) -> tuple[list[dict[str, object]], list[str]]:
        """The rows of the data set, and the files that are in their places."""
        subjects = in_order([*matched.clips, *matched.missing])
        ids = assign_ids(subjects)
        new = {
            clip_name(subject, id_): seen[subject.video.path].sha256
            for subject, id_ in zip(subjects, ids, strict=True)
            if subject.video
        }
        if any(new.get(name, sha256) != sha256 for name, sha256 in self._old.items()):
            (self._folder / METADATA).unlink(missing_ok=True)  # it would state what other files were
        rows, clips = [], []
        for subject, id_ in zip(subjects, ids, strict=True):
            look = seen[subject.video.path] if subject.video else None
            reason = self._place_one(subject, id_, look, looks)
            if reason is not None:
                rows.append(row_of(subject, id_, look, reason))
                if not reason:
                    clips.append(clip_name(subject, id_))
        return rows, clips

    def _place_one(self, subject: Subject, id_: str, look: Look | None, looks: Looks) -> str | None:
        """Why a subject's clip is not here, "" if it is; None leaves it out."""
        if subject.video is None or look is None:
            return subject.values.get("missing") or _GONE
        stated = subject.values.get("sha256", look.sha256)
        fault, reason = look.fault, f"unreadable: {look.fault}"
        if not fault and stated != look.sha256:
            fault, reason = f"its sha256 is {look.sha256}; a table states {stated}", "changed: another file than stated"
        if fault:
            self._unmatched.append(Unmatched("video", subject.where, fault))
            return reason
        if section := section_fault(subject, look):
            self._unmatched.append(Unmatched("video", subject.where, section))
            return None
        if not place(subject.video.path, self._folder / clip_name(subject, id_), look, looks):
            self._unmatched.append(
                Unmatched("video", subject.where, "changed while it was read: run the command again")
            )
            return None
        return ""

    def _old_files(self) -> dict[str, str]:
        """The clips of an earlier import, with their hashes.

        Raises:
            UserError: The table there is none that an import left.
        """
        path = self._folder / METADATA
        if not path.is_file():
            return {}
        if hashlib.sha256(path.read_bytes()).hexdigest() not in self._written():
            raise UserError(
                f"{path} is not as an import left it (made, edited or annotated by somebody), and would be "
                "overwritten: move it away, or name another folder by --out"
            )
        rows = read_folder(self._folder).rows
        return {row.file_name: row.facts.sha256 or "" for row in rows}

    def _written(self) -> list[str]:
        """Hashes of the tables that imports wrote here."""
        try:
            return list(parse_json((self._work / "imported.json").read_text(encoding="utf-8"))["metadata"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return []

    def _write(self, rows: list[dict[str, object]]) -> None:
        # Noted before it is written: killed between the two, the next import knows the old and the new one.
        written = [*self._written(), hashlib.sha256(metadata_bytes(rows)).hexdigest()]
        write_json(self._work / "imported.json", {"metadata": list(dict.fromkeys(reversed(written)))[:4]})
        write_metadata(self._folder, rows)
        for name in self._old.keys() - {str(row["file_name"]) for row in rows}:
            (self._folder / name).unlink(missing_ok=True)

    def _forget_bad(self, contents: Contents, seen: dict[Path, Look]) -> None:
        """Files from Drive that are not whole are fetched anew by the next download."""
        bad = [path for path, look in seen.items() if look.fault] + contents.damaged
        fetched = [path for path in bad if path.parent == self._work / "drive"]
        for path in fetched:
            path.unlink(missing_ok=True)
        if fetched:
            self._tell(f"{len(fetched):,} files came damaged: run the command again, and they are fetched anew")

    def _nothing(self, count: int) -> UserError:
        reasons = Counter(entry.reason for entry in self._unmatched if entry.kind == "video").most_common(1)
        why = f"; of {reasons[0][1]:,} of them: {reasons[0][0]}" if reasons else ""
        return UserError(f"none of the {count:,} videos could be taken{why}. {self._folder / UNMATCHED} lists each")


def _without_copies(videos: Sequence[Found], seen: dict[Path, Look], tell: Tell) -> list[Found]:
    """Each video once: an archive often lies beside the folder that came out of it."""
    kept: dict[object, Found] = {}
    for video in videos:
        sha256 = seen[video.path].sha256
        same = (sha256, fold(video.name), category_of_path(video.folders))
        kept.setdefault(same if sha256 else video, video)
    if len(kept) < len(videos):
        tell(
            f"{len(videos) - len(kept):,} videos are there twice, with the same name and contents; each was taken once"
        )
    return list(kept.values())
