"""Reading a metadata.csv: every row, or every fault with its row number.

Columns `file_name, id, category, prompt` are required; `prompt_state, start, end, fps, objects, scene, sha256, bytes,
width, height, frames, missing` are optional; others are left alone. The layout is that of Hugging Face's videofolder,
so one folder serves both. A row whose `missing` says why its clip is not here ("gone: removed by its owner") is no
sample; it counts.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal, NamedTuple

from i2vbench.datasets.csv_table import CONTROL, Fault, Names, header_faults, number_of, read_rows, shown
from i2vbench.errors import UserError
from i2vbench.types import ClipSource, FrameSource, Sample

METADATA = "metadata.csv"
VIDEO_SUFFIXES = (".mp4", ".webm", ".mkv", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")

PromptState = Literal["", "proposed", "checked"]
"""proposed: a machine wrote the prompt, and nobody has looked; checked: a person has accepted or corrected it; "": a
person wrote it."""

_STATES: dict[str, PromptState] = {"": "", "proposed": "proposed", "checked": "checked"}
_WHOLE = re.compile(r"[0-9]{1,18}")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")


class _Fields(NamedTuple):
    """The columns, as written; "" where the table has none. Those without a default are required."""

    file_name: str
    id: str
    category: str
    prompt: str
    prompt_state: str = ""
    start: str = ""
    end: str = ""
    fps: str = ""
    objects: str = ""
    scene: str = ""
    sha256: str = ""
    bytes: str = ""
    width: str = ""
    height: str = ""
    frames: str = ""
    missing: str = ""


COLUMNS = _Fields._fields
REQUIRED = tuple(name for name in COLUMNS if name not in _Fields._field_defaults)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a row states of its file, each where it does.

    Attributes:
        sha256: Of the file, lower case.
        bytes: Its size.
        width: Pixels.
        height: Pixels.
        frames: That the file shows.
        fps: Frames per second.
    """

    sha256: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    fps: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row without a fault.

    Attributes:
        number: As a spreadsheet counts: the header is row 1. None where there is no table.
        facts: What it states of the file.
        prompt_state: Who answers for the prompt.
    """

    number: int | None
    file_name: str
    facts: Facts
    sample: Sample
    prompt_state: PromptState = ""

    def fault(self, text: str) -> Fault:
        return Fault(text, self.number, self.sample.id)


@dataclass(frozen=True, slots=True)
class Missing:
    """A row whose clip is not here.

    Attributes:
        number: As a spreadsheet counts: the header is row 1.
        reason: As written: a kind, or a kind, a colon and more.
    """

    number: int
    id: str
    category: str
    reason: str

    @property
    def kind(self) -> str:
        return self.reason.partition(":")[0].strip()


class Contents(NamedTuple):
    """What a metadata.csv holds, each in the order of the rows."""

    rows: list[Row]
    faults: list[Fault]
    missing: list[Missing]


def read_folder(folder: Path) -> Contents:
    """The rows without a fault, all faults, and what is not here. Opens no clip.

    Raises:
        UserError: If there is no such folder, or no readable metadata.csv in it.
    """
    if not folder.is_dir():
        raise UserError(f"data set {folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UserError(f"data set {folder}: the folder cannot be read: permission denied")
    if not (folder / METADATA).is_file():
        raise UserError(f"data set {folder}: has no {METADATA}; expected one with the columns {', '.join(REQUIRED)}")
    try:
        data = (folder / METADATA).read_bytes()
    except OSError as error:
        raise UserError(f"data set {folder}: {METADATA} cannot be read: {error.strerror}") from error
    return read_table(folder, data)


def read_table(folder: Path, data: bytes) -> Contents:
    """The same of a metadata.csv's bytes, were they those in `folder`."""
    table = _Table(folder)
    table.read(data)
    return Contents(table.rows, table.faults, table.missing)


class _Table:
    """Reads a metadata.csv: collects rows and faults, and what rows must not share."""

    def __init__(self, folder: Path) -> None:
        self.rows: list[Row] = []
        self.faults: list[Fault] = []
        self.missing: list[Missing] = []
        self._folder = folder
        self._pick: Callable[[Sequence[str]], tuple[str, ...]] = tuple
        self._names = Names()
        self._files: dict[str, Path | str] = {}  # file_name -> where it is, or what is wrong with it
        self._hashes: dict[Path, tuple[str, int]] = {}

    def read(self, data: bytes) -> None:
        for number, fields in read_rows(data, self._check_header, self.faults):
            value = _Fields(*self._pick([*fields, ""]))
            control = _control_faults(value, fields) if CONTROL.search("".join(fields)) else []
            self._add(number, value, control)
        if not self.rows and not self.faults and not self.missing:
            self.faults.append(Fault("no rows below the header; expected one a clip"))

    def _check_header(self, header: list[str]) -> bool:
        self.faults += header_faults(header, REQUIRED, COLUMNS)
        # A column that the table lacks is read from the "" put after its last one.
        self._pick = itemgetter(*(header.index(name) if name in header else len(header) for name in COLUMNS))
        return not self.faults

    def _add(self, number: int, value: _Fields, faults: list[str]) -> None:
        self._names.check_id(number, value.id, faults)
        self._names.check_category(number, value.category, faults)
        if value.missing.strip() and not faults:
            self.missing.append(Missing(number, value.id, value.category, value.missing.strip()))
            return
        if not value.prompt.strip():
            faults.append("prompt is empty")
        state = _STATES.get(value.prompt_state.strip())
        if state is None:
            faults.append(f"prompt_state {shown(value.prompt_state)}: expected proposed, checked, or nothing")
        path = self._find(value.file_name, faults)
        start, end = number_of("start", value.start, faults), number_of("end", value.end, faults)
        facts = self._facts(number, path, value, faults)
        if end is not None and round(end, 3) <= round(start or 0.0, 3):
            faults.append(f"end {end:g} is not after start {start or 0.0:g}; expected seconds, a millisecond apart")
        is_clip = value.file_name.lower().endswith(VIDEO_SUFFIXES)
        if path and not is_clip and (given := [n for n in ("start", "end", "fps") if getattr(value, n).strip()]):
            faults.append(f"{' and '.join(given)} given for an image; expected for videos only")
        if faults or path is None or state is None:
            self.faults += [Fault(text, number, value.id) for text in faults]
            return
        sample = Sample(
            id=value.id,
            category=value.category,
            prompt=value.prompt,
            first_frame=FrameSource(path, (start or 0.0) if is_clip else None),
            reference=ClipSource(path, start or 0.0, end) if is_clip else None,
            fps=facts.fps,
            objects=split_objects(value.objects) if value.objects else (),
            scene=value.scene.strip(),
        )
        self.rows.append(Row(number, value.file_name, facts, sample, state))

    def _find(self, file_name: str, faults: list[str]) -> Path | None:
        """Where a file is; None adds a fault. Rows that share a file cost one look."""
        found = self._files.get(file_name)
        if found is None:
            found = self._files[file_name] = _locate(self._folder, file_name)
        if isinstance(found, str):
            faults.append(f"file_name {shown(file_name)} {found}")
            return None
        return found

    def _facts(self, number: int, path: Path | None, value: _Fields, faults: list[str]) -> Facts:
        return Facts(
            self._hash(number, path, value.sha256.strip(), faults) if value.sha256 else None,
            _whole("bytes", value.bytes, faults) if value.bytes else None,
            _whole("width", value.width, faults) if value.width else None,
            _whole("height", value.height, faults) if value.height else None,
            _whole("frames", value.frames, faults) if value.frames else None,
            number_of("fps", value.fps, faults),
        )

    def _hash(self, number: int, path: Path | None, text: str, faults: list[str]) -> str | None:
        if not text:
            return None
        if not _SHA256.fullmatch(text):
            faults.append(f"sha256 {shown(text)}: expected 64 hex digits")
        elif path is not None:
            first, row = self._hashes.setdefault(path, (text.lower(), number))
            if first != text.lower():
                faults.append(f"sha256 differs from that of row {row}, which names the same file")
        return text.lower()


def split_objects(text: str) -> tuple[str, ...]:
    """The words of an `objects` cell."""
    return tuple(word.strip() for word in text.split(";") if word.strip())


def _locate(folder: Path, file_name: str) -> Path | str:
    """The file's path, or what is wrong with its name or with the file."""
    if not file_name.strip():
        return "is empty"
    if CONTROL.search(file_name):
        return "holds a control character"
    # Judged by the rules of both systems, so that a folder is valid everywhere or nowhere.
    if file_name.startswith(("/", "\\")) or (":" in file_name and PureWindowsPath(file_name).drive):
        return "is an absolute path; expected one relative to the folder"
    if ".." in file_name and ".." in PureWindowsPath(file_name).parts:
        return "leaves the folder; expected a path without '..'"
    if not file_name.lower().endswith(VIDEO_SUFFIXES + IMAGE_SUFFIXES):
        kinds = ", ".join(suffix[1:] for suffix in VIDEO_SUFFIXES + IMAGE_SUFFIXES)
        return f"has the extension '{PurePosixPath(file_name).suffix}'; expected one of {kinds}"
    path = folder / file_name
    try:
        facts = os.stat(path)
    except OSError as error:
        return "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be opened: {error.strerror}"
    if not stat.S_ISREG(facts.st_mode):
        return "is not a file"
    return path if facts.st_size else "is an empty file"


def _control_faults(value: _Fields, fields: list[str]) -> list[str]:
    """Columns of others may have lines in them, but a NUL is always a damaged file."""
    faults = [
        f"{name} holds a control character (U+{ord(found[0]):04X}); expected one line of text"
        for name, text in value._asdict().items()
        if name not in ("id", "file_name") and (found := CONTROL.search(text))
    ]
    if "".join(fields).count("\0") > "".join(value).count("\0"):
        faults.append("a further column holds a NUL character")
    return faults


def _whole(name: str, text: str, faults: list[str]) -> int | None:
    """A number from 1 on; None for blanks, and after adding a fault."""
    text = text.strip()
    if text and not (_WHOLE.fullmatch(text) and int(text) > 0):
        faults.append(f"{name} {shown(text)}: expected a whole number from 1 on")
        return None
    return int(text) if text else None
