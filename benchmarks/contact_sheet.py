"""A contact sheet of ConsistI2V-tiny's samples: what it makes of first frames that it has not seen.

    python benchmarks/contact_sheet.py OUT.png [FIRST_CLIP]

Below each prompt, from left to right: the first frame, three later frames of the true clip, and the same of ConsistI2V
and of the U-Net that has the first frame in its input alone. Held-out clips of the synthetic world in the order of
their seeds, from the given one on; none is left out. Settings are the tiny profile's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from i2vbench.create import configure_models, create_models
from i2vbench.datasets.synthetic import draw_clip, held_out
from i2vbench.profiles import load_profile
from i2vbench.types import Frames, Request

MODELS = {"ConsistI2V-tiny": "consisti2v", "concatenation alone": "consisti2v:no-frameinit-no-temporal-no-spatial"}
CLIPS, LATER = 6, (5, 10, 15)
SIDE_PX, GAP_PX, LINE_PX = 128, 8, 18


def make_samples(spec: str, requests: list[Request]) -> list[Frames]:
    """Videos uint8 [T, H, W, 3] by the model of that name."""
    models = create_models([spec])
    configure_models(models, load_profile("tiny"))
    ((model, _),) = models.values()
    model.load("cpu", "float32")
    return [model.generate([request])[0].frames for request in requests]


def draw_sheet(prompts: list[str], columns: dict[str, list[Frames]]) -> Image.Image:
    """A row of each prompt; the first column's videos give the first frame too."""
    group = len(LATER) * SIDE_PX + GAP_PX
    width, row = SIDE_PX + GAP_PX + len(columns) * group - GAP_PX, LINE_PX + SIDE_PX
    sheet = Image.new("RGB", (width, LINE_PX + len(prompts) * row), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((2, 3), "first frame", "black")
    lefts = {title: SIDE_PX + GAP_PX + number * group for number, title in enumerate(columns)}
    for title, left in lefts.items():
        pen.text((left + 2, 3), f"{title}: frames {', '.join(str(i + 1) for i in LATER)}", "black")
    for index, prompt in enumerate(prompts):
        top = LINE_PX + index * row
        pen.text((2, top + 3), prompt, "black")
        for number, (title, videos) in enumerate(columns.items()):
            frames = np.concatenate(videos[index][list(LATER)], axis=1)  # [H, 3 W, 3]
            sheet.paste(Image.fromarray(frames), (lefts[title], top + LINE_PX))
            if number == 0:
                sheet.paste(Image.fromarray(videos[index][0]), (0, top + LINE_PX))
    return sheet


def main() -> None:
    out, first = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    clips = [draw_clip(held_out(first + i)) for i in range(CLIPS)]
    requests = [
        Request(f"clip-{i}", clip.frames[0], clip.caption, len(clip.frames), SIDE_PX, SIDE_PX, clip.fps, seed=i)
        for i, clip in enumerate(clips)
    ]
    made = {title: make_samples(spec, requests) for title, spec in MODELS.items()}
    draw_sheet([clip.caption for clip in clips], {"true clip": [clip.frames for clip in clips], **made}).save(out)


if __name__ == "__main__":
    main()
