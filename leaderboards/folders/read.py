"""Folders of accepted submissions -> entries, as the pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from i2vbench.admission import BOARDS
from i2vbench.errors import UserError
from i2vbench.leaderboards.entries import TOTAL, Entry, Score, ShownClip
from i2vbench.leaderboards.folders.card import Card, as_read, faults_of_card, read_card
from i2vbench.leaderboards.folders.layout import (
    ARCHIVE,
    CARD,
    CELLS,
    CLIPS,
    PICTURE,
    REPORT,
    ROOT,
    SCORES,
    VIDEO,
    Listing,
    fault_of_place,
    list_folder,
)
from i2vbench.leaderboards.folders.record import CellLine, Record, parse_record
from i2vbench.leaderboards.folders.said import read_said
from i2vbench.leaderboards.folders.scores import cells_against_scores, parse_scores
from i2vbench.leaderboards.published import METHODS
from i2vbench.leaderboards.submission.archive import Refused
from i2vbench.statistics import Interval
from i2vbench.weights.catalogue import human_size

_READABLE = "README.md"

NOT_ADMITTED = "May not go on a leaderboard: "
"""What stands before every reason in the notes of a trial."""


def accepted(root: Path | None = None, trials: bool = False) -> list[Entry]:
    """The entries of all boards, board by board and folder by folder.

    Args:
        root: With the folders BOARD/NAME; None takes those of this checkout, of which a wheel has none.
        trials: Whether folders are taken that say of themselves that they may not stand on the board.

    Raises:
        UserError: A folder is not whole, is a trial, or has the name of another entry of its board, naming file and
            field; or `root` is not there.
    """
    if root is None and not ROOT.is_dir():
        return []
    root = ROOT if root is None else root
    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; expected one with folders of {', '.join(BOARDS)} in it")
    strange = [path.name for path in root.iterdir() if path.name not in (*BOARDS, _READABLE)]
    if strange:
        raise UserError(f"{root / min(strange)}: there is no such board; there are {', '.join(BOARDS)}")
    boards = [root / board for board in BOARDS if (root / board).is_dir()]
    entries = [read_entry(folder) for board in boards for folder in sorted(board.iterdir())]
    for entry in entries:
        if entry.origin == "trial" and not trials:
            raise UserError(
                f"{root / entry.board / entry.slug}: says of itself that it may not stand on the board: "
                f"{next(note for note in entry.notes if note.startswith(NOT_ADMITTED)).removeprefix(NOT_ADMITTED)} "
                "Take it away, or show it as a trial (--anyway)"
            )
    _check_names(root, entries)
    return entries


def _check_names(root: Path, entries: Iterable[Entry]) -> None:
    """Two that were accepted at the same time may be called alike, though neither was when it was verified."""
    taken = {(board, as_read(method)): "of the paper" for board in BOARDS for method in METHODS}
    for entry in entries:
        key = entry.board, as_read(entry.name)
        if key in taken:
            where = root / entry.board / entry.slug
            raise UserError(f"{where}: its name {entry.name!r} is on the board already ({taken[key]})")
        taken[key] = f"in {entry.slug}/"


def read_entry(folder: Path) -> Entry:
    """The entry of one folder BOARD/NAME; what it says is held to its own files, not to an archive.

    Raises:
        UserError: Naming file and field: something is missing, damaged, or of another kind.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; expected one that `i2vbench leaderboard add` has made")
    listing = list_folder(folder)
    if listing.faults:
        raise UserError(f"{folder}: {listing.faults[0]}")
    card, record = read_card(listing.files[CARD]), read_record(listing)
    said = read_said(listing.files[REPORT].read_bytes(), card, is_trial=bool(record.reasons))
    try:
        scores = parse_scores(listing.files[SCORES].read_bytes())
    except Refused as error:
        raise UserError(f"{folder}: {error}") from error
    faults = [
        *faults_of_card(card, ARCHIVE in listing.files),
        *faults_between(folder, card, record, listing),
        *said.faults,
        *cells_against_scores(record.cells, scores),
    ]
    if faults:
        raise UserError(f"{folder}: {faults[0]}")
    return Entry(
        board=card.board,
        slug=folder.resolve().name,
        name=card.name,
        title=card.title,
        origin="trial" if record.reasons else "submitted",
        facts={**_facts(card, record), "Verified before": said.line()},
        links={**card.links.given(), **({"archive": card.archive.url} if card.archive.url else {})},
        scores=_scores(record),
        clips=_clips(record, listing),
        notes=(*card.notes, *(f"{NOT_ADMITTED}{reason}" for reason in record.reasons), *record.notes),
    )


def read_record(listing: Listing) -> Record:
    """`cells.json` of a folder.

    Raises:
        UserError: It is damaged, or cannot be read.
    """
    path = listing.files[CELLS]
    try:
        return parse_record(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Refused as error:
        raise Refused(f"{path.parent}: {error}") from error


def faults_between(folder: Path, card: Card, record: Record, listing: Listing) -> list[str]:
    """What files of a folder say against each other, and against where it lies."""
    found = [f"{CARD}: board: expected {' or '.join(BOARDS)}, found {card.board[:40]!r}"] * (card.board not in BOARDS)
    place = fault_of_place(folder, card.board)
    found += [place] if place else []
    for name in ("board", "model"):
        if getattr(card, name) != getattr(record, name):
            found.append(f"{CARD} says another {name} than {CELLS}")
    shown = {f"{clip.sample}{VIDEO}" for clip in record.clips}
    pictures = {f"{clip.sample}{PICTURE}" for clip in record.clips}
    there = set(listing.clips())
    found += [f"{CLIPS}/{name} is not there" for name in sorted(shown - there)]
    found += [f"{CLIPS}/{name} is of no clip that {CELLS} names" for name in sorted(there - shown - pictures)]
    return found


def _facts(card: Card, record: Record) -> Mapping[str, str]:
    own = {
        "Authors": ", ".join(card.authors),
        "Contact": card.contact,
        "Licence": card.licence,
        "Date of the run": card.date,
    }
    archive = {"Archive": f"{human_size(card.archive.bytes)}, SHA-256 {card.archive.sha256}"}
    return {**{name: text for name, text in own.items() if text}, **record.facts, **archive}


def _scores(record: Record) -> Mapping[str, Mapping[str, Score]]:
    scores: dict[str, dict[str, Score]] = {id_: {} for id_ in BOARDS[record.board].metrics}
    for cell in record.cells:
        if cell.category != TOTAL:  # a category of that name cannot be told from the total
            scores[cell.metric][TOTAL if cell.category is None else cell.category] = _score(cell)
    return scores


def _score(cell: CellLine) -> Score:
    short = f"{cell.n:,} of {cell.planned:,} clips" if cell.value and cell.n < cell.planned else ""
    return Score(
        printed=cell.value,
        value=float(cell.value) if cell.value else None,
        n=cell.n,
        interval=Interval(float(cell.low), float(cell.high)) if cell.low else None,
        note="; ".join(filter(None, (short, cell.note))),
    )


def _clips(record: Record, listing: Listing) -> tuple[ShownClip, ...]:
    return tuple(
        ShownClip(
            sample=clip.sample,
            category=clip.category,
            prompt=clip.prompt,
            video=listing.files[f"{CLIPS}/{clip.sample}{VIDEO}"],
            first_frame=listing.files.get(f"{CLIPS}/{clip.sample}{PICTURE}"),
            scores=clip.scores,
        )
        for clip in record.clips
    )
