"""The clips that pages show: copied into the site, under names that are made here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.leaderboards.entries import Entry, ShownClip
from i2vbench.leaderboards.site.boards import Board
from i2vbench.store import folder_name

_BEGINNINGS = {
    ".mp4": b"ftyp",
    ".webm": b"\x1a\x45\xdf\xa3",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff",
    ".jpeg": b"\xff\xd8\xff",
}
"""What files of each kind begin with; the mark of an mp4 stands behind its first four bytes."""

VIDEOS = (".mp4", ".webm")
PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, slots=True)
class PlacedClip:
    """A clip in the site: its addresses are relative to the site's folder."""

    clip: ShownClip
    video: str
    first_frame: str


def place_clips(entry: Entry, out: Path) -> list[PlacedClip]:
    """Copy an entry's clips to `clips/BOARD/SLUG/` of the site in `out`.

    Raises:
        UserError: One is no video, or no picture, that browsers show, or cannot be read; or two are of one sample.
    """
    folder = f"clips/{entry.board}/{entry.slug}"
    placed = []
    for clip in entry.clips:
        stem = folder_name(clip.sample)
        video = _copy(entry, clip.video, out, f"{folder}/{stem}", VIDEOS)
        frame = _copy(entry, clip.first_frame, out, f"{folder}/{stem}", PICTURES) if clip.first_frame else ""
        placed.append(PlacedClip(clip, video, frame))
    samples = [clip.sample for clip in entry.clips]
    if twice := [sample for sample in dict.fromkeys(samples) if samples.count(sample) > 1]:
        raise UserError(f"the entry {entry.name} on {entry.board}: two of its clips are of the sample {twice[0]}")
    return placed


def samples_of(board: Board) -> list[str]:
    """The samples of which any entry shows a clip, in the order in which they come."""
    return list(dict.fromkeys(clip.sample for entry in board.entries for clip in entry.clips))


def _copy(entry: Entry, source: Path, out: Path, name: str, kinds: Sequence[str]) -> str:
    suffix = source.suffix.lower()
    who = f"the entry {entry.name} on {entry.board}: {source}"
    if suffix not in kinds:
        raise UserError(f"{who}: expected a file of {', '.join(kinds)}, which browsers show")
    try:
        # A link in a submission could bring any file of this machine into the site.
        if source.is_symlink() or not source.is_file():
            raise UserError(f"{who}: expected a file, found {'a link' if source.is_symlink() else 'none'}")
        data = source.read_bytes()
    except OSError as error:
        raise UserError(f"{who}: cannot be read: {error.strerror}") from error
    if not data[4 if suffix == ".mp4" else 0 :].startswith(_BEGINNINGS[suffix]):
        raise UserError(f"{who}: its contents are not those of a {suffix} file")
    address = f"{name}{suffix}"
    (out / address).parent.mkdir(parents=True, exist_ok=True)
    (out / address).write_bytes(data)
    return address
