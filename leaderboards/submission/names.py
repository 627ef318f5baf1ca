"""Which members an archive may have, and how large each may be. What is not here is refused."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PureWindowsPath

MANIFEST, RUN = "manifest.json", "run.json"
SAMPLES, CLIPS, MEASUREMENTS = "samples.jsonl", "clips.jsonl", "measurements.jsonl"
PAGE = "tables/tables.html"

MOST_MEMBERS = 500_000
MOST_NAME_BYTES = 400

_FOLDER = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
_CLIP = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}-seed[0-9]{1,10}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of member.

    Attributes:
        pattern: What its names match in full.
        most_bytes: How large it may be.
        begins: What its contents begin with; empty is not asked.
        at: From which byte on.
        what: How messages call it.
    """

    pattern: re.Pattern[str]
    most_bytes: int
    what: str
    begins: bytes = b""
    at: int = 0


def _kind(pattern: str, most_bytes: int, what: str, begins: bytes = b"", at: int = 0) -> Kind:
    return Kind(re.compile(pattern), most_bytes, what, begins, at)


KINDS = (
    _kind(re.escape(MANIFEST), 256 << 20, "JSON", b"{"),
    _kind(re.escape(RUN), 4 << 20, "JSON", b"{"),
    _kind(r"(samples|clips)\.jsonl", 512 << 20, "lines of JSON", b"{"),
    _kind(re.escape(MEASUREMENTS), 64 << 30, "lines of JSON"),
    _kind(rf"features/{_FOLDER}/(real|models/{_FOLDER})\.npy", 256 << 30, "an array of numbers", b"\x93NUMPY"),
    _kind(rf"tables/{_FOLDER}\.(csv|tex|md)", 4 << 30, "a table"),
    _kind(re.escape(PAGE), 4 << 30, "a page"),
    _kind(rf"adapters/{_FOLDER}/(source\.py|settings\.toml)", 4 << 20, "text"),
    _kind(rf"videos/{_FOLDER}/{_CLIP}\.mp4", 4 << 30, "an MP4 file", b"ftyp", 4),
)

_OTHERS = {
    b"SQLite format 3": "an SQLite database",
    b"PK\x03\x04": "an archive",
    b"\x1f\x8b": "an archive",
    b"BZh": "an archive",
    b"\xfd7zXZ\x00": "an archive",
    b"7z\xbc\xaf\x27\x1c": "an archive",
    b"Rar!": "an archive",
    b"\x28\xb5\x2f\xfd": "an archive",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"\xca\xfe\xba\xbe": "a program",
    b"\xcf\xfa\xed\xfe": "a program",
}


def kind_of(name: str) -> Kind | None:
    """The kind of a member of this name; None if there is none."""
    return next((kind for kind in KINDS if kind.pattern.fullmatch(name)), None)


def fault_of_name(name: bytes) -> str:
    """What is wrong with a member's name, by the rules of every system; "" if nothing is."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return "its name is no text"
    if not text or len(name) > MOST_NAME_BYTES:
        return f"its name is empty or longer than {MOST_NAME_BYTES} bytes"
    if any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") for char in text):
        return "its name holds a control character"
    if "\\" in text or text.startswith("/") or PureWindowsPath(text).drive:
        return "its name is an absolute path, or one of another system"
    if ".." in text.split("/"):
        return "its name leaves the folder"
    return "" if kind_of(text) else "no submission has a member of this name"


def folded(name: str) -> str:
    """A name as a file system has it that knows neither case nor composition."""
    return unicodedata.normalize("NFC", name).casefold()


def what_begins(head: bytes) -> str:
    """What contents that begin like this are, where they are known to be something that is never packed; else ""."""
    return next((what for magic, what in _OTHERS.items() if head.startswith(magic)), "")
