"""Whether the folder of a model is what its archive makes, and the archive what it says.

Everything in a folder is a stranger's. Files are listed before one is opened, and read as text of bounded size; scores,
cells and previews are made again of the archive and compared. What cannot be seen is what `verify` cannot see of an
archive, and what `entry.toml` says: names, licence and addresses are its submitter's word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.leaderboards.folders.bring import NotHere, Tell, bring
from i2vbench.leaderboards.folders.card import Card, as_read, faults_of_card, read_card
from i2vbench.leaderboards.folders.clips import fault_of_picture
from i2vbench.leaderboards.folders.layout import (
    ARCHIVE,
    CARD,
    CELLS,
    CLIPS,
    PICTURE,
    REPORT,
    ROOT,
    SCORES,
    Listing,
    list_folder,
)
from i2vbench.leaderboards.folders.make import Contents, make_contents
from i2vbench.leaderboards.folders.read import faults_between, read_record
from i2vbench.leaderboards.folders.record import Record, difference, settle_intervals
from i2vbench.leaderboards.folders.said import read_said
from i2vbench.leaderboards.folders.scores import (
    ScoreLine,
    as_csv,
    cells_against_scores,
    differing_scores,
    parse_scores,
)
from i2vbench.leaderboards.published import METHODS
from i2vbench.leaderboards.submission.archive import Archive
from i2vbench.leaderboards.submission.report import Report
from i2vbench.leaderboards.submission.sampling import Videos
from i2vbench.leaderboards.submission.verify import Looked, Wish, look_at
from i2vbench.log import log_to

UNCHECKED = (
    "its archive was not looked at: whether scores, cells and clips are what was measured could not be checked, nor "
    "whether any of it is true"
)


@dataclass(slots=True)
class Folder:
    """What a folder says, as far as it could be read; None is what could not."""

    path: Path
    listing: Listing
    card: Card | None = None
    record: Record | None = None
    scores: list[ScoreLine] | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        place = self.path.resolve()
        return f"{place.parent.name}/{place.name}"


def verify_folder(
    path: Path, wish: Wish, room: Path, archive: str = "", tell: Tell = lambda done, total: None
) -> Report:
    """Look at a folder, and at its archive.

    Args:
        path: The folder.
        wish: How the archive is looked at; its `archive` and `model` are the folder's, whatever they say.
        room: An empty folder, as `verify` takes one.
        archive: A file, or an address that begins with https://; "" takes the one in the folder, or fetches it.
        tell: Is told how far a fetch is.

    Raises:
        UserError: The folder cannot be read; or the archive cannot be looked at here, or is made to do harm.
    """
    folder = _read(path)
    report = Report(archive=ARCHIVE, sha256="", folder=folder.name)
    report.faults += folder.faults
    own = [] if wish.anyway or folder.record is None else folder.record.reasons
    unchecked = [*(f"it may not go on a leaderboard, as it says itself: {reason}" for reason in own), UNCHECKED]
    if folder.card is None:
        report.faults += unchecked
        return report
    source = folder.card.archive
    report.archive, report.sha256 = source.url or ARCHIVE, source.sha256
    report.passed += ["its files are those that a folder has, and fit each other"] if not folder.faults else []
    try:
        file = bring(source, folder.listing.files.get(ARCHIVE), archive, room, tell)
    except NotHere as error:
        report.faults += [f"the archive: {error}", *unchecked]
        return report
    with log_to(room), Archive(file) as opened:
        looked = look_at(opened, replace(wish, archive=file, model=folder.card.model), room)
        _take(report, looked.report)
        _hold(report, folder, looked, Videos(opened, wish.videos), wish)
    return report


def _take(report: Report, other: Report) -> None:
    """What was said of the archive, into what is said of the folder."""
    report.archive, report.sha256 = other.archive, other.sha256
    report.facts, report.seed, report.compared, report.data_set = (
        other.facts,
        other.seed,
        other.compared,
        other.data_set,
    )
    for name in ("passed", "faults", "notes"):
        getattr(report, name).extend(text for text in getattr(other, name) if text not in getattr(report, name))


def _read(path: Path) -> Folder:
    """A folder, held to its own files; every fault is noted, and what can be read is read."""
    listing = list_folder(path)
    folder = Folder(path, listing, faults=list(listing.faults))
    files = listing.files
    if CARD in files:
        try:
            folder.card = read_card(files[CARD])
            folder.faults += faults_of_card(folder.card, ARCHIVE in files)
        except UserError as error:
            folder.faults.append(_within(error, path))
    try:
        folder.record = read_record(listing) if CELLS in files else None
    except UserError as error:
        folder.faults.append(_within(error, path))
    try:
        folder.scores = parse_scores(files[SCORES].read_bytes()) if SCORES in files else None
    except UserError as error:
        folder.faults.append(_within(error, path))
    folder.faults += _faults_inside(folder)
    return folder


def _faults_inside(folder: Folder) -> Iterator[str]:
    if folder.card is not None and folder.record is not None:
        yield from faults_between(folder.path, folder.card, folder.record, folder.listing)
        yield from _faults_of_name(folder.path, folder.card)
        if not folder.record.clips and not folder.record.reasons:
            yield f"{CLIPS}/ has no clips"
    if folder.record is not None and folder.scores is not None:
        yield from cells_against_scores(folder.record.cells, folder.scores)
    if folder.card is not None and REPORT in folder.listing.files:
        is_trial = folder.record is not None and bool(folder.record.reasons)
        yield from read_said(folder.listing.files[REPORT].read_bytes(), folder.card, is_trial).faults


def _within(error: UserError, path: Path) -> str:
    """A message without the folder that it stands in."""
    return str(error).replace(f"submission {path}/", "").replace(f"{path}/", "").replace(f"{path}: ", "")


def _faults_of_name(path: Path, card: Card) -> Iterator[str]:
    """Another entry of the board that is called the same."""
    taken = {as_read(method): "of the paper" for method in METHODS}
    place = path.resolve()
    for other in sorted({*place.parent.glob(f"*/{CARD}"), *(ROOT / card.board).glob(f"*/{CARD}")}):
        if other.parent.name != place.name and not other.is_symlink():
            try:
                taken[as_read(read_card(other).name)] = f"in {other.parent.name}/"
            except UserError:
                continue
    if where := taken.get(as_read(card.name)):
        yield f"{CARD}: name: {card.name!r} is on the board already ({where}); say which one yours is"


def _hold(report: Report, folder: Folder, looked: Looked, videos: Videos, wish: Wish) -> None:
    """The folder against what its archive makes."""
    record = folder.record
    if record is None or folder.card is None or record.board != folder.card.board:
        report.faults.append(f"scores, cells and clips were not made again: {CELLS} cannot be read, or is of another")
        return
    has_videos = looked.manifest.videos["packed"] or wish.videos is not None
    ours = make_contents(
        looked.restored,
        looked.manifest,
        folder.card.model,
        record.board,
        videos if has_videos and record.clips else None,
        clips=bool(record.clips),
    )
    if not wish.anyway:
        reasons = [f"it may not go on a leaderboard: {reason}" for reason in ours.record.reasons]
        report.faults += [reason for reason in reasons if reason not in report.faults]
    if folder.scores is not None:
        _hold_scores(report, folder, ours)
    _hold_cells(report, folder, record, ours)
    report.add("pictures are what the model was shown", list(_faults_of_pictures(folder, looked)))
    if ours.shown is not None:
        faults = [*ours.shown.faults, *_faults_of_videos(folder, ours.shown.files)]
        report.add(f"{len(ours.shown.files)} clips are, to the byte, what the archive's videos make", faults)
    elif record.clips:
        text = "its clips were not made again: the archive has no videos, and their folder was not named (--videos)"
        (report.notes if wish.recompute_only else report.faults).append(text)


def _hold_scores(report: Report, folder: Folder, ours: Contents) -> None:
    faults = list(differing_scores(ours.scores, folder.scores or []))
    if not faults and as_csv(ours.scores) != folder.listing.files[SCORES].read_bytes():
        faults = [f"{SCORES} has the right numbers, and is not written as `leaderboard add` does"]
    report.add(f"{len(ours.scores):,} lines of {SCORES} are, to the byte, what the archive's rows make", faults)


def _hold_cells(report: Report, folder: Folder, theirs: Record, ours: Contents) -> None:
    mine = settle_intervals(replace(ours.record, i2vbench=theirs.i2vbench), theirs)
    same = mine.as_bytes() == folder.listing.files[CELLS].read_bytes()
    faults = [] if same else difference(mine, theirs)
    report.add(f"{len(mine.cells)} cells and intervals of {CELLS} are what the archive's rows make", faults)
    if faults and theirs.i2vbench != ours.record.i2vbench:
        report.notes.append(f"the folder was made by i2vbench {theirs.i2vbench}; this is {ours.record.i2vbench}")


def _faults_of_pictures(folder: Folder, looked: Looked) -> Iterator[str]:
    protocol = looked.restored.profile.protocol
    for name in folder.listing.clips():
        if name.endswith(PICTURE):
            path = folder.listing.files[f"{CLIPS}/{name}"]
            pixels = looked.restored.first_frames.get(name.removesuffix(PICTURE))
            if fault := fault_of_picture(path, path.read_bytes(), (protocol.height, protocol.width), pixels):
                yield fault


def _faults_of_videos(folder: Folder, ours: Mapping[str, bytes]) -> Iterator[str]:
    for name, data in ours.items():
        path = folder.listing.files.get(f"{CLIPS}/{name}")
        if path is not None and path.read_bytes() != data:
            yield (
                f"{CLIPS}/{name} is not what the archive's video makes here: another video, or another version of PyAV "
                "made it (constraints.txt has the version that counts)"
            )
