"""UCF-101 as Table 1 measures it: 2,048 clips, drawn by class from the 13,320 videos (Section 5.2, Appendix B.1).

The paper gives the prompts and the number of clips; which clips, their stride and their first frame it does not. They
are drawn by hash here (docs/table-1.md), so that everybody has the same ones.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from i2vbench.datasets.csv_table import told
from i2vbench.datasets.drawn import DrawnDataset, describe_draw, draw_clips, key_of
from i2vbench.errors import UserError
from i2vbench.types import Sample

_CLASSES = Path(__file__).with_name("ucf101.csv")


class UCF101(DrawnDataset):
    """`ucf101:[stride-1,seed-N=]PATH`: the folder of UCF-101's .avi files, in their classes' folders or all in one."""

    name = "ucf101"
    title = "UCF-101, 2,048 clips drawn by class"
    licence = "as its authors state (research); Soomro, Zamir and Shah, CRCV-TR-12-01"
    protocol = "ucf101"
    source = (
        "UCF101.rar (6.5 GB) is to be downloaded by hand from https://www.crcv.ucf.edu/research/data-sets/ucf101/, "
        "under its authors' terms (videos of YouTube, for research; cite Soomro, Zamir and Shah, CRCV-TR-12-01); "
        "`unrar x UCF101.rar` or `7z x UCF101.rar` unpacks it to UCF-101/CLASS/v_*.avi: name UCF-101"
    )

    def _draw(self) -> list[Sample]:
        classes = read_classes()
        found: dict[str, dict[str, Path]] = {row["class"].lower(): {} for row in classes}
        for path in sorted(self._root.rglob("*.avi")):
            # v_HandStandPushups_g01_c01.avi lies in the class HandstandPushups.
            name = path.stem.removeprefix("v_").partition("_")[0].lower()
            if name in found:
                found[name][path.stem] = path
        counted = [(row["class"], len(found[row["class"].lower()]), int(row["videos"])) for row in classes]
        short = [f"{name} ({here} of {videos})" for name, here, videos in counted if here != videos]
        if short:
            raise UserError(
                f"data set {self.name}: expected the 13,320 .avi files of UCF-101 in {self._root}; not whole are "
                f"{len(short)} classes: {', '.join(short[:5])}{', ...' if len(short) > 5 else ''}; {self.source}"
            )
        chosen: list[tuple[dict[str, str], Path]] = []
        for row in classes:
            of_class = found[row["class"].lower()]
            names = choose_videos(list(of_class), int(row["quota_2048"]), self._seed)
            chosen += [(row, of_class[name]) for name in names]
        clips, faults = draw_clips({path: video_key(path.stem, self._seed) for _, path in chosen}, self._stride)
        if faults:
            raise UserError(told(f"data set {self.name}: no clip can be drawn of some videos", faults))
        self.note = describe_draw(clips.values(), self._stride, "drawn by class from train and test")
        return [
            Sample(
                id=path.stem,
                category=row["class"],
                prompt=row["prompt"],
                first_frame=clips[path].first_frame,
                reference=clips[path].reference,
            )
            for row, path in chosen
        ]


def read_classes() -> list[dict[str, str]]:
    """The 101 classes in the order of classInd.txt: class, prompt (Appendix B.1), videos, quota_2048."""
    with open(_CLASSES, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def video_key(name: str, seed: int) -> bytes:
    """What decides whether a video, and which of its frames, is drawn; `name` is without .avi."""
    return key_of(f"ucf101:{seed}:{name}")


def choose_videos(names: Sequence[str], count: int, seed: int) -> list[str]:
    """The `count` videos of the smallest keys, by name."""
    return sorted(sorted(names, key=lambda name: video_key(name, seed))[:count])
