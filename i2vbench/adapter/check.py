"""Does a model keep the contract? Two real clips, a few generations, and every fault by name.

What is looked at: the declared facts; that `load` and `generate` run; number, size, length and rate of the videos;
that a request's seed alone decides its video: the same request twice (equal to the byte, with the global random
state changed in between), in a batch and in another order (equal but for rounding), under another seed.
"""

from __future__ import annotations

import dataclasses
import random
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from i2vbench.attempt import describe, free_memory
from i2vbench.errors import NotApplicable, UserError
from i2vbench.fitting import check_protocol, fault_of
from i2vbench.generate import build_request
from i2vbench.models.base import Model, Preparation
from i2vbench.one_clip import model_folder
from i2vbench.profiles import Protocol
from i2vbench.types import ModelInfo, PlannedClip, Request, Sample, Video

SEED = 1234
MOST_LEVELS = 1
"""Grey levels by which a pixel may differ between a clip made alone and in a batch."""

MOST_PIXELS = 0.01
"""Share of pixel values that may differ at all then."""


@dataclass
class Report:
    """What the check found.

    Attributes:
        passed: What was looked at and is well.
        faults: What breaks the contract.
        notes: What is allowed, and worth a look.
    """

    passed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_model(
    model: Model, samples: Sequence[Sample], protocol: Protocol, device: str = "cpu", dtype: str = "float32"
) -> Report:
    """Run `model` on two samples and report what the contract finds wrong.

    Args:
        model: Not loaded yet.
        samples: At least two.
        protocol: Decides size, length and rate where the model has none of its own.
        device: As torch names it.
        dtype: As torch names it.

    Raises:
        UserError: If preparing or loading the model asks the user for something, such as a checkpoint.
    """
    report = Report()
    info = getattr(model, "info", None)
    if not isinstance(info, ModelInfo):
        report.faults.append(f"info: expected an i2vbench.types.ModelInfo, got {type(info).__name__}")
        return report
    try:
        check_protocol(info, protocol)
    except UserError as error:
        report.faults.append(str(error))
    plan = [PlannedClip(sample, 0, SEED + i) for i, sample in enumerate(samples[:2])]
    preparation = Preparation(plan, frozenset(s.id for s in samples), protocol, "pyav", model_folder(info))
    requests = [build_request(planned.sample, planned.request_seed, info, protocol, "pyav") for planned in plan]
    loaded = False
    try:
        model.prepare(preparation)
        model.load(device, dtype)
        loaded = True
        report.passed.append(f"loads on {device} in {dtype}")
        try:
            _check_videos(model, requests, report)
        finally:
            model.unload()  # a repository's server would else outlive what it raised
    except NotApplicable as error:
        report.faults.append(f"generate: not applicable to the two clips: {error}")
    except UserError as error:
        if not loaded:
            raise
        report.faults.append(f"refused: {error}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises is what the check is there to report
        report.faults.append(f"raised {describe(error)}")
        report.notes += _where(error)
    finally:
        free_memory()
    return report


def _check_videos(model: Model, requests: Sequence[Request], report: Report) -> None:
    first, second = requests
    _set_global_randomness(1)
    alone = _generate(model, [first], report)
    if alone is None:
        return
    report.passed.append(
        f"returns {alone[0].num_frames} frames of {alone[0].height} x {alone[0].width} at {alone[0].fps:g} fps"
    )
    _set_global_randomness(2)  # a model that draws from a global generator gives itself away by another video
    again = _generate(model, [first], report)
    _compare("the same request twice", alone, again, report, exact=True)
    if model.info.max_batch > 1:
        other = _generate(model, [second], report)
        together = _generate(model, [first, second], report)
        turned = _generate(model, [second, first], report)
        if other and together and turned:
            _compare("a request in a batch of two", [*alone, *other], together, report, exact=False)
            _compare("a batch in another order", together, turned[::-1], report, exact=False)
    else:
        report.notes.append("info.max_batch is 1: batches were not tried")
    if not model.info.any_output:
        _note_first_frame(alone[0], first, report)
        _note_seed(model, alone[0], first, report)


def _generate(model: Model, requests: Sequence[Request], report: Report) -> list[Video] | None:
    """The videos, or None after noting what is wrong with them."""
    videos = list(model.generate(requests))
    if len(videos) != len(requests):
        _once(report.faults, f"generate: expected a list of {len(requests)} videos, got {len(videos)} videos")
        return None
    faults = [fault_of(video, request, model.info) for video, request in zip(videos, requests, strict=True)]
    for fault in filter(None, faults):
        _once(report.faults, f"generate: {fault}")
    return None if any(faults) else list(videos)


def _compare(what: str, expected: Sequence[Video], got: Sequence[Video] | None, report: Report, *, exact: bool) -> None:
    if got is None:
        return
    for one, other in zip(expected, got, strict=True):
        if one.frames.shape != other.frames.shape:
            report.faults.append(f"{what}: {list(one.frames.shape)} frames first, {list(other.frames.shape)} then")
            return
        difference = np.abs(one.frames.astype(np.int16) - other.frames)
        share = float((difference > 0).mean())
        if exact and share > 0:
            report.faults.append(
                f"{what}: {share:.2%} of the pixel values differ, by up to {difference.max()} grey levels. "
                "Draw all noise on the CPU from a generator seeded with request.seed"
            )
            return
        if difference.max() > MOST_LEVELS or share > MOST_PIXELS:
            report.faults.append(
                f"{what}: {share:.2%} of the pixel values differ, by up to {difference.max()} grey levels; "
                f"at most {MOST_PIXELS:.0%} by {MOST_LEVELS} is rounding. Draw each request's noise by itself"
            )
            return
    report.passed.append(f"{what}: {'equal to the byte' if exact else 'equal but for rounding'}")


def _note_first_frame(video: Video, request: Request, report: Report) -> None:
    difference = float(np.abs(video.frames[0].astype(np.int16) - request.first_frame).mean())
    line = f"the first frame differs from the request's by {difference:.2f} grey levels on average"
    (report.passed if difference < 8 else report.notes).append(line)


def _note_seed(model: Model, video: Video, request: Request, report: Report) -> None:
    others = [dataclasses.replace(request, seed=request.seed + k) for k in (1, 2)]
    same = all(np.array_equal(model.generate([other])[0].frames, video.frames) for other in others)
    report.notes.append("other seeds give the same video" if same else "another seed gives another video")


def _set_global_randomness(seed: int) -> None:
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _once(lines: list[str], line: str) -> None:
    if line not in lines:
        lines.append(line)


def _where(error: BaseException) -> list[str]:
    """The innermost lines of code that an error came through."""
    return [f"raised at {f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(error.__traceback__)[-3:]]
