"""Clips as the data set has them: their ids, their files, their rows."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from i2vbench.datasets.i2v_bench.categories import CATEGORIES
from i2vbench.datasets.i2v_bench.looks import Look, Looks
from i2vbench.datasets.i2v_bench.matching import Subject
from i2vbench.files import file_sha256, link_or_copy

CLIPS = "clips"

_LONGEST_STEM = 96
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
_PASSED_ON = (
    *("prompt", "category", "objects", "scene", "start", "end"),
    *("source", "source_start", "source_end", "title", "author", "licence"),
)


def safe_stem(stem: str) -> str:
    """A name as an id may be: accents are dropped, what is not a letter, digit, '.', '_' or '-' becomes '-'.

    A name that nothing is left of (say, one in Chinese) becomes "clip-" and ten digits of its hash.
    """
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    safe = re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._-]+", "-", plain)).strip("-._")[:_LONGEST_STEM].rstrip("-._")
    if not safe:
        return "clip-" + hashlib.sha256(unicodedata.normalize("NFC", stem).encode(errors="replace")).hexdigest()[:10]
    return f"clip-{safe}" if _DEVICES.fullmatch(safe) else safe


def assign_ids(subjects: Sequence[Subject]) -> list[str]:
    """An id for each, no two alike but for case; the same for the same files, whatever is here of them already.

    The safe stem; where several share it, CATEGORY-STEM; where that is taken, CATEGORY-STEM-2 and so on.
    """
    sharing: dict[str, list[int]] = defaultdict(list)
    stems = [safe_stem(subject.stem) for subject in subjects]
    for position, stem in enumerate(stems):
        sharing[stem.lower()].append(position)
    ids = [""] * len(subjects)
    taken = set()
    for key, positions in sharing.items():
        if len(positions) == 1:
            ids[positions[0]] = stems[positions[0]]
            taken.add(key)
    last: dict[str, int] = {}
    for positions in sharing.values():
        for position in positions if len(positions) > 1 else ():
            prefixed = f"{subjects[position].category}-{stems[position]}"
            number, candidate = last.get(prefixed.lower(), 1), prefixed
            while candidate.lower() in taken:
                number += 1
                candidate = f"{prefixed}-{number}"
            last[prefixed.lower()] = number
            taken.add(candidate.lower())
            ids[position] = candidate
    return ids


def in_order(subjects: Sequence[Subject]) -> list[Subject]:
    """By category as Table 4 has them, then by path; clips that are not here come last in theirs."""
    order = {name: position for position, name in enumerate(CATEGORIES)}
    return sorted(
        subjects,
        key=lambda s: (order[s.category], s.video is None, s.video.parts if s.video else (s.stem,), s.where),
    )


def place(source: Path, target: Path, look: Look, looks: Looks) -> bool:
    """Give a file its name in the data set: a hard link where the file system has them, else a copy.

    Returns:
        Whether the file there is the one that was looked at.
    """
    if target.is_file() and (os.path.samefile(source, target) or looks.holds(target, look.sha256)):
        return True
    link_or_copy(source, target)
    if os.path.samefile(source, target):
        state = target.stat()
        return (state.st_size, state.st_mtime_ns) == (look.bytes, look.mtime_ns)
    if file_sha256(target) != look.sha256:
        target.unlink()
        return False
    os.utime(target, ns=(look.mtime_ns, look.mtime_ns))
    state = target.stat()
    looks.note(target, Look(state.st_size, state.st_mtime_ns, look.sha256))
    return True


def row_of(subject: Subject, id_: str, look: Look | None, reason: str) -> dict[str, object]:
    """A row of metadata.csv.

    Args:
        look: What its video shows; None if it is not here.
        reason: Why it is not here; "" if it is.
    """
    row: dict[str, object] = {"file_name": "", "id": id_, "missing": reason}
    row |= {name: subject.values[name] for name in _PASSED_ON if name in subject.values}
    if look and not reason:
        assert subject.video is not None
        row["file_name"] = clip_name(subject, id_)
        row |= {"sha256": look.sha256, "bytes": look.bytes, "fps": look.fps}
        row |= {"width": look.width, "height": look.height, "frames": look.frames}
    if subject.video:
        row["original"] = subject.video.where
    return row


def clip_name(subject: Subject, id_: str) -> str:
    assert subject.video is not None
    return f"{CLIPS}/{id_}.{subject.video.name.rpartition('.')[2].lower()}"


def section_fault(subject: Subject, look: Look) -> str:
    """What is wrong with a clip's start and end, seconds in its file; "" if nothing."""
    start, end = float(subject.values.get("start", 0)), subject.values.get("end")
    if start >= look.seconds:
        return f"its start, {start:g} s, is beyond its end at {look.seconds:.3f} s"
    if end is not None and float(end) > look.seconds + 0.001:
        return f"its end, {end} s, is beyond that of the video at {look.seconds:.3f} s"
    if end is not None and round(float(end), 3) <= round(start, 3):
        return f"its end, {end} s, is not after its start, {start:g} s"
    return ""
