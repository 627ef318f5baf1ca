"""An archive -> the folder that a pull request adds."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from i2vbench.admission import BOARDS
from i2vbench.clips import read_first_frame
from i2vbench.errors import UserError
from i2vbench.files import write_bytes
from i2vbench.leaderboards.folders.card import Card, Links, Source, starting_card
from i2vbench.leaderboards.folders.clips import pictures_of
from i2vbench.leaderboards.folders.layout import CARD, CLIPS, REPORT, fault_of_name
from i2vbench.leaderboards.folders.make import Contents, make_contents
from i2vbench.leaderboards.submission.archive import Archive
from i2vbench.leaderboards.submission.manifest import Manifest, read_manifest
from i2vbench.leaderboards.submission.report import Report
from i2vbench.leaderboards.submission.sampling import Videos
from i2vbench.leaderboards.submission.verify import Looked, Wish, look_at
from i2vbench.log import log_to
from i2vbench.profiles import parse_profile
from i2vbench.types import Image
from i2vbench.video import VideoError, read_image


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a folder is to stand.

    Attributes:
        root: With the boards' folders in it.
        board: "" takes the archive's data set.
        name: Of the folder; "" makes one of the model's.
    """

    root: Path
    board: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What came of it.

    Attributes:
        report: What was said of the archive.
        folder: The new folder; None if there is none.
        reasons: Why not; or why it may not go on a leaderboard.
    """

    report: Report
    folder: Path | None
    reasons: list[str]


def add(wish: Wish, place: Place, room: Path) -> Added:
    """Verify an archive, and make the folder of one of its models.

    Args:
        wish: As `verify` takes it; `model` may be "" where the archive has one. With `anyway`, the folder of what may
            not go on a leaderboard is made too, and says so.
        place: Where it is to stand.
        room: An empty folder, as `verify` takes one.

    Raises:
        UserError: The archive cannot be looked at; there is no such model or board; the folder is there already.
    """
    with log_to(room), Archive(wish.archive) as archive:
        manifest = read_manifest(archive)
        wish = replace(wish, model=_model(manifest, wish))
        folder = _folder(manifest, wish, place)
        looked = look_at(archive, wish, room)
        if not looked.report.verified:
            return Added(report=looked.report, folder=None, reasons=["The archive is not verified."])
        has_videos = manifest.videos["packed"] or wish.videos is not None
        videos = Videos(archive, wish.videos) if has_videos else None
        contents = make_contents(looked.restored, manifest, wish.model, folder.parent.name, videos, has_videos)
        reasons = [*contents.record.reasons, *_lacks(looked.report, contents)]
        if reasons and not wish.anyway:
            return Added(report=looked.report, folder=None, reasons=reasons)
        _write(folder, looked, contents, wish)
    return Added(report=looked.report, folder=folder, reasons=reasons)


def _lacks(report: Report, contents: Contents) -> list[str]:
    """What the folder of a run that may go on a leaderboard has, and this one has not."""
    found = [] if report.compared else ["Nothing of it was measured again."]
    if contents.shown is None:
        return [*found, "There are no videos to show: name their folder (--videos)."]
    return [*found, *contents.shown.faults]


def _model(manifest: Manifest, wish: Wish) -> str:
    models = list(manifest.models)
    if not wish.model and len(models) != 1:
        raise UserError(f"{wish.archive} has several models, {', '.join(models)}: name one (--model)")
    if wish.model and wish.model not in models:
        raise UserError(f"no model '{wish.model}' in {wish.archive}: it has {', '.join(models)}")
    return wish.model or models[0]


def _folder(manifest: Manifest, wish: Wish, place: Place) -> Path:
    """The new folder, which is not there yet."""
    board = place.board or manifest.dataset["name"]
    if board not in BOARDS:
        hint = "; --board names one to try it on, with --anyway" if not place.board else ""
        raise UserError(f"there is no board of {board}: there are {', '.join(BOARDS)}{hint}")
    name = place.name or re.sub(r"[^a-z0-9]+", "-", wish.model.lower()).strip("-")[:64].strip("-") or "model"
    if fault := fault_of_name(name):
        raise UserError(f"{fault} (--name)")
    folder = place.root / board / name
    if folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} is there already: take it away, or name another one (--name)")
    return folder


def _write(folder: Path, looked: Looked, contents: Contents, wish: Wish) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        (partial / CLIPS).mkdir(parents=True)
        for name, data in contents.files().items():
            write_bytes(partial / name, data)
        shown = [clip.sample for clip in contents.record.clips]
        for name, data in pictures_of(looked.restored, shown, _pictures(looked, shown, wish.videos)).items():
            write_bytes(partial / CLIPS / name, data)
        report = json.dumps(looked.report.as_dict(), indent=1, ensure_ascii=False) + "\n"
        write_bytes(partial / REPORT, report.encode())
        write_bytes(partial / CARD, starting_card(_card(looked, contents, wish)))
        if not shown:
            (partial / CLIPS).rmdir()
        partial.rename(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _card(looked: Looked, contents: Contents, wish: Wish) -> Card:
    """What is known already of what a submitter says."""
    record = contents.record
    info = looked.restored.settings["models"][record.model]["info"]
    paper = str(info.get("paper", ""))
    return Card(
        board=record.board,
        model=record.model,
        name=record.model,
        title=str(info.get("title", "")),
        contact=looked.manifest.contact,
        licence=str(info.get("licence", "")),
        links=Links(paper=paper if paper.startswith("https://") else ""),
        archive=Source(sha256=looked.report.sha256, bytes=wish.archive.stat().st_size),
    )


def _pictures(looked: Looked, samples: Iterable[str], videos: Path | None) -> dict[str, Image]:
    """First frames that can be found here: of the data set, or in the run's folder beside its videos."""
    settings, found = looked.restored.settings, dict[str, Image]()
    protocol = parse_profile(settings["profile"]).protocol
    for id_ in samples:
        beside = None if videos is None else videos.resolve().parent / "first_frames" / f"{id_}.png"
        try:
            if id_ in looked.samples:
                found[id_] = read_first_frame(
                    looked.samples[id_].first_frame,
                    protocol.height,
                    protocol.width,
                    protocol.interpolation,
                    settings["reader"]["name"],
                )
            elif beside is not None and beside.is_file():
                found[id_] = read_image(beside)
        except VideoError:
            continue  # an entry without this picture is whole
    return found
