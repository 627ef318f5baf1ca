"""Checking a folder of clips to the last frame, before hours of generation are spent on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from i2vbench.clips import shown_frames
from i2vbench.datasets.metadata import Fault, Row, read_folder
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.types import ClipSource
from i2vbench.video import VideoError, VideoInfo, probe, read_image, read_video

# Frames are decoded to see that they can be; kept this small, an hour of film fits in memory.
_KEPT_SIZE = (8, 8)


def check_folder(path: str | Path, progress: Callable[[int, int], None] | None = None) -> list[str]:
    """Every fault of a `folder:PATH` data set, one line each, in the order of the rows; none if it is valid.

    Beyond what loading it checks, every file is opened: images are read, the sections of videos decoded to their last
    frame, hashes compared.

    Args:
        path: The folder.
        progress: Called with (files done, files in all) after each file.

    Returns:
        Lines such as "row 3: id 'dog': clips/dog.mp4: end 12 s is beyond the clip's last frame ...".
    """
    try:
        rows, faults, _ = read_folder(Path(path).expanduser())
    except UserError as error:
        return [str(error)]
    by_file: dict[Path, list[Row]] = {}
    for row in rows:
        by_file.setdefault(row.sample.first_frame.path, []).append(row)
    for done, (file, sharing) in enumerate(by_file.items(), start=1):
        faults += _check_hash(file, sharing)
        faults += _check_clips(file, sharing) if sharing[0].sample.reference else _check_image(file, sharing)
        if progress:
            progress(done, len(by_file))
    # A fault of the whole table (its header, its encoding) comes first.
    return [str(fault) for fault in sorted(faults, key=lambda fault: fault.row or 0)]


def _check_hash(file: Path, rows: Sequence[Row]) -> list[Fault]:
    stated = [row for row in rows if row.facts.sha256]
    if not stated:
        return []
    try:
        found = file_sha256(file)
    except UserError as error:
        return [row.fault(str(error)) for row in stated]
    return [
        row.fault(f"{row.file_name}: sha256 is {found}; the row states {row.facts.sha256}")
        for row in stated
        if row.facts.sha256 != found
    ]


def _check_image(file: Path, rows: Sequence[Row]) -> list[Fault]:
    try:
        read_image(file)
    except VideoError as error:
        return [row.fault(f"{row.file_name}: {error.reason}") for row in rows]
    return []


def _check_clips(file: Path, rows: Sequence[Row]) -> list[Fault]:
    try:
        info = probe(file)
    except VideoError as error:
        return [row.fault(f"{row.file_name}: {error.reason}") for row in rows]
    faults: list[Fault] = []
    sections: list[tuple[Row, range]] = []
    for row in rows:
        assert row.sample.reference is not None
        section = _section(info, row.sample.reference)
        if isinstance(section, str):
            faults.append(row.fault(f"{row.file_name}: {section}"))
        else:
            sections.append((row, section))
    # One pass serves all sections of a file; only if a frame is broken is each section read for itself.
    wanted = sorted({i for _, section in sections for i in section})
    if wanted and _cannot_decode(info, wanted):
        for row, section in sections:
            if reason := _cannot_decode(info, section):
                faults.append(row.fault(f"{row.file_name}: {reason}"))
    return faults


def _section(info: VideoInfo, clip: ClipSource) -> range | str:
    """Positions of a section's frames, or what is wrong with its times."""
    length = info.times[-1] + 1 / info.fps
    if clip.start >= length:
        return f"start {clip.start:g} s is beyond the clip's end at {length:.3f} s"
    if clip.end is not None and clip.end > length + 0.001:  # times count to the millisecond
        return f"end {clip.end:g} s is beyond the clip's end at {length:.3f} s; leave it empty for the whole clip"
    try:
        frames = shown_frames(info, clip.start, clip.end)
    except VideoError as error:
        return error.reason
    return frames if len(frames) > 1 else "has 1 frame in this section; expected at least 2"


def _cannot_decode(info: VideoInfo, indices: Sequence[int]) -> str | None:
    try:
        read_video(info.path, indices, size=_KEPT_SIZE, interpolation="bilinear", info=info)
    except VideoError as error:
        return error.reason
    return None
