"""Files by their suffix: what the importer reads, and what it says of kinds that look useful and are not read."""

from __future__ import annotations

from typing import Literal

from i2vbench.datasets.metadata import VIDEO_SUFFIXES

ARCHIVE_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tbz2", ".txz", ".tar", ".zip")
TABLE_SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt")

_UNPACK = {
    ".rar": "unar FILE",
    ".7z": "7z x FILE",
    ".zst": "tar --zstd -xf FILE",
    ".z01": "7z x FILE.zip",
    ".001": "7z x FILE.001",
}
_OTHER_TABLES = (".xlsx", ".xls", ".ods", ".parquet", ".pkl", ".yaml", ".yml")
_OTHER_VIDEOS = (".gif", ".flv", ".wmv", ".3gp", ".ogv", ".part")

Kind = Literal["video", "table", "archive", "other"]


def kind_of(name: str) -> Kind:
    lower = name.lower()
    if lower.endswith(VIDEO_SUFFIXES):
        return "video"
    if lower.endswith(TABLE_SUFFIXES):
        return "table"
    return "archive" if lower.endswith(ARCHIVE_SUFFIXES) else "other"


def is_hidden(name: str) -> bool:
    """Whether an operating system put it there, not a person."""
    return name.startswith(".") or name.casefold() in ("__macosx", "thumbs.db", "desktop.ini")


def why_not_read(name: str) -> str:
    """What to do about a file of a kind that is not read; "" for what has nothing to do with a set of clips."""
    lower = name.lower()
    if command := next((text for suffix, text in _UNPACK.items() if lower.endswith(suffix)), ""):
        return f"archives of this kind are not opened: unpack it by hand (`{command}`) and name the folder"
    if lower.endswith(_OTHER_TABLES):
        return "tables of this kind are not read: save it as CSV"
    if lower.endswith(_OTHER_VIDEOS):
        kinds = ", ".join(suffix[1:] for suffix in VIDEO_SUFFIXES)
        return f"not a video of a kind that is read ({kinds}): convert it"
    return ""
