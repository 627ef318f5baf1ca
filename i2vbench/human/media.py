"""What raters see: videos as every browser plays them, first frames, and videos that are damaged for all to see."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from i2vbench.clips import read_to_protocol
from i2vbench.profiles import Protocol
from i2vbench.types import ClipSource, Frames, Image, Video
from i2vbench.video import encode_png, read_image, resize_and_crop
from i2vbench.video.write import encode_for_players

CRF = 8
"""People judge how things look, so the encoder must add nothing that is seen."""

HOLD_SECONDS = 0.5
"""A damaged video changes twice a second at most. More than three flashes a second can cause seizures (WCAG 2.3.1)."""

_TILES = 4


def read_shown(path: Path, protocol: Protocol) -> Video:
    """The frames that metrics see of a video, at the protocol's rate: all videos of an item play in step.

    Raises:
        VideoError: As `read_to_protocol`.
    """
    return Video(read_to_protocol(ClipSource(path), protocol).frames, protocol.fps)


def encode_shown(video: Video) -> bytes:
    """An MP4 that every browser plays, and that says nothing of where it comes from."""
    return encode_for_players(video, crf=CRF, preset="medium")


def encode_first_frame(path: Path, protocol: Protocol) -> bytes:
    """A first frame at the size of the videos, as PNG.

    Raises:
        VideoError: It is no picture.
    """
    picture = read_image(path)[np.newaxis]
    return encode_png(resize_and_crop(picture, protocol.height, protocol.width, protocol.interpolation)[0])


def damaged(video: Video, seed: tuple[int, ...]) -> Video:
    """The video as nobody would call it consistent, in appearance or in motion.

    Its tiles are shuffled and every second one is a negative; it stands still, and about every half second it jumps to
    another time and another shuffle. Equal videos and seeds give equal frames.

    Args:
        video: An intact one.
        seed: Of what is drawn.
    """
    rng = np.random.default_rng(seed)
    hold = math.ceil(HOLD_SECONDS * video.fps)
    holds = max(1, video.num_frames // hold)
    times = np.linspace(0, video.num_frames - 1, holds).round().astype(int)[rng.permutation(holds)]
    stills = [_scrambled(video.frames[time], rng) for time in times]
    shown = [stills[t * holds // video.num_frames] for t in range(video.num_frames)]
    made: Frames = np.stack(shown)  # [T, H, W, 3]
    return Video(made, video.fps)


def _scrambled(picture: Image, rng: np.random.Generator) -> Image:
    """A picture whose tiles have all changed places, and every second of which is a negative."""
    rows, columns = min(_TILES, picture.shape[0]), min(_TILES, picture.shape[1])
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    places = [(r, c) for r in range(rows) for c in range(columns)]
    order = rng.permutation(len(places))  # along one cycle, so that no tile stays
    made = picture.copy()
    for here, there in zip(order, np.roll(order, 1), strict=True):
        (r, c), (from_r, from_c) = places[here], places[there]
        tile = picture[from_r * height : (from_r + 1) * height, from_c * width : (from_c + 1) * width]
        made[r * height : (r + 1) * height, c * width : (c + 1) * width] = 255 - tile if (r + c) % 2 else tile
    return made
