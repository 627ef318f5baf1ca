"""A model of a file of its own, which leaves a mark wherever it is imported: a verifier must never do that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from i2vbench.models.base import Model
from i2vbench.types import ModelInfo, Request, Video

Path(__file__).with_name("imported").touch()


class Rolling(Model):
    """The first frame, rolled sideways."""

    info = ModelInfo(name="rolling", title="rolls <b>the</b> first frame", max_batch=4)

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Video:
        shifts = [3 * t + request.seed % 5 for t in range(request.num_frames)]
        return Video(np.stack([np.roll(request.first_frame, shift, axis=1) for shift in shifts]), request.fps)
