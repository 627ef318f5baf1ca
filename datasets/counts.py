"""What is in a data set, counted by category, as Table 4 counts I2V-Bench."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from i2vbench.datasets.base import Dataset
from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.i2v_bench.categories import CATEGORIES
from i2vbench.datasets.metadata import Facts
from i2vbench.types import Sample

_ENOUGH = 10
"""So many of Table 4's categories make a set one of its kind, whatever it is called."""


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """What one category holds, or all of them.

    Attributes:
        category: Its name, "" for all.
        clips: Rows; those whose clip is not here count.
        missing: Of them, how many are not here.
        with_objects: Clips here that have object words.
        with_scene: Clips here that have scene words.
        seconds: The length of all clips whose length is stated; None if none is.
        timed: How many these are.
        height_px: The median height of the clips whose height is stated; None if none is.
        sized: How many these are.
        published: As Table 4 has it; None if it has no such category.
    """

    category: str
    clips: int
    missing: int = 0
    with_objects: int = 0
    with_scene: int = 0
    seconds: float | None = None
    timed: int = 0
    height_px: float | None = None
    sized: int = 0
    published: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What a data set holds.

    Attributes:
        name: The data set's.
        title: One line that says what it is.
        rows: Its categories, in the order of their first row; then those that Table 4 has and it has not.
        total: All of them.
        note: What a reader of its numbers must know.
    """

    name: str
    title: str
    rows: tuple[CategoryCount, ...]
    total: CategoryCount
    note: str = ""


@dataclass(frozen=True, slots=True)
class CountedClip:
    """What is counted of a clip: whether it is here, and what is known of it."""

    category: str
    here: bool = True
    objects: bool = False
    scene: bool = False
    seconds: float | None = None
    height_px: int | None = None


def count_dataset(dataset: Dataset) -> Counts:
    """Count what a data set holds. Opens no clip: lengths and heights are counted where they are stated.

    Raises:
        UserError: As `Dataset.samples`; a folder of which no clip is here can be counted.
    """
    if isinstance(dataset, FolderDataset):
        contents = dataset.contents()
        numbered = [(row.number or 0, _counted(row.sample, row.facts)) for row in contents.rows]
        numbered += [(gone.number, CountedClip(gone.category, here=False)) for gone in contents.missing]
        clips = [clip for _, clip in sorted(numbered, key=lambda item: item[0])]
    else:
        clips = [_counted(sample, None) for sample in dataset.samples()]
    return count_clips(dataset.name, clips, dataset.title, dataset.note)


def count_clips(name: str, clips: Sequence[CountedClip], title: str = "", note: str = "") -> Counts:
    """The same of clips, in the order of their rows."""
    by_category: dict[str, list[CountedClip]] = {}
    for clip in clips:
        by_category.setdefault(clip.category, []).append(clip)
    is_table_4 = name == "i2v-bench" or len(CATEGORIES.keys() & by_category.keys()) >= _ENOUGH
    if is_table_4:
        for category in CATEGORIES:
            by_category.setdefault(category, [])
    rows = [_count(category, some, CATEGORIES if is_table_4 else {}) for category, some in by_category.items()]
    total = _count("", clips, {"": sum(CATEGORIES.values())} if is_table_4 else {})
    return Counts(name, title, tuple(rows), total, note)


def _counted(sample: Sample, facts: Facts | None) -> CountedClip:
    height = facts.height if facts else sample.size[0] if sample.size else None
    return CountedClip(
        category=sample.category,
        objects=bool(sample.objects),
        scene=bool(sample.scene),
        seconds=_seconds(sample, facts),
        height_px=height,
    )


def _seconds(sample: Sample, facts: Facts | None) -> float | None:
    """The length of a sample's clip, from what is stated alone."""
    clip = sample.reference
    if clip is None:
        return None
    if clip.end is not None:
        return clip.end - clip.start
    if facts is None or facts.frames is None or facts.fps is None:
        return None
    return max(0.0, facts.frames / facts.fps - clip.start)


def _count(category: str, clips: Sequence[CountedClip], published: Mapping[str, int]) -> CategoryCount:
    lengths = [clip.seconds for clip in clips if clip.seconds is not None]
    heights = [clip.height_px for clip in clips if clip.height_px is not None]
    return CategoryCount(
        category=category,
        clips=len(clips),
        missing=sum(not clip.here for clip in clips),
        with_objects=sum(clip.objects for clip in clips),
        with_scene=sum(clip.scene for clip in clips),
        seconds=sum(lengths) if lengths else None,
        timed=len(lengths),
        height_px=statistics.median(heights) if heights else None,
        sized=len(heights),
        published=published.get(category),
    )
