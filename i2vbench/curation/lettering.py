"""How much of the picture is lettering, and how much of it stays where it is: captions, watermarks, stamps of time.

Text is found by the detector that rapidocr brings along (PP-OCRv6, small; nothing is fetched), on frames whose shorter
side is 640 pixels; it is not read. Boxes higher than 0.12 of that side are left out: 17 of 20 real clips have one in
some frame, around a cup, a car or the whole picture, and only one clip's, of letter blocks, are text.

Numbers, of marks drawn on 10 real clips: white letters of 0.03 of the picture's height were held in all, at half
opacity in 7, at 0.3 in 5; of 0.02 in 9, 7 and 4. Of the 20 clips one without text had some, in one frame (0.001), and
none held any but for the letter blocks and a stamp of time.

What fools it: faint marks, as said. A sign in a scene that the camera does not move over is held like a caption; one
that it moves over is text that is not held. Logos without letters are not seen, nor text larger than a line, as of
titles; railings, windows and leaves are now and then text in a single frame, and then not held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from i2vbench.curation.frames import size_of
from i2vbench.types import Frames
from i2vbench.video import resize_and_crop

SIDE_PX = 640
"""Of the frames that are looked at, the shorter one."""

_MOST_HEIGHT = 0.12
"""Of a box around text, which is some half higher than its letters, as a share of that side."""

_HELD = 0.8
"""Of the frames, in which text that stays is at a place: 4 of 5."""


@dataclass(frozen=True, slots=True)
class TextShares:
    """Shares of the picture's area, from 0 to 1.

    Attributes:
        text: What boxes of text cover, the mean over the frames.
        held: What they cover in 4 of 5 frames.
    """

    text: float
    held: float


class Lettering:
    """The detector, loaded once. It runs on one thread of the CPU."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        threads = dict.fromkeys(("intra_op_num_threads", "inter_op_num_threads"), 1)
        self._detector = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.use_rec": False,
                "Global.use_vertical_padding": False,
                "Global.min_side_len": 1,  # the frames have their size
                "Global.max_side_len": 2**15,
                "Det.limit_side_len": SIDE_PX,
                **{f"EngineConfig.onnxruntime.{name}": count for name, count in threads.items()},
            }
        )

    def measure(self, frames: Frames) -> TextShares:
        """Look at a few frames of a clip, uint8 [T, H, W, 3], at any size; 5 far apart do well."""
        covered = [self._covered(frame) for frame in _fitted(frames)]
        counts = np.sum(covered, axis=0, dtype=np.int64)
        return TextShares(float(np.mean(covered)), float((counts >= np.ceil(_HELD * len(covered))).mean()))

    def _covered(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """1 where text is: uint8 [H, W]."""
        import cv2

        covered = np.zeros(frame.shape[:2], np.uint8)
        # Detection alone gives its own kind of result, with `boxes`: int32 [n, 4, 2], or None.
        found: Any = self._detector(np.ascontiguousarray(frame[..., ::-1]), use_det=True, use_cls=False, use_rec=False)
        for box in _small(found.boxes, _MOST_HEIGHT * min(frame.shape[:2])):
            cv2.fillPoly(covered, [box], 1)
        return covered


def _small(boxes: Any, most: float) -> Sequence[npt.NDArray[np.int32]]:
    """The boxes [4, 2] that are at most so high, whichever way they are turned."""
    if boxes is None:
        return []
    corners = np.asarray(boxes, np.float64)  # [n, 4, 2]
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)  # [n, 4]
    return [box.round().astype(np.int32) for box in corners[sides[:, :2].min(axis=1) <= most]]


def _fitted(frames: Frames) -> Frames:
    height, width = size_of(frames.shape[1], frames.shape[2], SIDE_PX)
    return resize_and_crop(frames, height, width, "bicubic")
