"""A study's folder is given the media that it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from i2vbench.errors import UserError
from i2vbench.files import file_sha256, is_disk_error, write_bytes
from i2vbench.human.choosing import Candidate
from i2vbench.human.media import damaged, encode_first_frame, encode_shown, read_shown
from i2vbench.human.study import Study, broken_path, first_frame_path, video_path
from i2vbench.profiles import Protocol
from i2vbench.progress import Progress

_THREADS = 2

T = TypeVar("T")
R = TypeVar("R")


def fill(
    folder: Path, study: Study, candidates: Sequence[Candidate] | None, protocol: Protocol | None, progress: Progress
) -> None:
    """Make the files that are not there. One that is there is whole: it got its name when it was.

    Args:
        folder: The study's.
        study: Whose media.
        candidates: What each item's are made of; None if no run is at hand.
        protocol: Of the runs.
        progress: Is told how far it is.

    Raises:
        UserError: There are some, and nothing to make them of; a run's video is not what it was; the disk is full.
    """
    lacking = {index: missing for index in range(len(study.items)) if (missing := _missing(folder, study, index))}
    if not lacking:
        return
    if candidates is None or protocol is None:
        raise UserError(
            f"{folder} lacks the videos of {len(lacking)} of {len(study.items)} samples: its making was stopped, or "
            f"they were deleted; name its runs again, as in serve RUN --out {folder}"
        )

    def work(index: int) -> None:
        try:
            _make_item(folder, study, index, candidates[index], protocol, lacking[index])
        except OSError as error:
            if not is_disk_error(error):
                raise
            raise UserError(f"{folder} cannot be written to: {error.strerror}; the same command goes on") from error

    progress.start("media", len(study.items), len(study.items) - len(lacking), noun="samples")
    for _ in in_threads(work, list(lacking)):
        progress.advance("media")


def _missing(folder: Path, study: Study, index: int) -> set[str]:
    """The files of an item that are not there."""
    paths = {first_frame_path(index), *(video_path(index, model) for model in range(len(study.models)))}
    if study.items[index].broken is not None:
        paths.add(broken_path(index))
    return {path for path in paths if not (folder / path).is_file()}


def _make_item(
    folder: Path, study: Study, index: int, candidate: Candidate, protocol: Protocol, missing: set[str]
) -> None:
    item = study.items[index]
    (folder / first_frame_path(index)).parent.mkdir(parents=True, exist_ok=True)
    if first_frame_path(index) in missing:
        write_bytes(folder / first_frame_path(index), encode_first_frame(candidate.first_frame, protocol))
    for model, (path, sha256) in enumerate(zip(candidate.videos, item.videos, strict=True)):
        intact, broken = video_path(index, model), broken_path(index) if model == item.broken else None
        if intact not in missing and broken not in missing:
            continue
        if file_sha256(path) != sha256:
            raise UserError(f"{path} is not the video that the study {folder} was made of; name another --out")
        video = read_shown(path, protocol)
        if intact in missing:
            write_bytes(folder / intact, encode_shown(video))
        if broken is not None and broken in missing:
            write_bytes(folder / broken, encode_shown(damaged(video, (study.seed, index))))


def in_threads(work: Callable[[T], R], things: Sequence[T]) -> Iterator[R]:
    """What `work` makes of each thing, in their order; stopped, what is not begun is not done."""
    pool = ThreadPoolExecutor(_THREADS)
    try:
        yield from pool.map(work, things)
    finally:
        pool.shutdown(cancel_futures=True)
