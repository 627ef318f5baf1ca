"""Checking clips to the last frame, before hours of generation are spent on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from i2vbench.clips import SAME_RATE
from i2vbench.datasets.csv_table import Fault
from i2vbench.datasets.metadata import Contents, Facts, Row, read_folder
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.types import ClipSource, Sample
from i2vbench.video import VideoError, VideoInfo, check_decodes, probe, read_image, shown_frames

Tell = Callable[[int, int], object]
"""Called with (files done, files in all)."""


def check_folder(path: str | Path, tell: Tell = lambda done, total: None, quick: bool = False) -> list[str]:
    """Every fault of a `folder:PATH` data set, one line each, in the order of the rows; none if it is valid.

    Beyond what loading it checks, every file is opened: images are read, the sections of videos decoded to their last
    frame, and what rows state of their files is compared: sha256, bytes, width, height, frames, fps.

    Args:
        path: The folder.
        tell: Called after each file.
        quick: Open no file: of what is stated only bytes are compared.

    Returns:
        Lines such as "row 3: id 'dog': clips/dog.mp4: end 12 s is beyond the clip's last frame ...".
    """
    try:
        contents = read_folder(Path(path).expanduser())
    except UserError as error:
        return [str(error)]
    return check_contents(contents, tell, quick)


def check_contents(contents: Contents, tell: Tell = lambda done, total: None, quick: bool = False) -> list[str]:
    """The same of a folder that was read."""
    faults = [*contents.faults, *check_rows(contents.rows, tell, quick)]
    # A fault of the whole table (its header, its encoding) comes first.
    return [str(fault) for fault in sorted(faults, key=lambda fault: fault.row or 0)]


def check_files(samples: Sequence[Sample], tell: Tell = lambda done, total: None) -> list[str]:
    """Every clip and picture of any data set that cannot be decoded, one line each."""
    rows = [Row(None, sample.first_frame.path.name, Facts(), sample) for sample in samples]
    return [str(fault) for fault in check_rows(rows, tell)]


def check_rows(rows: Sequence[Row], tell: Tell = lambda done, total: None, quick: bool = False) -> list[Fault]:
    """What is wrong with the files of some rows, file after file; several are looked at at once."""
    by_file: dict[Path, list[Row]] = {}
    for row in rows:
        by_file.setdefault(row.sample.first_frame.path, []).append(row)
    if quick:
        return [fault for file, sharing in by_file.items() for fault in _check_size(file, sharing)]
    faults: list[Fault] = []
    with ThreadPoolExecutor(os.cpu_count()) as lookers:
        for done, found in enumerate(lookers.map(_check_file, by_file, by_file.values()), start=1):
            faults += found
            tell(done, len(by_file))
    return faults


def _check_file(file: Path, rows: Sequence[Row]) -> list[Fault]:
    look = _check_clips if rows[0].sample.reference else _check_image
    return [*_check_size(file, rows), *_check_hash(file, rows), *look(file, rows)]


def _check_size(file: Path, rows: Sequence[Row]) -> list[Fault]:
    stated = [row for row in rows if row.facts.bytes is not None]
    size = os.stat(file).st_size if stated else 0
    return [_differs(row, "bytes", f"{size}", row.facts.bytes) for row in stated if row.facts.bytes != size]


def _check_hash(file: Path, rows: Sequence[Row]) -> list[Fault]:
    stated = [row for row in rows if row.facts.sha256]
    if not stated:
        return []
    try:
        found = file_sha256(file)
    except UserError as error:
        return [row.fault(str(error)) for row in stated]
    return [_differs(row, "sha256", found, row.facts.sha256) for row in stated if row.facts.sha256 != found]


def _check_facts(row: Row, height: int, width: int, info: VideoInfo | None = None) -> list[Fault]:
    facts = row.facts
    found = [("width", width, facts.width), ("height", height, facts.height)]
    if info:
        found.append(("frames", info.num_frames, facts.frames))
    faults = [_differs(row, name, f"{is_}", stated) for name, is_, stated in found if stated not in (None, is_)]
    if info and facts.fps and abs(facts.fps / info.fps - 1) > SAME_RATE:
        faults.append(_differs(row, "fps", f"{info.fps:.6g}", f"{facts.fps:.6g}"))
    return faults


def _differs(row: Row, name: str, found: str, stated: object) -> Fault:
    return row.fault(f"{row.file_name}: {name} is {found}; the row states {stated}")


def _check_image(file: Path, rows: Sequence[Row]) -> list[Fault]:
    try:
        height, width, _ = read_image(file).shape
    except VideoError as error:
        return [row.fault(f"{row.file_name}: {error.reason}") for row in rows]
    return [fault for row in rows for fault in _check_facts(row, height, width)]


def _check_clips(file: Path, rows: Sequence[Row]) -> list[Fault]:
    try:
        info = probe(file)
    except VideoError as error:
        return [row.fault(f"{row.file_name}: {error.reason}") for row in rows]
    faults = [fault for row in rows for fault in _check_facts(row, info.height, info.width, info)]
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
    if clip.start >= info.seconds:
        return f"start {clip.start:g} s is beyond the clip's end at {info.seconds:.3f} s"
    if clip.end is not None and clip.end > info.seconds + 0.001:  # times count to the millisecond
        return f"end {clip.end:g} s is beyond the clip's end at {info.seconds:.3f} s; leave it empty for the whole clip"
    try:
        frames = shown_frames(info, clip.start, clip.end)
    except VideoError as error:
        return error.reason
    return frames if len(frames) > 1 else "has 1 frame in this section; expected at least 2"


def _cannot_decode(info: VideoInfo, indices: Sequence[int]) -> str | None:
    try:
        check_decodes(info.path, indices, info=info)
    except VideoError as error:
        return error.reason
    return None
