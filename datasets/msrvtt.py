"""MSR-VTT as Table 1 measures it: the 2,990 videos of the test split, one caption and one clip of each (Section 5.2).

Which caption, which clip and its stride the paper does not say. They are drawn by hash here (docs/table-1.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from i2vbench.datasets.drawn import DrawnDataset, describe_draw, draw_clips, key_of
from i2vbench.datasets.msrvtt_captions import read_annotations
from i2vbench.errors import UserError
from i2vbench.types import Sample

TEST_SPLIT = range(7010, 10000)

_SUFFIXES = (".mp4", ".avi", ".webm", ".mkv")


class MSRVTT(DrawnDataset):
    """`msrvtt:[stride-1,seed-N=]PATH`: a folder with the test videos and the JSON of their captions, anywhere in it.

    Videos that are not there are left out, on both sides of every distance; `note` says how many.
    """

    name = "msrvtt"
    title = "MSR-VTT, the test split, a clip and a caption of each video"
    licence = "as its authors state (research); Xu et al., CVPR 2016"
    protocol = "msrvtt"
    source = (
        "it is to be downloaded by hand, under its authors' terms (videos of YouTube, for research; cite Xu et al., "
        "CVPR 2016), and its own site is gone: take MSRVTT.zip of Frozen in Time's authors, "
        "https://www.robots.ox.ac.uk/~maxbain/frozen-in-time/data/MSRVTT.zip (`unzip MSRVTT.zip`, and name MSRVTT), or "
        "a copy of the challenge's test_videos.zip and test_videodatainfo.json, unpacked into one folder"
    )

    def _draw(self) -> list[Sample]:
        wanted = [f"video{number}" for number in TEST_SPLIT]
        files = {path.stem: path for path in sorted(self._root.rglob("*")) if path.suffix.lower() in _SUFFIXES}
        if not files.keys() & set(wanted):
            raise UserError(
                f"data set {self.name}: expected videos {wanted[0]} to {wanted[-1]} below {self._root}, found none; "
                f"{self.source}"
            )
        annotations, others = read_annotations(self._root, wanted)
        if annotations is None:
            seen = f"only JSON of another make ({', '.join(others[:5])})" if others else "none"
            raise UserError(
                f"data set {self.name}: expected the captions of the test split, a JSON with `sentences`, "
                f"`annotations` or a list of videos, below {self._root}, found {seen}; {self.source}"
            )
        captions = annotations.captions
        there = [name for name in wanted if name in files and name in captions]
        keys = {files[name]: key_of(f"msrvtt:{self._seed}:{name}") for name in there}
        clips, faults = draw_clips(keys, self._stride)
        if not clips:
            raise UserError(
                f"data set {self.name}: none of the {len(there)} videos below {self.folder} can be read: {faults[0]}"
            )
        self.note = describe_draw(clips.values(), self._stride, "and captions drawn")
        self.note += f"; captions of {annotations.describe()}"
        gone = len(wanted) - len(clips)
        if gone:
            unread = f" ({len(faults)} cannot be read or are too short: {faults[0]})" if faults else ""
            self.note += f"; {gone} of MSR-VTT's {len(wanted)} test videos are not here and left out{unread}"
        return [
            Sample(
                id=name,
                category=annotations.categories.get(name, "MSR-VTT"),
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
