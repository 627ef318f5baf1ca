"""The released set's folder of Google Drive, brought here by gdown; a file that came whole is never asked for again.

gdown 6.5 lists a folder from Drive's "embedded view", page by page of its folders, without a limit of files. Drive
refuses files after some dozens or hundreds of an address in a day; nothing but waiting, or a browser, helps.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2vbench.datasets.i2v_bench.kinds import is_hidden, kind_of, why_not_read
from i2vbench.datasets.i2v_bench.sources import Found, Unmatched
from i2vbench.errors import UserError
from i2vbench.extras import need
from i2vbench.files import write_json
from i2vbench.parsing import parse_json
from i2vbench.texts import clean, one_line
from i2vbench.weights.catalogue import human_size
from i2vbench.weights.places import offline

FOLDER_ID = "1eg_vtowKZBen74W-A1oeO4bR1K21giks"
FOLDER_URL = f"https://drive.google.com/drive/folders/{FOLDER_ID}"

RETRIES = 5
"""Of a file that breaks off; each goes on at its byte, after up to 30 s."""

TIMEOUT_SECONDS = (15.0, 60.0)
"""To connect; between two reads."""

LISTING_WAITS_SECONDS = (2.0, 8.0)
REFUSALS = 3
"""Files refused in a row after which no more are asked for: more requests make Drive refuse for longer."""

SECONDS_BETWEEN_LINES = 10.0
BY_HAND = (
    f"download it in a browser from {FOLDER_URL} and run `i2vbench data download i2v-bench --from FOLDER_OR_ARCHIVE`"
)

_GOOGLE_TABLE = ".xlsx"
"""What gdown's list calls a table of Google's own, as it does one that was uploaded."""

_QUOTA = re.compile(r"too many users|quota|many accesses|rate limit|unusual traffic", re.I)


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the folder.

    Attributes:
        id: Drive's.
        parts: Its path there.
        name: What it is called here.
    """

    id: str
    parts: tuple[str, ...]
    name: str


class _Refused(Exception):
    """Drive does not give it now; the text says what it said."""


class _Gone(Exception):
    """Drive does not have it."""


class _Spliced(Exception):
    """Drive does not go on with the part that is here."""


def bring_folder(room: Path, tell: Callable[[str], None]) -> tuple[list[Found], list[Unmatched]]:
    """The files of the released set, and those that Drive does not have; what is not here yet is fetched.

    Args:
        room: Where they go, with the list of them.
        tell: Called with a line for the user, now and then.

    Raises:
        UserError: It cannot be had, in a sentence that says what to do. What came stays for the next call.
        OSError: The disk is at fault.
    """
    files = _saved_list(room)
    owed = [file for file in files if not (room / file.name).is_file()]
    if files and not owed:
        tell(f"the {len(files):,} files of {FOLDER_URL} are here already")
        return [_found(room, file) for file in files], []
    _check_ways()
    room.mkdir(parents=True, exist_ok=True)
    if not files:
        tell(f"listing {FOLDER_URL}")
        files = _list(room)
        owed = [file for file in files if not (room / file.name).is_file()]
    lost = _Downloads(room, len(files), len(owed), tell).run(owed)
    listed = [
        Unmatched(
            "file", "/".join(file.parts), f"Google Drive did not give it ({reason}): run the command again for it"
        )
        for file, reason in lost.items()
    ]
    return [_found(room, file) for file in files if file not in lost], listed


def _check_ways() -> None:
    if offline():
        raise UserError(
            "the I2V-Bench folder is not downloaded: HF_HUB_OFFLINE forbids the network; "
            "`i2vbench data download i2v-bench --from FOLDER_OR_ARCHIVE` takes a copy"
        )
    need("a download from Google Drive", "data", "gdown", "requests", instead=BY_HAND)


def _saved_list(room: Path) -> list[_File]:
    try:
        saved = parse_json((room / "listing.json").read_text(encoding="utf-8"))
        return [_File(file["id"], tuple(file["parts"]), file["name"]) for file in saved["files"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def _found(room: Path, file: _File) -> Found:
    path = room / file.name
    if file.name.endswith(_GOOGLE_TABLE):
        with open(path, "rb") as opened:
            if opened.read(2) != b"PK":  # it came as CSV
                return Found(path, (*file.parts[:-1], file.parts[-1][: -len(_GOOGLE_TABLE)] + ".csv"))
    return Found(path, file.parts)


def _list(room: Path) -> list[_File]:
    """What the folder holds, asked of Drive; kept, so that numbers and files stay together."""
    listed = _attempt_listing()
    files = []
    for number, entry in enumerate(listed):
        parts = tuple(clean(part) for part in re.split(r"[\\/]", entry.path) if part not in ("", ".", ".."))
        if not parts or any(is_hidden(part) for part in parts) or not re.fullmatch(r"[A-Za-z0-9_-]+", entry.id):
            continue
        if kind_of(parts[-1]) != "other" or why_not_read(parts[-1]):
            files.append(_File(entry.id, parts, f"{number:06d}{Path(parts[-1]).suffix.lower()}"))
    if not files:
        raise UserError(
            f"Google Drive lists no video, table or archive in {FOLDER_URL} ({len(listed)} files): the folder was "
            f"emptied, or its page has changed; {BY_HAND}"
        )
    saved = [{"id": file.id, "parts": file.parts, "name": file.name} for file in files]
    write_json(room / "listing.json", {"folder": FOLDER_ID, "files": saved})
    return files


def _attempt_listing() -> list[Any]:
    import gdown

    for wait in (*LISTING_WAITS_SECONDS, None):
        try:
            with _plain_errors():
                return list(
                    gdown.download_folder(
                        id=FOLDER_ID, skip_download=True, quiet=True, use_cookies=False, timeout=TIMEOUT_SECONDS
                    )
                )
        except _Gone as error:
            raise UserError(
                f"Google Drive says that the folder {FOLDER_URL} is not there or not public any more ({error}): look "
                "into the README of TIGER-AI-Lab/ConsistI2V for another, and give a copy by --from"
            ) from error
        except _Refused as error:
            if wait is None:
                raise UserError(
                    f"the folder {FOLDER_URL} cannot be listed ({error}): run the command again later, or {BY_HAND}"
                ) from error
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


class _Downloads:
    """Brings files one after the other: Drive takes several at once for an attack."""

    def __init__(self, room: Path, total: int, owed: int, tell: Callable[[str], None]) -> None:
        self._room, self._total, self._done, self._tell = room, total, total - owed, tell
        self._told = time.monotonic()

    def run(self, owed: list[_File]) -> dict[_File, str]:
        """Bring them all; why those did not come that Drive does not give while it gives others.

        Raises:
            UserError: It gives nothing, or nothing more.
        """
        lost: dict[_File, str] = {}
        in_a_row = 0
        self._tell(f"{self._done:,} of {self._total:,} files are here")
        for file in owed:
            try:
                self._fetch(file)
                self._done += 1
                in_a_row = 0
            except _Gone as error:
                lost[file] = str(error)
            except _Refused as error:
                lost[file] = str(error)
                in_a_row += 1
                if in_a_row >= REFUSALS or _QUOTA.search(str(error)):
                    raise self._stopped(str(error)) from error
        if not self._done:
            raise self._stopped(next(iter(lost.values())))
        return lost

    def _stopped(self, reason: str) -> UserError:
        return UserError(
            f"{self._done:,} of {self._total:,} files of the I2V-Bench folder are here, and Google Drive does not give "
            f"more now ({reason}): run the command again later (after a refusal, in 24 hours), and it goes on where it "
            f"was; or {BY_HAND}"
        )

    def _fetch(self, file: _File) -> None:
        try:
            self._ask(file)
        except _Spliced:  # the server does not go on with what is here
            for part in self._parts(file):
                part.unlink()
            try:
                self._ask(file)
            except _Spliced as error:
                raise _Refused(str(error)) from error

    def _ask(self, file: _File) -> None:
        import gdown

        for part in self._parts(file)[1:]:  # gdown goes on with one only
            part.unlink()
        with _plain_errors():
            gdown.download(
                id=file.id,
                output=str(self._room / file.name),
                quiet=True,
                use_cookies=False,
                resume=True,
                timeout=TIMEOUT_SECONDS,
                retries=RETRIES,
                # A table of Google's own; a file that was uploaded comes as it is.
                format="csv" if file.name.endswith(_GOOGLE_TABLE) else None,
                progress=lambda done, total: self._progress(file, done, total),
            )

    def _parts(self, file: _File) -> list[Path]:
        return sorted(self._room.glob(f"{file.name}*.part"), key=lambda part: -part.stat().st_size)

    def _progress(self, file: _File, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            size = f"{human_size(done)}{f' of {human_size(total)}' if total else ''}"
            self._tell(f"{self._done:,} of {self._total:,} files are here; {one_line(file.parts[-1])}: {size}")


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """gdown's errors, and those it lets through, by what follows from them; a disk's come out as they are."""
    import requests
    from gdown.exceptions import DownloadError

    try:
        yield
    except DownloadError as error:
        text = _first_sentence(str(error))
        if "byte range" in text:
            raise _Spliced(text) from error
        raise (_Gone if "status code 404" in text or "status code 410" in text else _Refused)(text) from error
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        raise (_Gone if status in (404, 410) else _Refused)(f"it answered {status}") from error
    except requests.RequestException as error:
        raise _Refused(f"it cannot be reached: {_first_sentence(str(error))}") from error
    except (KeyError, ValueError, AssertionError) as error:  # of an answer without what gdown looks up in it
        raise _Refused(f"gdown does not understand its answer: {_first_sentence(repr(error))}") from error


def _first_sentence(text: str) -> str:
    """gdown's texts run over paragraphs; the second of "Failed to retrieve file url" has the reason."""
    text = one_line(text).removeprefix("Failed to retrieve file url: ")
    return re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0].rstrip(".")[:200]
