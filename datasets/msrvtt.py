"""MSR-VTT as Table 1 measures it: the 2,990 videos of the test split, one caption and one clip of each (Section 5.2).

Which caption, which clip and its stride the paper does not say. They are drawn by hash here (docs/table-1.md).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from i2vbench.datasets.drawn import DrawnDataset, describe_draw, draw_clips, key_of
from i2vbench.errors import UserError
from i2vbench.types import Sample

TEST_SPLIT = range(7010, 10000)

CATEGORIES = (
    "music", "people", "gaming", "sports", "news", "education", "tv shows", "movie", "animation", "vehicles", "howto",
    "travel", "science", "animal", "kids", "documentary", "food", "cooking", "beauty", "advertisement",
)  # fmt: skip
"""Names of the numbers in the annotation file."""

_SUFFIXES = (".mp4", ".avi", ".webm", ".mkv")


class MSRVTT(DrawnDataset):
    """`msrvtt:[stride-1=]PATH`: a folder with the test videos and the JSON of their captions, anywhere below it.

    Videos that are not there are left out, on both sides of every distance; `note` says how many.

    Args:
        argument: The folder, and the stride if it is not 3.
        seed: Of the draw.
    """

    name = "msrvtt"
    title = "MSR-VTT, the test split, a clip and a caption of each video"
    licence = "as its authors state (research); Xu et al., CVPR 2016"
    protocol = "msrvtt"

    def _draw(self) -> list[Sample]:
        wanted = [f"video{number}" for number in TEST_SPLIT]
        files = {path.stem: path for path in sorted(self._folder.rglob("*")) if path.suffix.lower() in _SUFFIXES}
        captions, categories = _read_annotations(self._folder)
        there = [name for name in wanted if name in files and captions.get(name)]
        if not there:
            raise UserError(f"data set msrvtt: expected videos video7010 to video9999 below {self._folder}, found none")
        keys = {files[name]: key_of(f"msrvtt:{self._seed}:{name}") for name in there}
        clips, faults = draw_clips(keys, self._stride)
        self.note = describe_draw(clips.values(), self._stride, "and captions drawn")
        gone = len(wanted) - len(clips)
        if gone:
            unread = f" ({len(faults)} cannot be read or are too short: {faults[0]})" if faults else ""
            self.note += f"; {gone} of MSR-VTT's {len(wanted)} test videos are not here and left out{unread}"
        return [
            Sample(
                id=name,
                category=categories.get(name, "MSR-VTT"),
                prompt=choose_caption(captions[name], keys[files[name]]),
                first_frame=clips[files[name]].first_frame,
                reference=clips[files[name]].reference,
            )
            for name in there
            if files[name] in clips
        ]


def choose_caption(captions: Sequence[str], key: bytes) -> str:
    """One of a video's captions, in the order of the annotation file, by the first 8 bytes of its key."""
    return captions[int.from_bytes(key[:8], "big") % len(captions)]


def _read_annotations(folder: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Captions and category of each video, from the JSON that has the captions of the test split.

    Raises:
        UserError: If there is no such JSON.
    """
    for path in sorted(folder.rglob("*.json")):
        try:
            data: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if not isinstance(data, dict) or not isinstance(data.get("sentences"), list):
            continue
        captions: dict[str, list[str]] = {}
        for sentence in data["sentences"]:
            captions.setdefault(str(sentence["video_id"]), []).append(str(sentence["caption"]))
        if not captions.keys() & {f"video{number}" for number in TEST_SPLIT}:
            continue  # train and validation have a file of their own
        categories = {
            str(video["video_id"]): CATEGORIES[int(video["category"])]
            for video in data.get("videos", [])
            if str(video.get("category", "")).isdigit() and int(video["category"]) < len(CATEGORIES)
        }
        return captions, categories
    raise UserError(
        f"data set msrvtt: expected the captions of the test split, a JSON with `sentences`, below {folder}, found none"
    )
