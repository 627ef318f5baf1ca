"""Bringing videos to a protocol: what was done to each is said, and a protocol can refuse it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from i2vbench.clips import read_clip
from i2vbench.profiles import Protocol
from i2vbench.types import ClipSource, FrameSource, Sample, Video
from i2vbench.video import VideoError, write_video
from tests.conftest import moving_frames

NEAREST = Protocol(num_frames=8, fps=8, height=32, width=48, interpolation="lanczos", sampling="nearest")
FIRST = replace(NEAREST, sampling="first")
SAMPLE = Sample("a", "Pet", "", FrameSource(Path("a.png")))


def make(path: Path, num_frames: int, fps: float, height: int = 32, width: int = 48) -> ClipSource:
    write_video(path / "a.mp4", Video(moving_frames(num_frames, height, width), fps))
    return ClipSource(path / "a.mp4")


@pytest.mark.parametrize(
    ("made", "protocol", "brought", "fps"),
    [
        ((8, 8.0), NEAREST, "", 8),
        ((8, 8.005), NEAREST, "", 8),
        ((8, 8.2), NEAREST, "8.2 fps taken as 8", 8),
        ((12, 8.0), NEAREST, "the first 8 frames", 8),
        ((24, 24.0), NEAREST, "frames nearest in time", 8),
        ((8, 24.0), FIRST, "left at 24 fps", 24),
        ((12, 24.0), FIRST, "the first 8 frames, left at 24 fps", 24),
        ((8, 8.0, 64, 96), NEAREST, "resized (lanczos)", 8),
        ((24, 24.0, 64, 64), NEAREST, "resized (lanczos), centre-cropped, frames nearest in time", 8),
    ],
)
def test_what_was_done_is_said_and_can_be_refused(
    made: tuple[int, float], protocol: Protocol, brought: str, fps: float, tmp_path: Path
) -> None:
    source = make(tmp_path, *made)
    clip = read_clip(SAMPLE, source, protocol)
    assert clip.brought == brought
    assert clip.video.frames.shape == (8, 32, 48, 3)
    assert clip.video.fps == pytest.approx(fps)
    strict = replace(protocol, other_videos="refuse")
    if brought:
        with pytest.raises(VideoError, match=f"has {made[0]} frames at {made[1]:g} fps.* and refuses other videos"):
            read_clip(SAMPLE, source, strict)
    else:
        assert read_clip(SAMPLE, source, strict).brought == ""
