"""`entry.toml`: what a submitter says of a model, and where its archive is."""

from __future__ import annotations

import dataclasses
import datetime
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.leaderboards.folders.address import fault_of_address
from i2vbench.leaderboards.folders.layout import ARCHIVE, CARD
from i2vbench.leaderboards.submission.lines import is_sha256
from i2vbench.texts import one_line
from i2vbench.toml_fields import fill, read_toml

MOST_BYTES = 16 << 30
"""Of an archive that is fetched."""

_MOST = {"model": 200, "name": 60, "title": 200, "contact": 200, "licence": 120}
_MOST_AUTHORS, _MOST_AUTHOR = 50, 100
_MOST_NOTES, _MOST_NOTE = 10, 500
_MOST_MARKS = 4
"""So many in a row would be written over the lines beside them; no writing has them."""

_ALIKE = str.maketrans({"l": "i", "1": "i", "0": "o", " ": "", "-": "", "_": ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Addresses of what a reader may want; "" is none."""

    paper: str = ""
    code: str = ""
    weights: str = ""
    page: str = ""

    def given(self) -> dict[str, str]:
        """Those that are given, by what they lead to."""
        return {name: text for name, text in dataclasses.asdict(self).items() if text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The archive. `url` is "" where it lies in the folder, as archive.zip."""

    sha256: str = ""
    bytes: int = 0
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What `entry.toml` says; docs/leaderboards.md explains each."""

    board: str = ""
    model: str = ""
    name: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    contact: str = ""
    licence: str = ""
    date: str = ""
    notes: tuple[str, ...] = ()
    links: Links = Links()
    archive: Source = Source()


def read_card(path: Path) -> Card:
    """What a file says, of the right types; `faults_of_card` holds it to what it may say.

    Raises:
        UserError: It is no TOML, or has a field that is unknown or of another type.
    """
    try:
        card: Card = fill(Card, read_toml(path, "submission", "`i2vbench leaderboard add` makes one"))
    except ValueError as error:
        raise UserError(f"{path}: {one_line(str(error))[:300]}") from error
    return card


def faults_of_card(card: Card, has_archive: bool) -> list[str]:
    """What in it is missing, too long, no text that a page can show, or no address.

    Args:
        card: What it says.
        has_archive: Whether the archive lies in the folder.
    """
    return [f"{CARD}: {fault}" for fault in _faults(card, has_archive)]


def _faults(card: Card, has_archive: bool) -> Iterator[str]:
    for name, most in _MOST.items():
        if fault := _fault_of_line(getattr(card, name), most):
            yield f"{name}: {fault}"
    if not card.name.isascii() or not any(map(str.isalnum, card.name)):
        yield "name: expected letters and digits of ASCII, which nobody takes for others; the title may have any"
    if not 1 <= len(card.authors) <= _MOST_AUTHORS:
        yield f"authors: expected 1 to {_MOST_AUTHORS} names, found {len(card.authors)}"
    if len(card.notes) > _MOST_NOTES:
        yield f"notes: expected at most {_MOST_NOTES} sentences, found {len(card.notes)}"
    for label, texts, most in (("authors", card.authors, _MOST_AUTHOR), ("notes", card.notes, _MOST_NOTE)):
        for number, text in enumerate(texts, start=1):
            if fault := _fault_of_line(text, most):
                yield f"{label}, {number}: {fault}"
    if card.date and not _is_date(card.date):
        yield f"date: expected a day as 2026-07-31, found {card.date[:20]!r}"
    for name, address in card.links.given().items():
        if fault := fault_of_address(address):
            yield f"links.{name}: {fault}"
    yield from _faults_of_source(card.archive, has_archive)


def _faults_of_source(source: Source, has_archive: bool) -> Iterator[str]:
    if not is_sha256(source.sha256):
        yield "archive.sha256: expected 64 digits of 0-9 and a-f"
    if not 0 < source.bytes <= MOST_BYTES:
        yield f"archive.bytes: expected a number from 1 to {MOST_BYTES:,}, found {source.bytes:,}"
    if has_archive and source.url:
        yield f"archive.url: the archive lies in the folder, as {ARCHIVE}; leave one of them out"
    elif not has_archive and not source.url:
        yield f"archive.url: say where everybody can fetch the archive, or put it in the folder as {ARCHIVE}"
    elif source.url and (fault := fault_of_address(source.url)):
        yield f"archive.url: {fault}"


def _fault_of_line(text: str, most: int) -> str:
    if not text.strip():
        return "is empty"
    if len(text) > most or not text.isprintable() or text != text.strip():
        return f"expected one line of at most {most} printable characters, without blanks around it"
    marks = [unicodedata.category(char).startswith("M") for char in unicodedata.normalize("NFC", text)]
    if any(all(marks[i : i + _MOST_MARKS]) for i in range(len(marks) - _MOST_MARKS + 1)):
        return f"expected at most {_MOST_MARKS - 1} marks above one another"
    return ""


def as_read(name: str) -> str:
    """What a reader tells a name by: names for which it is the same are taken for each other."""
    return name.casefold().translate(_ALIKE)


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def starting_card(card: Card) -> bytes:
    """An `entry.toml` to be filled in, with what is known already."""
    authors = ", ".join(map(_quoted, card.authors))
    text = f"""\
# What the leaderboard says of this model. docs/leaderboards.md explains each line; `i2vbench leaderboard verify` names
# what is still missing. Texts are one line each, and are shown as they are: no markup.

board = {_quoted(card.board)}
model = {_quoted(card.model)}  # as the archive calls it
name = {_quoted(card.name)}  # as the leaderboard calls it
title = {_quoted(card.title)}  # one line that says what it is
authors = [{authors}]  # "A. Author", "B. Author"
contact = {_quoted(card.contact)}  # whom to ask: an address, an account
licence = {_quoted(card.licence)}  # of code and weights
date = {_quoted(card.date)}  # of the run, as 2026-07-31; may stay empty
notes = []  # sentences that a reader must know

# Addresses that begin with https://; those that there are none of may stay empty.
[links]
paper = {_quoted(card.links.paper)}
code = {_quoted(card.links.code)}
weights = {_quoted(card.links.weights)}
page = {_quoted(card.links.page)}

# Where everybody can fetch the archive (https://); an empty url says that it lies in this folder, as {ARCHIVE}.
[archive]
sha256 = {_quoted(card.archive.sha256)}
bytes = {card.archive.bytes}
url = {_quoted(card.archive.url)}
"""
    return text.encode()


def _quoted(text: str) -> str:
    """As a basic string of TOML, whose escapes are JSON's."""
    return json.dumps(one_line(text), ensure_ascii=False)
