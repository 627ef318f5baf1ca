"""Frames that tests of curation look at: the demo's real clips, and what is done to them."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
from PIL import Image

from i2vbench.curation.frames import spread_frames
from i2vbench.types import Frames, Video
from i2vbench.video import read_video
from i2vbench.video.write import encode_for_players
from tests.conftest import ROOT

REAL_CLIPS = os.environ.get("I2VBENCH_REAL_CLIPS")
"""A folder of more clips, which are not shipped."""

NAMES = ("ocv_box", "ocv_cup", "ocv_tree")


@functools.cache
def real(name: str) -> Frames:
    """Three frames of a clip of the demo, uint8 [3, 256, 342, 3]."""
    return spread_frames(ROOT / "datasets" / "demo" / "clips" / f"{name}.mp4", 3)


def resized(frames: Frames, factor: float, how: str) -> Frames:
    size = (round(frames.shape[2] * factor), round(frames.shape[1] * factor))
    method = Image.Resampling[how.upper()]
    return np.stack([np.asarray(Image.fromarray(frame).resize(size, method)) for frame in frames])


def compressed(frames: Frames, folder: Path, crf: int) -> Frames:
    """As H.264 leaves them."""
    path = folder / "compressed.mp4"
    path.write_bytes(encode_for_players(Video(frames, 8), crf, "veryfast"))
    return read_video(path).frames[:, : frames.shape[1], : frames.shape[2]]
