"""Videos whose frames carry their number, so that a clip tells which frames it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from i2vbench.types import Frames, Video
from i2vbench.video import read_video, write_video
from tests.video.files import encode

FPS = 10.0
_BLOCK = 16
_H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
LONG_GOP = (*_H264, "-g", "70", "-bf", "3")


def numbered(num_frames: int, height: int = 64, width: int = 128, first: int = 0) -> Frames:
    """Noise that slides, with each frame's number written in black and white blocks: uint8 [T, H, W, 3]."""
    noise = np.random.default_rng(first).integers(60, 190, (height, width + 2 * num_frames, 3), dtype=np.uint8)
    frames = np.stack([noise[:, 2 * t : 2 * t + width] for t in range(num_frames)])
    for t in range(num_frames):
        for bit in range(16):
            row, column = divmod(bit, 8)
            block = (slice(row * _BLOCK, (row + 1) * _BLOCK), slice(column * _BLOCK, (column + 1) * _BLOCK))
            frames[(t, *block)] = 255 if (first + t) >> bit & 1 else 0
    return frames


def numbers(path: Path) -> list[int]:
    """The number of each frame that a file shows."""
    found = []
    for frame in read_video(path).frames:
        blocks = frame[: 2 * _BLOCK, : 8 * _BLOCK].reshape(2, _BLOCK, 8, _BLOCK, 3)
        bits = blocks[:, 4:12, :, 4:12].mean((1, 3, 4)).reshape(16) > 128
        found.append(int(sum(1 << bit for bit in range(16) if bits[bit])))
    return found


def short_video(path: Path, num_frames: int = 20, height: int = 64, first: int = 0) -> bytes:
    """Two seconds, by the house's writer."""
    write_video(path, Video(numbered(num_frames, height, first=first), FPS))
    return path.read_bytes()


def long_video(path: Path, *arguments: str, num_frames: int = 300) -> bytes:
    """Thirty seconds, by ffmpeg, with few key frames."""
    return encode(path, *(arguments or LONG_GOP), frames=numbered(num_frames)).read_bytes()
