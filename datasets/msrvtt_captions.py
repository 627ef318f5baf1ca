"""MSR-VTT's captions, as the files that circulate have them.

Three kinds are known: the challenge's own (`sentences` and `videos`: test_videodatainfo.json, videodatainfo_2017.json,
MSRVTT_data.json), that of the zip which Frozen in Time's authors share (MSR_VTT.json, as COCO's: `annotations` with
`image_id` and `caption`), and lists of videos, each with its caption or captions. A caption's place among those of
its video decides whether it is drawn, so files in another order give another draw.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from i2vbench.parsing import parse_json

CATEGORIES = (
    "music", "people", "gaming", "sports", "news", "education", "tv shows", "movie", "animation", "vehicles", "howto",
    "travel", "science", "animal", "kids", "documentary", "food", "cooking", "beauty", "advertisement",
)  # fmt: skip
"""Names of the numbers in the annotation file."""

CAPTIONS = 20
"""Of each video, in the original."""

_NUMBER = re.compile(r"[0-9]{1,3}")
_VIDEO = re.compile(r"video[0-9]+")


@dataclass(frozen=True, slots=True)
class Annotations:
    """What one file says of the wanted videos.

    Attributes:
        file_name: The file's.
        captions: Of each video, in the order of the file.
        categories: Of each video, where it has one.
    """

    file_name: str
    captions: dict[str, list[str]]
    categories: dict[str, str]

    def describe(self) -> str:
        """Where the captions are from, and how many there are where these are not the original's."""
        counts = {len(some) for some in self.captions.values()}
        if counts == {CAPTIONS}:
            return self.file_name
        low, high = min(counts), max(counts)
        number = f"{low}" if low == high else f"{low} to {high}"
        return f"{self.file_name}, which has {number} a video and not {CAPTIONS}"


def read_annotations(folder: Path, wanted: Collection[str]) -> tuple[Annotations | None, list[str]]:
    """The captions of the wanted videos, of the JSON below a folder that has them of most of these.

    Of two that have them of as many, the one with more captions counts, then the first by name.

    Returns:
        The captions, None if no file has any; and the names of JSON files of another make.
    """
    found: list[Annotations] = []
    others: list[str] = []
    for path in sorted(folder.rglob("*.json")):
        try:
            data = parse_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            data = None
        read = _read(path.name, data, set(wanted))
        if read is None:
            others.append(path.name)
        elif read.captions:
            found.append(read)
    if not found:
        return None, others
    # What the best file does not say of its videos (Frozen in Time's has no categories), another one may.
    best = max(found, key=lambda one: (len(one.captions), sum(map(len, one.captions.values()))))
    categories = {name: category for one in (*reversed(found), best) for name, category in one.categories.items()}
    return Annotations(best.file_name, best.captions, categories), others


def _read(file_name: str, data: Any, wanted: set[str]) -> Annotations | None:
    """What a file says of the wanted videos; None if it is of no known kind, to its last entry."""
    videos: Any = []
    if isinstance(data, dict) and isinstance(data.get("sentences"), list):
        entries, key, videos = data["sentences"], "video_id", data.get("videos", [])
    elif isinstance(data, dict) and isinstance(data.get("annotations"), list):
        entries, key = data["annotations"], "image_id"
    elif isinstance(data, list) and data and isinstance(data[0], dict):
        entries, key, videos = data, "video_id" if "video_id" in data[0] else "video", data
    else:
        return None
    captions: dict[str, list[str]] = {}
    for entry in entries:
        name = _name(entry, key)
        texts = None if name is None else _texts(entry)
        if name is None or texts is None:
            return None
        if name in wanted:
            captions.setdefault(name, []).extend(texts)
    return Annotations(file_name, captions, dict(_categories(videos, wanted)))


def _name(entry: Any, key: str) -> str | None:
    """The video of an entry, which may name its file."""
    text = entry.get(key) if isinstance(entry, dict) else None
    name = PurePosixPath(text).stem if isinstance(text, str) else ""
    return name if _VIDEO.fullmatch(name) else None


def _texts(entry: dict[str, Any]) -> list[str] | None:
    texts = entry.get("caption")
    texts = [texts] if isinstance(texts, str) else texts
    return texts if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts) else None


def _categories(videos: Any, wanted: set[str]) -> Iterator[tuple[str, str]]:
    for video in videos if isinstance(videos, list) else []:
        name = _name(video, "video_id") or _name(video, "video")
        number = str(video.get("category", "")) if name in wanted else ""
        if name is not None and _NUMBER.fullmatch(number) and int(number) < len(CATEGORIES):
            yield name, CATEGORIES[int(number)]
