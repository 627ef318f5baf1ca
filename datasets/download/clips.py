"""From a video that came to the clips that are wanted of it: measured, cut, checked, hashed."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from i2vbench.datasets.download.faults import SiteFault
from i2vbench.datasets.download.manifest import Entry
from i2vbench.datasets.download.site import Fetched, no_video
from i2vbench.files import file_sha256, to_disk
from i2vbench.video import VideoError, VideoInfo, check_decodes, cut_video, probe


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip's file, under its final name.

    Attributes:
        path: Where it is.
        sha256: Of its bytes.
        info: What it shows.
    """

    path: Path
    sha256: str
    info: VideoInfo


def look(fetched: Fetched, min_height: int) -> VideoInfo:
    """What a video that came shows.

    Raises:
        SiteFault: "too_small"; "unsupported" for a page; "damaged".
    """
    try:
        info = probe(fetched.path)
    except VideoError as error:
        raise no_video(fetched.path, error) from error
    if info.height < min_height:
        raise SiteFault("too_small", f"is {info.height} pixels high; expected {min_height}")
    return info


def make_clip(entry: Entry, fetched: Fetched, info: VideoInfo, folder: Path, workshop: Path) -> Clip:
    """Make one clip of a video; it takes its name in `folder` when it is whole and on the disk.

    Args:
        entry: What is wanted.
        fetched: The video, or a section of it that has all of the clip.
        info: What `fetched` shows.
        folder: Where the clip goes.
        workshop: Where half-done files are.

    Raises:
        SiteFault: "short": the video ends before the clip does; "damaged".
        OSError: The disk is at fault.
    """
    if entry.is_whole:
        made = workshop / f"{entry.id}{_suffix(fetched.path)}"
        shutil.copyfile(fetched.path, made)
        frames = info.num_frames
    else:
        wanted = frames_of(entry, fetched, info)
        made, frames = workshop / f"{entry.id}.mp4", len(wanted)
        _cut(fetched.path, made, info, wanted)
    try:
        found = probe(made)
        if found.num_frames != frames:
            raise SiteFault("damaged", f"{found.num_frames} of its {frames} frames could be had")
        if entry.is_whole:
            check_decodes(made, info=found)
    except VideoError as error:
        raise SiteFault("damaged", error.reason) from error
    sha256 = file_sha256(made)
    path = folder / made.name
    with open(made, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(made, path)
    to_disk(folder)
    return Clip(path, sha256, found)


def frames_of(entry: Entry, fetched: Fetched, info: VideoInfo) -> range:
    """Positions in the file of the clip's frames: those whose time, rounded to the millisecond, lies in [start, end).

    Raises:
        SiteFault: "short".
    """
    length = fetched.begins + info.seconds
    start = round(entry.start or 0.0, 3)
    # A frame's length more may be asked for than there is: sites and players round.
    if entry.end is not None and entry.end > length + 1 / info.fps + 0.001:
        raise SiteFault("short", f"ends at {length:.3f} s; the clip is wanted until {entry.end:g} s")
    last = float("inf") if entry.end is None else round(entry.end, 3)
    # To the microsecond first: at 30000/1001 frames per second every thirtieth time is a tie at the millisecond, and a
    # sum may fall on the other side of it than the time that the whole file states.
    inside = [i for i, t in enumerate(info.times) if start <= round(round(fetched.begins + t, 6), 3) < last]
    if len(inside) < 2:
        until = f"{length:.3f} s, the end" if entry.end is None else f"{entry.end:g} s"
        raise SiteFault("short", f"has {len(inside)} frames from {start:g} s to {until}; expected at least 2")
    return range(inside[0], inside[-1] + 1)


def _cut(source: Path, target: Path, info: VideoInfo, wanted: range) -> None:
    """Cut at times halfway between frames, so that no rounding of either side moves a frame in or out."""
    times = info.times
    start = (times[wanted[0] - 1] + times[wanted[0]]) / 2 if wanted[0] else 0.0
    end = (times[wanted[-1]] + times[wanted[-1] + 1]) / 2 if wanted[-1] + 1 < len(times) else None
    try:
        cut_video(source, target, start, end)
    except VideoError as error:
        raise SiteFault("damaged", error.reason) from error


def _suffix(path: Path) -> str:
    """By what is in the file: what a site calls it is not to be trusted."""
    with open(path, "rb") as file:
        head = file.read(64)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return ".webm" if b"webm" in head else ".mkv"
    if head.startswith(b"RIFF"):
        return ".avi"
    if head.startswith(b"G"):
        return ".ts"
    return ".mov" if head[4:12] == b"ftypqt  " else ".mp4"
