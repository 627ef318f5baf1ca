"""Where training clips come from: a `folder` data set of this repository, or WebVid's jsonl layout.

A source is a sequence: its length, and clip number i as a file, the section of it, and a text. WebVid has ten million
lines, so its source keeps where each line begins and reads a line when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.datasets.base import Dataset
from i2vbench.errors import UserError
from i2vbench.parsing import parse_json
from i2vbench.types import Sample

WEBVID = "webvid:"
KINDS = "folder:PATH, NAME or FILE.py:Class as `i2vbench run` takes them, or webvid:FILE.jsonl"


@dataclass(frozen=True, slots=True)
class TrainingClip:
    """One video and its text.

    Attributes:
        path: The video file.
        text: The prompt.
        start: Seconds after the file's first frame.
        end: Seconds; None is the end of the file.
    """

    path: Path
    text: str
    start: float = 0.0
    end: float | None = None


class ClipError(UserError):
    """A clip that the source cannot give; one sentence that names the line."""


def open_clips(spec: str, open_dataset: Callable[[str], Dataset], video_folder: str = "") -> Sequence[TrainingClip]:
    """The clips that `--data` names.

    Args:
        spec: `webvid:FILE.jsonl`, or a data set as `open_dataset` takes it.
        open_dataset: Finds a data set by its name.
        video_folder: Where WebVid's videos lie; empty for the folder of the jsonl.

    Raises:
        UserError: For data that is not there, is faulty, or has no video in it.
    """
    if not spec.startswith(WEBVID):
        return _from_dataset(spec, open_dataset(spec))
    file = Path(spec.removeprefix(WEBVID)).expanduser()
    if not file.is_file():
        raise UserError(f"data {spec}: {'not a file' if file.exists() else 'no such file'}; expected {KINDS}")
    folder = Path(video_folder).expanduser() if video_folder else file.parent
    if not folder.is_dir():
        raise UserError(f"data {spec}: there is no folder {folder} with its videos (video_folder in the configuration)")
    return WebVidClips(file, folder)


def _from_dataset(spec: str, dataset: Dataset) -> list[TrainingClip]:
    """The samples of a data set that have a reference clip."""
    samples = dataset.samples()
    clips = [clip for sample in samples if (clip := _from_sample(sample))]
    if not clips:
        raise UserError(f"data {spec}: none of its {len(samples)} samples has a video; training needs videos")
    return clips


def _from_sample(sample: Sample) -> TrainingClip | None:
    source = sample.reference
    return TrainingClip(source.path, sample.prompt, source.start, source.end) if source else None


class WebVidClips(Sequence[TrainingClip]):
    """Lines of a jsonl file, each an object with `text` and `file` (and `time` and `fps`, which are not looked at).

    As in the published code a `file` that begins with a slash is looked for by its last name in the folder.

    Args:
        file: The jsonl file.
        folder: Where the videos lie.

    Raises:
        UserError: If the file cannot be read, is empty, or its first line is not of this layout.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        self._file, self._folder = file, folder
        try:
            self._starts = _line_starts(file)
        except OSError as error:
            raise UserError(f"data {file}: cannot be read: {error.strerror}") from error
        if not len(self._starts):
            raise UserError(
                f'data {file}: it has no lines; expected one {{"text": ..., "file": ..., "fps": ...}} a clip'
            )
        self[0]

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: Any) -> Any:
        """Clip number `index`.

        Raises:
            ClipError: If its line is not of this layout, or names a file outside of the folder.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        with open(self._file, "rb") as stream:
            stream.seek(int(self._starts[index]))
            line = stream.readline()
        where = f"{self._file}, clip {int(index) + 1}"
        try:
            entry = parse_json(line)
        except ValueError as error:
            raise ClipError(f"{where}: its line is not JSON ({error})") from error
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("text", "file")):
            raise ClipError(
                f"{where}: expected an object with a text and a file, got {line[:100].decode(errors='replace')!r}"
            )
        name = PurePosixPath(entry["file"])
        if ".." in name.parts or "\0" in entry["file"]:
            raise ClipError(f"{where}: the file {entry['file']!r} lies outside of the folder of the videos")
        return TrainingClip(self._folder / (name.name if name.is_absolute() else name), entry["text"])


def _line_starts(file: Path) -> npt.NDArray[np.uint64]:
    """Where each line that is not blank begins, in bytes."""
    starts, position = [], 0
    with open(file, "rb") as stream:
        for line in stream:
            if line.strip():
                starts.append(position)
            position += len(line)
    return np.array(starts, np.uint64)
