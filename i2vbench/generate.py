"""The first half of the work: a batch of a model's plan becomes stored videos, wherever that is done."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from i2vbench.attempt import Failure, attempt, describe, one_each, try_once
from i2vbench.clips import read_first_frame
from i2vbench.files import is_disk_error, write_bytes
from i2vbench.fitting import fault_of
from i2vbench.job import Tools
from i2vbench.kept.keys import is_as_hashed
from i2vbench.kept.videos import keep_videos, take_videos
from i2vbench.models.base import Model
from i2vbench.place import Place
from i2vbench.profiles import Protocol
from i2vbench.rows import ClipRow, ClipState
from i2vbench.timings import timed
from i2vbench.types import Image, ModelInfo, Request, Sample, Video
from i2vbench.video import encode_png, write_video

_log = logging.getLogger("i2vbench")


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Neighbouring clips of one model's plan that are generated together, whenever they are generated.

    Attributes:
        model: The model's column.
        number: The batch's, in the plan of this model.
        clips: All of it.
        samples: Theirs, by id.
        unseen: Ids of those whose first frame is to be kept in the run, too.
    """

    model: str
    number: int
    clips: Sequence[ClipRow]
    samples: Mapping[str, Sample]
    unseen: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What became of a batch; its files are where the run keeps them.

    Attributes:
        states: Of every clip, by (sample id, seed), with the reason where there is no video.
        first_frames: Paths of pictures, relative to the run, by sample id.
        taken_from: The folder of the run that had made the videos; "" if they were made now.
    """

    states: Mapping[tuple[str, int], tuple[ClipState, str | None]]
    first_frames: Mapping[str, str]
    taken_from: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ReadBatch:
    """A batch as the model is asked for it.

    Attributes:
        batch: What is owed.
        requests: By (sample id, seed): what the model is asked for, or why it is not asked.
        key: Under which its videos are kept over runs; None if they are not.
        taken_from: The folder of the run whose videos of it are in this one already; "" if there is none.
    """

    batch: Batch
    requests: Mapping[tuple[str, int], Request | Failure]
    key: str | None
    taken_from: str

    @property
    def is_known(self) -> bool:
        """Whether nothing is left to generate."""
        return bool(self.taken_from)

    @property
    def asked(self) -> dict[tuple[str, int], Request]:
        """The requests that there are."""
        return {key: request for key, request in self.requests.items() if isinstance(request, Request)}

    @property
    def videos(self) -> list[str]:
        """Where the run keeps what comes of them."""
        paths = {(row.sample_id, row.seed): row.video for row in self.batch.clips}
        return [paths[key] for key in self.asked]


def read_batch(batch: Batch, tools: Tools, device: str) -> ReadBatch:
    """What the model is asked for, clip by clip, and its videos where another run has made them; needs no model.

    Raises:
        OSError: The disk is at fault.
    """
    model = tools.models[batch.model]
    requests = {
        (row.sample_id, row.seed): _request(row, batch.samples[row.sample_id], model.info, tools) for row in batch.clips
    }
    read = ReadBatch(batch, requests, None, "")
    if tools.keys is None:
        return read
    with timed("known"):
        key = tools.keys.of_videos(batch.model, model, list(read.asked.values()), device)
        return replace(read, key=key, taken_from=(key and take_videos(key, read.videos, tools.place)) or "")


def generate_batch(read: ReadBatch, loaded: Failure | None, tools: Tools, writers: ThreadPoolExecutor) -> Made:
    """Generate a batch and keep its videos.

    Args:
        read: What is owed.
        loaded: Why the model could not be loaded; None if it is there.
        tools: What to work with.
        writers: Threads that write videos.

    Raises:
        OSError: The disk is at fault, which is no fault of a clip.
    """
    batch, asked = read.batch, read.asked
    videos, together = _videos(read, loaded, tools.models[batch.model])
    shown = {row.sample_id: asked.get((row.sample_id, row.seed)) for row in batch.clips}
    first_frames = _keep_first_frames({id_: shown[id_] for id_ in shown if id_ in batch.unseen}, batch.samples, tools)
    pending = writers.map(lambda name, video: _write(tools.place, name, video), read.videos, videos)
    with timed("wait for files"):
        written = list(pending)
    if read.key is not None and together and not any(written) and is_as_hashed("models"):
        keep_videos(read.key, read.videos, tools.place)
    refused = {key: request for key, request in read.requests.items() if isinstance(request, Failure)}
    failures = {**refused, **dict(zip(asked, written, strict=True))}
    return Made({key: _state(failures[key]) for key in read.requests}, first_frames, read.taken_from)


def _videos(read: ReadBatch, loaded: Failure | None, model: Model) -> tuple[Sequence[Video | Failure | None], bool]:
    """A video, None if it is there, or why there is none, of each request; and whether all were made at once."""
    requests = list(read.asked.values())
    if read.is_known:
        return [None] * len(requests), False
    if loaded is not None:
        reason = f"the model could not be loaded: {loaded.reason}"
        return [Failure(reason, loaded.not_applicable)] * len(requests), False
    calls = 0

    def call(some: Sequence[Request]) -> list[Video]:
        nonlocal calls
        calls += 1
        return _generate(model, some)

    with timed("generate", read.batch.model, len(requests)):
        return attempt(requests, call, f"{read.batch.model}: generate"), calls == 1


def _write(place: Place, name: str, video: Video | Failure | None) -> Failure | None:
    """Store one video that is not there; None once it is, else why not.

    Raises:
        OSError: If the disk is at fault, which is no fault of the clip.
    """
    if video is None or isinstance(video, Failure):
        return video
    try:
        with timed("write", clips=1), place.write(name) as path:
            write_video(path, video)
    except Exception as error:
        if is_disk_error(error):
            raise
        _log.exception("storing %s failed", name)
        return Failure(f"the video could not be stored: {describe(error)}")
    return None


def _request(row: ClipRow, sample: Sample, info: ModelInfo, tools: Tools) -> Request | Failure:
    """What the model is asked for, at its native size where it has one, else at the protocol's."""
    if lacks := sample.lacks(info.reads):
        return Failure(lacks, not_applicable=True)
    if tools.first_frames is not None and (missing := tools.first_frames.missing(sample)):
        return missing
    return try_once(
        lambda: build_request(sample, row.request_seed, info, tools.protocol, tools.reader),
        f"first frame of {sample.id}",
    )


@timed("first frame", clips=1)
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


@timed("picture")
def _keep_first_frames(
    shown: Mapping[str, Request | None], samples: Mapping[str, Sample], tools: Tools
) -> dict[str, str]:
    """Keep the pictures that models are shown, at the protocol's size, for the pages that show results.

    Args:
        shown: By sample id; a request of that size has the picture already.
        samples: By id.
        tools: What to work with.

    Returns:
        Where they are in the run, by sample id.
    """
    protocol = tools.protocol
    size = protocol.height, protocol.width
    names = {}
    for id_, request in shown.items():
        sample = samples[id_]
        if tools.first_frames is not None and tools.first_frames.missing(sample):
            continue
        if request is not None and (request.height, request.width) == size:
            frame: Image | Failure = request.first_frame
        else:
            frame = try_once(
                lambda: read_first_frame(sample.first_frame, *size, protocol.interpolation, tools.reader),  # noqa: B023
                f"first frame of {id_}",
            )
        if not isinstance(frame, Failure):  # a frame that cannot be read is the reason its clips fail for
            names[id_] = f"first_frames/{id_}.png"
            with tools.place.write(names[id_]) as path:
                write_bytes(path, encode_png(frame))
    return names


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


def _state(failure: Failure | None) -> tuple[ClipState, str | None]:
    if failure is None:
        return "done", None
    return ("not_applicable" if failure.not_applicable else "failed"), failure.reason
