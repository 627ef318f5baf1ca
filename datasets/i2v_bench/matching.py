"""Which row is about which video, and what the rows and folders together say of it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from i2vbench.datasets.i2v_bench.categories import CATEGORIES, category_of_path, match_category
from i2vbench.datasets.i2v_bench.columns import is_video_name, parts_of
from i2vbench.datasets.i2v_bench.sources import Found, Unmatched
from i2vbench.datasets.i2v_bench.tables import Row
from i2vbench.texts import one_line

DECISIVE = ("category", "prompt", "start", "end", "sha256")
"""Where tables that disagree on one of these leave a clip out; elsewhere the cell stays empty."""

_NO_PROMPT = "has no prompt: add a table that has one for it (say prompts.csv with the columns file_name and prompt)"
_NAMED = re.compile(r"(.+?)[ _-]+\d+")


@dataclass(slots=True)
class Subject:
    """A clip: a video with all that is said of it, or, without one, what tables say of a video that is not here."""

    video: Found | None
    rows: list[Row] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def category(self) -> str:
        return self.values.get("category", "")

    @property
    def where(self) -> str:
        return self.video.where if self.video else self.rows[0].where

    @property
    def stem(self) -> str:
        """What its id is made from."""
        return self.video.stem if self.video else _stem(self.rows[0].refs[0])


@dataclass(slots=True)
class Matched:
    """What found its place, and what did not.

    Attributes:
        clips: Videos with a category and a prompt.
        missing: Rows with an id and a category whose video is not here.
    """

    clips: list[Subject]
    missing: list[Subject]
    unmatched: list[Unmatched]


def fold(text: str) -> str:
    """Text as names are compared: some systems change case, or take accents apart."""
    return unicodedata.normalize("NFC", text).casefold()


class Names:
    """The names of the videos that are here."""

    def __init__(self, videos: Sequence[Found]) -> None:
        # By name, and by name and folder: in some layouts all videos have one name, each in its folder.
        self._by_name: dict[tuple[str, ...], list[Found]] = defaultdict(list)
        for video in videos:
            for name in {fold(video.name), fold(video.stem)}:
                self._by_name[(name,)].append(video)
                if video.folders:
                    self._by_name[fold(video.folders[-1]), name].append(video)

    def known(self, text: str) -> bool:
        return bool(self._called(text))

    def find(self, row: Row, joined: dict[str, list[Found]]) -> list[Found]:
        """The videos that a row may mean: none, one, or several that nothing tells apart.

        Args:
            row: The row.
            joined: Videos by what rows with several names call them.
        """
        for reference in row.refs:
            found = joined.get(fold(reference)) or self._called(reference)
            found = _narrowed(found, reference, row)
            if found or is_video_name(reference):  # a file that is not here is no other one of the same number
                return found
        return []

    def _called(self, reference: str) -> list[Found]:
        parts = parts_of(reference)
        if not parts:
            return []
        names = [fold(parts[-1]), *([fold(_stem(parts[-1]))] if is_video_name(parts[-1]) else [])]
        keys = [*((fold(parts[-2]), name) for name in names if len(parts) > 1), *((name,) for name in names)]
        return next((found for key in keys if (found := self._by_name.get(key))), [])


def _stem(reference: str) -> str:
    parts = parts_of(reference)
    last = parts[-1] if parts else ""
    return last.rpartition(".")[0] if is_video_name(last) else last


def _narrowed(found: list[Found], reference: str, row: Row) -> list[Found]:
    """Those that lie in the folders that the reference names, in the row's category, below the row's table."""
    folders = [fold(part) for part in parts_of(reference)[:-1]]
    named = category_of_path(parts_of(reference)[:-1])
    if named:
        found = [video for video in found if not (own := category_of_path(video.folders)) or own & named]
    shared = [_shared(folders, [fold(part) for part in video.folders]) for video in found]
    found = [video for video, count in zip(found, shared, strict=True) if count == max(shared)]
    category = _category(row)
    if len(found) > 1 and category:
        found = [video for video in found if category in category_of_path(video.folders)] or found
    if len(found) > 1:
        near = row.table.folders
        found = [video for video in found if video.folders[: len(near)] == near] or found
    return found


def _category(row: Row) -> str | None:
    """What a row says of the category: its cell, the folder in its video's name, its own place."""
    folders = (category_of_path(parts_of(reference)[:-1]) for reference in row.refs)
    named = next((next(iter(found)) for found in folders if len(found) == 1), None)
    return match_category(row.values.get("category", "")) or named or row.category


def _shared(one: list[str], other: list[str]) -> int:
    """How many folders two paths share at their ends."""
    count = 0
    while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count]:
        count += 1
    return count


def match(videos: Sequence[Found], rows: Sequence[Row], names: Names) -> Matched:
    """Bring videos, folders and rows together."""
    matched = Matched([], [], [])
    subjects = {video: Subject(video) for video in videos}
    lost, ambiguous = _attach(subjects, rows, names)
    by_name = _categories_in_names(videos)
    said = [*subjects.values(), *_gone(lost, matched)]
    for subject in said:
        if not _merge(subject, by_name, matched.unmatched):
            continue
        if subject.video is None:
            _add_missing(subject, matched)
        elif not subject.category:
            matched.unmatched.append(Unmatched("video", subject.where, "no folder and no table says its category"))
        elif not subject.values.get("prompt"):
            matched.unmatched.append(Unmatched("video", subject.where, _NO_PROMPT))
        else:
            matched.clips.append(subject)
    for row, found in ambiguous:
        places = ", ".join(video.where for video in found[:3])
        reason = f"'{row.refs[0]}' may be any of {len(found)} videos ({places}, ...): name it with its folder"
        matched.unmatched.append(Unmatched("row", row.where, reason))
    matched.unmatched += _unknown_categories(rows)
    return matched


def _attach(
    subjects: dict[Found, Subject], rows: Sequence[Row], names: Names
) -> tuple[list[Row], list[tuple[Row, list[Found]]]]:
    """Give each row to its video; the rows whose video is not here, and those that may mean several."""
    joined: dict[str, list[Found]] = defaultdict(list)
    lost, ambiguous = [], []
    # First those with more than one name: another table may have captions by the ids that they give to files.
    for row in sorted(rows, key=lambda row: len(row.refs) < 2):
        found = names.find(row, joined if len(row.refs) < 2 else {})
        if len(found) == 1:
            subjects[found[0]].rows.append(row)
            for reference in row.refs if len(row.refs) > 1 else ():
                if found[0] not in joined[fold(reference)]:
                    joined[fold(reference)].append(found[0])
        elif found:
            ambiguous.append((row, found))
        else:
            lost.append(row)
    return lost, ambiguous


def _gone(lost: Sequence[Row], matched: Matched) -> list[Subject]:
    """Rows of videos that are not here, put together by what names them; those that name nothing are told by table."""
    subjects: dict[tuple[str, str], Subject] = {}
    nameless: Counter[str] = Counter()
    for row in lost:
        if not row.refs or not _stem(row.refs[0]):
            nameless[row.table.where] += 1
            continue
        subjects.setdefault((fold(_stem(row.refs[0])), _category(row) or ""), Subject(None)).rows.append(row)
    for where, count in nameless.items():
        matched.unmatched.append(Unmatched("table", where, f"{count:,} of its rows name no video"))
    return list(subjects.values())


def _merge(subject: Subject, by_name: dict[Found, str], unmatched: list[Unmatched]) -> bool:
    """Fill in a subject's values from all that is said of it; whether that is without contradiction."""
    said: dict[str, dict[str, str]] = defaultdict(dict)  # field -> value -> who says it
    if subject.video:
        for category in sorted(category_of_path(subject.video.folders)):
            said["category"].setdefault(category, "its folder")
    for row in subject.rows:
        for name, value in {**row.values, "category": _category(row) or ""}.items():
            if value and name not in ("file", "id"):
                said[name].setdefault(value.lower() if name == "sha256" else value, row.where)
    if not said["category"] and subject.video in by_name:
        said["category"][by_name[subject.video]] = "its name"
    kind, good = ("video" if subject.video else "row"), True
    for name, values in said.items():
        if len(values) > 1:
            texts = " and ".join(f"'{value[:60]}' ({who})" for value, who in list(values.items())[:2])
            reason = f"its {name} is {texts}: correct or remove one"
            left = "" if name in DECISIVE else "; the cell was left empty"
            unmatched.append(Unmatched(kind, subject.where, reason + left))
            good = good and name not in DECISIVE
        elif values:
            subject.values[name] = next(iter(values))
    return good


def _add_missing(subject: Subject, matched: Matched) -> None:
    row = subject.rows[0]
    if subject.category:
        matched.missing.append(subject)
    else:
        reason = f"'{one_line(row.refs[0])[:80]}' is not among the videos, and no category is said"
        matched.unmatched.append(Unmatched("row", row.where, reason))


def _categories_in_names(videos: Sequence[Found]) -> dict[Found, str]:
    """Categories from names such as Pet_012.mp4, where every video has such a name: a few may be so by chance."""
    found = {}
    for video in videos:
        named = _NAMED.fullmatch(video.stem)
        category = match_category(named[1]) if named else None
        if not category:
            return {}
        found[video] = category
    return found


def _unknown_categories(rows: Iterable[Row]) -> list[Unmatched]:
    counts = Counter(
        (row.table.where, text)
        for row in rows
        if (text := row.values.get("category", "")) and match_category(text) is None
    )
    known = ", ".join(CATEGORIES)
    return [
        Unmatched("table", where, f"the category '{text[:60]}' of {count:,} rows is none of {known}")
        for (where, text), count in counts.items()
    ]
