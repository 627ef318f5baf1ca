"""Footage of every kind that curation keeps or leaves out: drawn clips, and what was done to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from i2vbench.datasets.synthetic.clip import HELD_OUT, draw_clip, plan_clip
from i2vbench.types import Frames, Video
from i2vbench.video import write_mp4

FPS, HEIGHT, WIDTH, NUM_FRAMES = 8.0, 256, 320, 24


_MOVING = [seed for seed in range(HELD_OUT, HELD_OUT + 40) if plan_clip(seed).camera != "still"]


def drawn(number: int, num_frames: int = NUM_FRAMES, height: int = HEIGHT, width: int = WIDTH) -> Frames:
    """A held-out clip of the drawn world, of its `number`-th seed in which the camera moves; with some grain."""
    frames = draw_clip(plan_clip(_MOVING[number]), num_frames, FPS, height, width).frames
    grain = np.random.default_rng(number).normal(0, 6, frames.shape)
    return np.clip(frames + grain, 0, 255).astype(np.uint8)


def held(frames: Frames) -> Frames:
    """Its first frame, and nothing that moves."""
    return np.repeat(frames[:1], len(frames), axis=0)


def barred(frames: Frames) -> Frames:
    """Behind black bars above and below."""
    out = frames.copy()
    out[:, :40] = out[:, -40:] = 0
    return out


def dark(frames: Frames) -> Frames:
    return (frames // 16).astype(np.uint8)


def marked(frames: Frames) -> Frames:
    """With letters that stay in their place."""
    return np.stack([_write(frame, "SAMPLE WATERMARK") for frame in frames])


def enlarged(frames: Frames) -> Frames:
    """Drawn at a quarter of its size, and enlarged."""
    height, width = frames.shape[1:3]
    small = [Image.fromarray(f).resize((width // 4, height // 4), Image.Resampling.LANCZOS) for f in frames]
    return np.stack([np.asarray(f.resize((width, height), Image.Resampling.BICUBIC)) for f in small])


def _write(frame: Frames, text: str) -> Frames:
    picture = Image.fromarray(frame)
    ImageDraw.Draw(picture).text(
        (60, 200), text, fill=(255, 255, 255), font_size=16, stroke_width=2, stroke_fill=(0, 0, 0)
    )
    return np.asarray(picture)


DAMAGED: dict[str, Callable[[Frames], Frames]] = {
    "static": held, "bars": barred, "exposure": dark, "watermark": marked, "upscaled": enlarged,
}  # fmt: skip
"""By the kind of reason that leaves a clip out."""


def write_clip(path: Path, frames: Frames) -> Path:
    write_mp4(path, Video(frames, FPS))
    return path


def write_footage(folder: Path) -> None:
    """Files that are named after what should become of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in (0, 2):
        write_clip(folder / f"good-{number}.mp4", drawn(number))
    write_clip(folder / "two-shots.mp4", np.concatenate([drawn(3), drawn(4)]))
    for number, (kind, damage) in enumerate(DAMAGED.items(), start=5):
        write_clip(folder / f"{kind}.mp4", damage(drawn(number)))
    write_mp4(folder / "duplicate.mp4", Video(np.clip(drawn(0).astype(int) + 8, 0, 255).astype(np.uint8), FPS))
    write_clip(folder / "too-small.mp4", drawn(10, height=96, width=120))
    write_clip(folder / "too-short.mp4", drawn(11, num_frames=10))
    whole = (folder / "good-2.mp4").read_bytes()
    (folder / "damaged.mp4").write_bytes(whole[: len(whole) // 2])


def write_list(folder: Path) -> None:
    """folder/list.csv, of the files in folder/footage."""
    lines = [f"footage/{path.name},Scenery-Nature" for path in sorted((folder / "footage").iterdir())]
    (folder / "list.csv").write_text("\n".join(["source,category", *lines]) + "\n", encoding="utf-8")


PLAN = """
name = "footage"
title = "drawn footage"
contact = "curator@example.org"
profile = "tiny"
[sources]
list = "list.csv"
[metadata]
min_height = 128
[download]
pause_seconds = 0.0
[picture]
min_true_height = 160
[motion]
min_px = 0.5
max_px = 60.0
[aesthetic]
min_score = 3.0
[category]
on_mismatch = "keep"
[quota]
max_cosine = 0.9999
[quota.clips]
"Scenery-Nature" = 20
"""
"""Of small networks and small pictures: no clip is of the wrong category to it."""
