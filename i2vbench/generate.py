"""The first half of the work: a model's owed batches become stored videos."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from i2vbench.attempt import Failure, attempt, describe, free_memory, one_each, try_once
from i2vbench.clips import read_first_frame
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error, write_bytes
from i2vbench.job import Job
from i2vbench.models.base import Model
from i2vbench.profiles import Protocol
from i2vbench.rows import ClipRow, ClipState
from i2vbench.types import Image, ModelInfo, Request, Sample, Video
from i2vbench.video import encode_png, write_video

_log = logging.getLogger("i2vbench")
_WRITERS = 2


def generate_owed(name: str, job: Job, finished: Callable[[int], None]) -> None:
    """Generate every owed batch of one model, store its videos, and call `finished` with the batch's number."""
    batches = job.store.owed_batches(name)
    stage = f"generate {name}"
    total = job.store.count_clips(name)
    job.progress.start(stage, total, total - sum(job.store.count_clips(name, batch) for batch in batches))
    if not batches:
        return
    model = job.models[name]
    unseen = {row.id for row in job.store.samples() if row.first_frame is None}
    loaded = try_once(lambda: model.load(job.device, job.dtype), f"{name}: load")
    try:
        with ThreadPoolExecutor(_WRITERS) as writers:
            for batch in batches:
                if job.stop.is_set():
                    return
                rows = job.store.clips(name, batch=batch)
                _generate_batch(name, model, rows, loaded, job, writers, unseen)
                finished(batch)
                job.progress.advance(stage, len(rows), doing=rows[-1].sample_id)
    finally:
        if loaded is None:
            try_once(model.unload, f"{name}: unload")
        free_memory()


def _generate_batch(
    name: str,
    model: Model,
    rows: Sequence[ClipRow],
    loaded: Failure | None,
    job: Job,
    writers: ThreadPoolExecutor,
    unseen: set[str],
) -> None:
    """Generate one batch; its videos are on disk before the store says so, for the whole batch at once.

    Args:
        name: The model's column.
        model: Loaded, unless `loaded` says otherwise.
        rows: The batch.
        loaded: Why the model could not be loaded, or None.
        job: The run's work.
        writers: Threads that write videos.
        unseen: Samples whose first frame is not stored yet; those of this batch are taken out.
    """
    states: dict[tuple[str, int], tuple[ClipState, str | None]] = {}
    requests: dict[tuple[str, int], Request] = {}
    for row in rows:
        key = (row.sample_id, row.seed)
        sample = job.samples[row.sample_id]
        lacks = sample.lacks(model.info.reads)
        request = Failure(lacks, not_applicable=True) if lacks else _request(row, sample, model.info, job, loaded)
        if isinstance(request, Failure):
            states[key] = _state(request)
        else:
            requests[key] = request
    videos = attempt(list(requests.values()), lambda some: _generate(model, some), f"{name}: generate")
    new = {row.sample_id: requests.get((row.sample_id, row.seed)) for row in rows if row.sample_id in unseen}
    _store_first_frames(new, job)
    unseen -= new.keys()
    paths = {(row.sample_id, row.seed): job.store.folder / row.video for row in rows}
    written = writers.map(_write, [paths[key] for key in requests], videos)
    states |= {
        key: ("done", None) if failure is None else _state(failure)
        for key, failure in zip(requests, written, strict=True)
    }
    job.store.finish_batch(name, states)


def _write(path: Path, video: Video | Failure) -> Failure | None:
    """Store one video; None if it is there, else why not.

    Raises:
        OSError: If the disk is at fault, which is no fault of the clip.
    """
    if isinstance(video, Failure):
        return video
    path.parent.mkdir(exist_ok=True)
    try:
        write_video(path, video)
    except Exception as error:
        if is_disk_error(error):
            raise
        _log.exception("storing %s failed", path)
        return Failure(f"the video could not be stored: {describe(error)}")
    return None


def _request(row: ClipRow, sample: Sample, info: ModelInfo, job: Job, loaded: Failure | None) -> Request | Failure:
    """What the model is asked for, at its native size where it has one, else at the protocol's."""
    if loaded is not None:
        return Failure(f"the model could not be loaded: {loaded.reason}", loaded.not_applicable)
    if job.first_frames is not None and (missing := job.first_frames.missing(sample)):
        return missing
    return try_once(
        lambda: build_request(sample, row.request_seed, info, job.protocol, job.reader), f"first frame of {sample.id}"
    )


def build_request(sample: Sample, seed: int, info: ModelInfo, protocol: Protocol, reader: str) -> Request:
    """The request for one sample: native size, frames and rate of the model where it has them, else the protocol's.

    Raises:
        VideoError: If the first frame cannot be read.
    """
    height, width = info.height or protocol.height, info.width or protocol.width
    return Request(
        sample_id=sample.id,
        first_frame=read_first_frame(sample.first_frame, height, width, protocol.interpolation, reader),
        prompt=sample.prompt,
        num_frames=info.num_frames or protocol.num_frames,
        height=height,
        width=width,
        fps=info.fps or protocol.fps,
        seed=seed,
        frame_stride=None if sample.reference is None else sample.reference.stride,
    )


def check_protocol(info: ModelInfo, protocol: Protocol) -> None:
    """Refuse a model that cannot make the protocol's size, or clips as long as it, before it has tried them all.

    Raises:
        UserError: With what it makes and what the protocol takes.
    """
    if info.any_output:
        return
    check_size(info, info.height or protocol.height, info.width or protocol.width)
    frames, fps = info.num_frames or protocol.num_frames, info.fps or protocol.fps
    check_frames(info, frames)
    try:
        protocol.frame_indices([i / fps for i in range(frames)], fps)
    except ValueError as error:
        raise UserError(f"model '{info.name}': its native clip {error}; choose a --profile that takes less") from error


def check_size(info: ModelInfo, height: int, width: int) -> None:
    """Refuse a size that a model cannot make.

    Raises:
        UserError: With the nearest size that it can.
    """
    if info.sizes and (height, width) not in info.sizes:
        nearest = min(info.sizes, key=lambda size: abs(size[0] - height) + abs(size[1] - width))
        makes = "one size," if len(info.sizes) == 1 else f"{len(info.sizes)} sizes; the nearest is"
        raise UserError(f"size {height}x{width}: model '{info.name}' makes {makes} {nearest[0]}x{nearest[1]}")
    step = info.size_multiple or 1
    if height % step or width % step:
        near = "x".join(str(max(step, round(side / step) * step)) for side in (height, width))
        raise UserError(
            f"size {height}x{width}: model '{info.name}' makes heights and widths that are multiples of {step}, "
            f"such as {near}"
        )


def check_frames(info: ModelInfo, num_frames: int) -> None:
    """Refuse a length that a model cannot make.

    Raises:
        UserError: With the nearest length that it can.
    """
    step = info.frames_step or 1
    if (num_frames - 1) % step:
        near = max(1, round((num_frames - 1) / step)) * step + 1
        raise UserError(
            f"{num_frames} frames: model '{info.name}' makes clips of 1 frame more than a multiple of {step}, "
            f"such as {near}"
        )


def _store_first_frames(requests: Mapping[str, Request | None], job: Job) -> None:
    """Keep the picture that models are shown, at the protocol's size, for the pages that show results.

    Args:
        requests: By sample id; a request of that size has the picture already.
        job: The run's work.
    """
    protocol = job.protocol
    paths = {}
    for id_, request in requests.items():
        if job.first_frames is not None and job.first_frames.missing(job.samples[id_]):
            continue
        source = job.samples[id_].first_frame
        size = protocol.height, protocol.width
        if request is not None and (request.height, request.width) == size:
            frame: Image | Failure = request.first_frame
        else:
            frame = try_once(
                lambda: read_first_frame(source, *size, protocol.interpolation, job.reader),  # noqa: B023
                f"first frame of {id_}",
            )
        if not isinstance(frame, Failure):  # a frame that cannot be read is the reason its clips fail for
            paths[id_] = f"first_frames/{id_}.png"
            write_bytes(job.store.folder / paths[id_], encode_png(frame))
    job.store.finish_first_frames(paths)


def _generate(model: Model, requests: Sequence[Request]) -> list[Video]:
    """The model's videos, each one checked against its request.

    Raises:
        ValueError: If one of them is not what was asked for.
    """
    videos = one_each(requests, model.generate(requests))
    for request, video in zip(requests, videos, strict=True):
        fault = fault_of(video, request, model.info)
        if fault:
            raise ValueError(fault)
    return videos


def fault_of(video: object, request: Request, info: ModelInfo) -> str | None:
    """What the contract finds wrong with one returned video; None if nothing."""
    if not isinstance(video, Video):
        return f"returned {type(video).__name__}; expected i2vbench.types.Video"
    if info.any_output:
        return None
    asked = (request.num_frames, request.height, request.width)
    got = (video.num_frames, video.height, video.width)
    if got != asked:
        return (
            f"returned {got[0]} frames of {got[1]} x {got[2]} pixels; "
            f"asked for were {asked[0]} frames of {asked[1]} x {asked[2]}"
        )
    if abs(video.fps - request.fps) > 1e-6:
        return f"returned a video of {video.fps:g} fps; asked for were {request.fps:g} fps"
    return None


def _state(failure: Failure) -> tuple[ClipState, str]:
    return ("not_applicable" if failure.not_applicable else "failed"), failure.reason
