"""What the columns of a table may be called, and what is in them: the words that the importer knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from i2vbench.datasets.csv_table import seconds_of
from i2vbench.datasets.metadata import VIDEO_SUFFIXES
from i2vbench.texts import one_line

NAMES: dict[str, tuple[str, ...]] = {
    "file": (
        "file_name", "filename", "file", "video_path", "video_file", "video_name", "video", "clip_path", "clip_name",
        "clip", "file_path", "filepath", "path", "relative_path",
    ),
    "id": ("id", "video_id", "videoid", "clip_id", "uid", "key", "name", "youtube_id"),
    "category": ("category", "category_name", "class", "class_name", "label", "genre", "topic"),
    "prompt": (
        "prompt", "text_prompt", "caption", "video_caption", "text", "description", "sentence", "prompts", "captions",
    ),
    "objects": ("objects", "object", "object_words"),
    "scene": ("scene", "scenes", "scene_words"),
    "start": ("start", "start_time", "start_sec", "start_seconds", "begin"),
    "end": ("end", "end_time", "end_sec", "end_seconds", "stop"),
    "source": ("source", "url", "source_url", "video_url", "youtube_url", "link"),
    "source_start": ("source_start",),
    "source_end": ("source_end",),
    "title": ("title", "video_title"),
    "author": ("author", "channel", "uploader"),
    "licence": ("licence", "license"),
    "sha256": ("sha256",),
    "missing": ("missing",),
}  # fmt: skip
"""Field -> what a column of it may be called, the best first; case, blanks and punctuation do not count."""

FIELDS = {name: field for field, names in NAMES.items() for name in names}

LONGEST_TEXT = 5000
"""Characters of a cell. A longer one is no prompt."""


def column(name: object) -> str:
    """A column's name as `NAMES` writes them."""
    return re.sub(r"[^a-z0-9]+", "_", str(name).strip().casefold()).strip("_")


def is_video_name(text: object) -> bool:
    return isinstance(text, str) and text.strip().lower().endswith(VIDEO_SUFFIXES)


def fields_of(record: Mapping[str, object]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What a record says, by field, as text on one line; and everything in it that may name a video, the best first.

    A record within it is read as a part of it.

    Raises:
        ValueError: A cell holds more than one text where one is expected, or a text too long to be a prompt.
    """
    flat: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat = {column(inner): inner_value for inner, inner_value in value.items()} | flat
        else:
            flat[column(name)] = value
    found: dict[str, str] = {}
    for field, names in NAMES.items():
        for name in names:
            if name in flat and (text := _text(field, name, flat[name])):
                found[field] = text
                break
    naming = (_text("id", name, flat[name]) for name in (*NAMES["file"], *NAMES["id"]) if name in flat)
    return _with_sections(found), tuple(dict.fromkeys(filter(None, naming)))


def _text(field: str, name: str, value: object) -> str:
    if isinstance(value, list):
        parts = [one_line(str(part)) for part in value if isinstance(part, str | int | float)]
        if field in ("objects", "scene"):
            return (";" if field == "objects" else " ").join(part for part in parts if part)
        if len(parts) > 1:
            raise ValueError(f"'{name}' has {len(parts)} texts; expected one")
        value = parts[0] if parts else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = one_line(str(value))
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"'{name}' has {len(text):,} characters; expected at most {LONGEST_TEXT:,}")
    if field == "objects" and ";" not in text:
        text = ";".join(part.strip() for part in text.split(",") if part.strip())
    return text


def _with_sections(found: dict[str, str]) -> dict[str, str]:
    """`start` and `end` beside an address are seconds of what is there, unless the source has columns of its own."""
    if "source" in found and "source_start" not in found and "source_end" not in found:
        for field in ("start", "end"):
            if field in found:
                found[f"source_{field}"] = found.pop(field)
    for field in ("start", "end", "source_start", "source_end"):
        if field in found:
            found[field] = f"{_seconds(field, found[field]):.12g}"
    return found


def _seconds(field: str, text: str) -> float:
    faults: list[str] = []
    seconds = seconds_of(field, text, faults)
    if seconds is None:
        raise ValueError(faults[0])
    return seconds


def parts_of(reference: str) -> tuple[str, ...]:
    """The parts of a path as somebody wrote it, by the rules of any system; without "." and a root."""
    pure = PurePosixPath(reference.strip().replace("\\", "/"))
    return tuple(part for part in pure.parts if part not in ("/", ".", ".."))
