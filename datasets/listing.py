"""The samples of a data set as a table, so that others can use the same ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from i2vbench.datasets.base import Dataset
from i2vbench.datasets.csv_table import told
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.texts import csv_lines, csv_text, one_line
from i2vbench.types import Sample
from i2vbench.video import VideoError, VideoInfo, probe, shown_frames

COLUMNS = (
    "id", "category", "prompt", "file", "start_seconds", "first_frame", "stride", "num_frames", "objects", "scene",
    "sha256",
)  # fmt: skip


def list_samples(
    dataset: Dataset, hashes: bool = False, tell: Callable[[int, int], None] = lambda done, total: None
) -> str:
    """A CSV with a line per sample, in their order.

    `file` is relative to the folder that all files have in common, or a mere name where they have none. Of a clip,
    `first_frame` is the position of its first frame among those that the file shows, and `num_frames` how many it has,
    `stride` apart.

    Args:
        dataset: The data set.
        hashes: The last column too, the SHA-256 of each file.
        tell: Called with (files looked at, files in all).

    Raises:
        UserError: As `Dataset.samples`; a file that cannot be read, or shows nothing where its clip is.
    """
    samples = dataset.samples()
    looked = _look({_file(sample): sample.reference is not None for sample in samples}, hashes, tell)
    root = dataset.folder or _common_folder(list(looked))
    columns = COLUMNS if hashes else COLUMNS[:-1]
    lines: list[Sequence[object]] = [columns]
    faults: list[str] = []
    for sample in samples:
        try:
            row = _row(sample, looked[_file(sample)], root, dataset.clip_frames)
        except VideoError as error:
            faults.append(f"{sample.id}: {error}")
        else:
            lines.append([row.get(name, "") for name in columns])
    if faults:
        raise UserError(told(f"data set {dataset.name}", faults))
    return csv_lines(lines)


_Looked = tuple[VideoInfo | VideoError | None, str]
"""What a video shows, None of a picture; and the file's hash, "" if it was not asked for."""


def _file(sample: Sample) -> Path:
    return sample.reference.path if sample.reference else sample.first_frame.path


def _look(is_video: dict[Path, bool], hashes: bool, tell: Callable[[int, int], None]) -> dict[Path, _Looked]:
    """Every file once, several at a time."""

    def look(path: Path) -> _Looked:
        found: VideoInfo | VideoError | None = None
        if is_video[path]:
            try:
                found = probe(path)
            except VideoError as error:
                found = error
        return found, file_sha256(path) if hashes else ""

    looked: dict[Path, _Looked] = {}
    with ThreadPoolExecutor(8) as readers:
        for path, found in zip(is_video, readers.map(look, is_video), strict=True):
            looked[path] = found
            tell(len(looked), len(is_video))
    return looked


def _row(sample: Sample, looked: _Looked, root: Path | None, clip_frames: int | None) -> dict[str, object]:
    info, sha256 = looked
    if isinstance(info, VideoError):
        raise info
    path = _file(sample)
    texts = {
        "id": sample.id,
        "category": sample.category,
        "prompt": sample.prompt,
        "file": path.relative_to(root).as_posix() if root and path.is_relative_to(root) else path.name,
        "objects": ";".join(sample.objects),
        "scene": sample.scene,
    }
    row: dict[str, object] = {"sha256": sha256}
    row |= {name: csv_text(one_line(text)) for name, text in texts.items()}
    clip = sample.reference
    if info is None or clip is None:
        return row
    shown = shown_frames(info, clip.start, clip.end)
    frames = len(shown[:: clip.stride])
    return row | {
        "start_seconds": f"{clip.start:.12g}",
        "first_frame": shown.start,
        "stride": clip.stride or 1,
        "num_frames": frames if clip_frames is None else min(clip_frames, frames),
    }


def _common_folder(paths: Sequence[Path]) -> Path | None:
    """None where that would be the whole disk, whose layout is nobody else's business."""
    try:
        common = Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:  # on several drives
        return None
    return common if common != common.parent else None
