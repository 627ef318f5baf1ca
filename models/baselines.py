"""Rows that every table should have: the first frame held, the first frame panned over, and the real clip.

A metric that cannot tell a model from `static` or `pan` says nothing about that model's motion; what `ground_truth`
gets is what a perfect model would get.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from i2vbench.clips import read_to_protocol
from i2vbench.errors import NotApplicable
from i2vbench.models.base import Model, Preparation
from i2vbench.types import ClipSource, Frames, Image, ModelInfo, Request, Video
from i2vbench.video import resize_and_crop

PAN_ZOOM = 1.25
"""How much larger than the video the picture is that the crop slides over."""


class Static(Model):
    """Every frame is the first frame."""

    info = ModelInfo(name="static", title="the first frame, held", licence="Apache-2.0", max_batch=64)

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [Video(np.repeat(r.first_frame[np.newaxis], r.num_frames, axis=0), r.fps) for r in requests]


class Pan(Model):
    """A crop slides over the enlarged first frame from its middle to one side, at constant speed.

    The side (left or right) is the request's only randomness.
    """

    info = ModelInfo(name="pan", title="a crop that slides over the first frame", licence="Apache-2.0", max_batch=64)

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [Video(_pan(r.first_frame, r.num_frames, rightwards=r.seed % 2 == 0), r.fps) for r in requests]


class GroundTruth(Model):
    """The reference clip, brought to the protocol as the metrics' own real clips are."""

    info = ModelInfo(
        name="ground_truth",
        title="the reference clip itself",
        max_batch=8,
        reads=frozenset({"reference"}),
        any_output=True,
    )

    def prepare(self, preparation: Preparation) -> None:
        samples = [planned.sample for planned in preparation.plan]
        self._references: dict[str, ClipSource] = {s.id: s.reference for s in samples if s.reference is not None}
        self._protocol = preparation.protocol
        self._reader = preparation.reader

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [self._read(request) for request in requests]

    def _read(self, request: Request) -> Video:
        if request.sample_id not in self._references:
            raise NotApplicable("the sample has no reference clip")
        return read_to_protocol(self._references[request.sample_id], self._protocol, self._reader)


def _pan(first_frame: Image, num_frames: int, rightwards: bool) -> Frames:
    """uint8 [num_frames, H, W, 3]: whole-pixel crops of the first frame enlarged by PAN_ZOOM."""
    height, width = first_frame.shape[:2]
    large_h, large_w = round(height * PAN_ZOOM), round(width * PAN_ZOOM)
    large = resize_and_crop(first_frame[np.newaxis], large_h, large_w, "lanczos")[0]
    top, middle = (large_h - height) // 2, (large_w - width) // 2
    last = large_w - width if rightwards else 0
    lefts = np.linspace(middle, last, num_frames).round().astype(int)
    return np.stack([large[top : top + height, left : left + width] for left in lefts])
