"""Reading a MANIFEST.csv: which videos' sections are to be clips; or every fault with its row number.

Columns: `source` (an http(s) address or a YouTube id; also called `url`, `youtube_id` or `video_id`), `category` and
`prompt` are required; `id`, `start`, `end`, `objects`, `scene`, `licence`, `author`, `title` are optional; others are
kept. A metadata.csv whose rows name their sources is a manifest too: its `source_start` and `source_end` are taken.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from i2vbench.datasets.csv_table import CONTROL, Fault, Names, header_faults, read_rows, seconds_of, shown, told
from i2vbench.datasets.metadata import COLUMNS
from i2vbench.datasets.writing import SOURCE_COLUMNS
from i2vbench.errors import UserError

_SOURCES = ("source", "url", "youtube_id", "video_id")
_STARTS, _ENDS = ("source_start", "start"), ("source_end", "end")
_TEXTS = ("objects", "scene", "licence", "author", "title")
_OURS = {*_SOURCES, *_STARTS, *_ENDS, *_TEXTS, *COLUMNS, *SOURCE_COLUMNS}
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_WATCH = "https://www.youtube.com/watch?v="
_YOUTUBE_HOSTS = re.compile(r"(?:(?:www|m|music)\.)?youtube(?:-nocookie)?\.com|(?:www\.)?youtu\.be")
_LONGEST_ADDRESS = 2048


@dataclass(frozen=True, slots=True)
class Entry:
    """A clip that is wanted.

    Attributes:
        number: Its row, as a spreadsheet counts: the header is row 1.
        id: Safe as a file name.
        source: The address of the video.
        start: Seconds of the video; None with `end` None is the whole video.
        end: Seconds of the video; None is its end.
        category: As written.
        prompt: As written.
        texts: What the manifest says in further columns, by column, where it says something.
    """

    number: int
    id: str
    source: str
    start: float | None
    end: float | None
    category: str
    prompt: str
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        return self.start is None and self.end is None


def read_manifest(path: Path) -> list[Entry]:
    """The clips that a manifest asks for, in the order of its rows.

    Raises:
        UserError: It cannot be read, or with every fault in it (the first 50).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"manifest {path}: cannot be read: {error.strerror}") from error
    reader = _Reader()
    entries = reader.read(data)
    if not reader.faults and not entries:
        reader.faults.append(Fault("no rows below the header; expected one a clip"))
    if reader.faults:
        raise UserError(told(f"manifest {path}", reader.faults))
    return entries


class _Reader:
    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._names = Names()
        self._header: list[str] = []
        self._kept: list[str] = []
        self._source = self._start = self._end = ""

    def read(self, data: bytes) -> list[Entry]:
        rows = read_rows(data, self._check_header, self.faults)
        return [entry for number, fields in rows if (entry := self._entry(number, fields))]

    def _check_header(self, header: list[str]) -> bool:
        sources = [name for name in _SOURCES if name in header]
        self._source = sources[0] if sources else "source"
        self._start = next((name for name in _STARTS if name in header), "")
        self._end = next((name for name in _ENDS if name in header), "")
        self.faults += header_faults(header, (self._source, "category", "prompt"), sorted(_OURS))
        if len(sources) > 1:
            self.faults.append(Fault(f"columns {' and '.join(sources)} mean the same; expected one of them", 1))
        self._header = header
        self._kept = [name for name in header if name in _TEXTS or (name and name not in _OURS)]
        return not self.faults

    def _entry(self, number: int, fields: Sequence[str]) -> Entry | None:
        cell = dict(zip(self._header, fields, strict=True))
        faults: list[str] = []
        if CONTROL.search("".join(fields)):
            faults += _control_faults(cell)
        source = "" if faults else web_address(cell[self._source].strip(), faults)
        start, end = (
            seconds_of("start", cell.get(self._start, ""), faults),
            seconds_of("end", cell.get(self._end, ""), faults),
        )
        if end is not None and round(end, 3) <= round(start or 0.0, 3):
            faults.append(f"end {end:g} is not after start {start or 0.0:g}; expected seconds, a millisecond apart")
        id_ = cell.get("id", "").strip() or (default_id(source, start) if source else "")
        if id_ or not faults:
            self._names.check_id(number, id_, faults)
        self._names.check_category(number, cell["category"], faults)
        if not cell["prompt"].strip():
            faults.append("prompt is empty")
        if faults:
            self.faults += [Fault(text, number, id_) for text in faults]
            return None
        kept = {name: text for name in self._kept if (text := cell[name].strip())}
        return Entry(number, id_, source, start, end, cell["category"], cell["prompt"], kept)


def _control_faults(cell: Mapping[str, str]) -> list[str]:
    return [
        f"{shown(name)} holds a control character (U+{ord(found[0]):04X}); expected one line of text"
        for name, text in cell.items()
        if (found := CONTROL.search(text))
    ]


def youtube_id(address: str) -> str | None:
    """The id of the video that an address of YouTube names; None for other addresses."""
    if address.startswith(_WATCH) and _YOUTUBE_ID.fullmatch(address, len(_WATCH)):
        return address[len(_WATCH) :]
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if not _YOUTUBE_HOSTS.fullmatch(host):
        return None
    steps = parts.path.strip("/").split("/")
    if host.endswith("youtu.be"):
        candidate = steps[0]
    elif steps[0] in ("shorts", "embed", "live", "v") and len(steps) > 1:
        candidate = steps[1]
    else:
        candidate = parse_qs(parts.query).get("v", [""])[0]
    return candidate if _YOUTUBE_ID.fullmatch(candidate) else None


def default_id(source: str, start: float | None) -> str:
    """What a clip is called whose row does not say: the video's id, or its file's name and a hash; and the start."""
    known = youtube_id(source)
    if known:
        name = known
    else:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", urlsplit(source).path.rstrip("/").rpartition("/")[2].partition(".")[0])
        name = f"{stem[:40] or 'video'}-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    if not name[0].isalnum():
        name = f"v{name}"
    return name if start is None else f"{name}-{start:.3f}".rstrip("0").rstrip(".")


def web_address(text: str, faults: list[str]) -> str:
    """One address for each video of YouTube; others as they are. "" after adding a fault."""
    if _YOUTUBE_ID.fullmatch(text):
        return _WATCH + text
    expected = "expected an http(s) address or a YouTube id of 11 characters"
    try:
        parts = urlsplit(text)
        host, password = parts.hostname, parts.password or parts.username
        _ = parts.port
    except ValueError as error:
        faults.append(f"source {shown(text)}: {error}; {expected}")
        return ""
    if not text:
        faults.append(f"source is empty; {expected}")
    elif parts.scheme.lower() not in ("http", "https") or not host:
        faults.append(f"source {shown(text)}: {expected}")
    elif any(c.isspace() for c in text) or len(text) > _LONGEST_ADDRESS:
        faults.append(f"source {shown(text)}: holds a space or is longer than {_LONGEST_ADDRESS} characters")
    elif password:
        faults.append("source holds a user's name or password, which would stand in metadata.csv; expected none")
    else:
        known = youtube_id(text)
        return _WATCH + known if known else text
    return ""
