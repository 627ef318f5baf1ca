"""The synthetic world as a data set: drawn when it is asked for, and as a folder that anyone can look into."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count as count_from
from itertools import islice
from pathlib import Path

import numpy as np

from i2vbench.datasets.base import Dataset
from i2vbench.datasets.synthetic.clip import HELD_OUT, SyntheticClip, draw_clip, plan_clip
from i2vbench.datasets.synthetic.words import CATEGORIES, category_of
from i2vbench.datasets.writing import write_metadata
from i2vbench.errors import UserError
from i2vbench.files import atomic_file
from i2vbench.types import ClipSource, FrameSource, Sample
from i2vbench.video import write_video
from i2vbench.weights.places import cache_folder

DRAWING = 1
"""Of how clips are drawn: files of another number are drawn anew."""


class SyntheticDataset(Dataset):
    """`synthetic` or `synthetic:COUNT`: held-out clips of the synthetic world, category after category.

    16 frames of 128 x 128 pixels at 8 fps, kept without loss in the cache folder.

    Args:
        argument: How many; "" takes one of each category.

    Raises:
        UserError: Something other than a positive number.
    """

    name = "synthetic"
    title = "drawn things that move over drawn scenes, with every word known; for tests, not for results"
    licence = "Apache-2.0, as i2vbench, which draws them"

    def __init__(self, argument: str = "") -> None:
        if argument and not (argument.isdecimal() and int(argument) > 0):
            raise UserError(f"data set synthetic: expected a number of clips, synthetic:COUNT, got '{argument}'")
        self._count = int(argument) if argument else len(CATEGORIES)

    def samples(self) -> Sequence[Sample]:
        """The samples; clips that are not in the cache folder are drawn.

        Raises:
            UserError: The cache folder cannot be written to.
        """
        folder = cache_folder() / f"synthetic-{DRAWING}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return [_sample(folder, seed) for seed in islice(seeds_by_category(HELD_OUT), self._count)]
        except OSError as error:
            raise UserError(f"data set synthetic: {folder} cannot be written to: {error.strerror}") from error


def seeds_by_category(first: int) -> Iterator[int]:
    """Seeds from `first` on, such that the categories take turns, in the order of Table 4."""
    waiting: dict[str, deque[int]] = {category: deque() for category in CATEGORIES}
    seeds = count_from(first)
    while True:
        for category in CATEGORIES:
            while not waiting[category]:
                seed = next(seeds)
                waiting[category_of(plan_clip(seed).things[0].kind)].append(seed)
            yield waiting[category].popleft()


def write_folder(
    out: Path,
    count: int,
    seed: int = 0,
    num_frames: int = 16,
    fps: float = 8.0,
    size: tuple[int, int] = (128, 128),
    truth: bool = False,
    tell: Callable[[int], object] = lambda done: None,
) -> None:
    """A folder of clips with a metadata.csv, as `folder:PATH` takes it.

    With the truth there is a `NAME.npz` beside every clip: `layers` uint8 [T, H, W] (0 the scene, k the k-th thing, the
    nearest first), `boxes` float32 [N, T, 4], `flow` float32 [T - 1, H, W, 2] to the next frame, and `seen` bool
    [T - 1, H, W], whether the point is seen there.

    Args:
        out: A folder that is not there yet, or empty.
        count: How many clips.
        seed: The first clip's is the first one from here on that has the first category.
        num_frames: Of each.
        fps: Frames per second.
        size: (height, width) in pixels.
        truth: Whether to write it.
        tell: Called with the number of clips that are done.

    Raises:
        UserError: The folder holds something, or cannot be written to.
    """
    rows: list[dict[str, object]] = []
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out} is there already; name a new folder")
        out.mkdir(parents=True, exist_ok=True)
        for done, one in enumerate(islice(seeds_by_category(seed), count), start=1):
            clip = draw_clip(one, num_frames, fps, *size)
            name = clip_id(one)
            write_video(out / f"{name}.mp4", clip.video)
            if truth:
                _write_truth(out / f"{name}.npz", clip)
            rows.append({
                "file_name": f"{name}.mp4", "id": name, "category": clip.category, "prompt": clip.caption, "fps": fps,
                "objects": clip.things[0].kind, "scene": clip.scene,
            })  # fmt: skip
            tell(done)
        write_metadata(out, rows)
    except OSError as error:
        raise UserError(f"{out} cannot be written to: {error.strerror}") from error


def clip_id(seed: int) -> str:
    """What the clip of a seed is called."""
    return f"synthetic-{seed:07d}"


def _sample(folder: Path, seed: int) -> Sample:
    plan = plan_clip(seed)
    path = folder / f"{clip_id(seed)}.mp4"
    if not path.is_file():
        write_video(path, draw_clip(plan).video)
    nearest = plan.things[0].kind
    return Sample(
        id=clip_id(seed),
        category=category_of(nearest),
        prompt=plan.caption,
        first_frame=FrameSource(path, 0.0),
        reference=ClipSource(path),
        fps=8.0,
        objects=(nearest,),
        scene=plan.scene,
    )


def _write_truth(path: Path, clip: SyntheticClip) -> None:
    flows = [clip.flow(frame, frame + 1) for frame in range(len(clip.frames) - 1)]
    height, width = clip.frames.shape[1:3]
    with atomic_file(path) as file:
        np.savez_compressed(
            file,
            layers=clip.layers,
            boxes=clip.boxes,
            flow=np.array([flow for flow, _ in flows], np.float32).reshape(-1, height, width, 2),
            seen=np.array([seen for _, seen in flows], bool).reshape(-1, height, width),
        )
