"""What the tests of the adapter of diffusers ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from i2vbench.errors import UserError
from i2vbench.models.base import Model
from i2vbench.profiles import Protocol
from i2vbench.registry import MODELS
from i2vbench.types import Frames, FrameSource, Image, Request, Sample
from tests.models.diffusers.tiny import Tiny

FPS = 8.0
PROMPTS = ("a red dog runs over the grass", "waves break on a beach")


def picture(seed: int, height: int = 72, width: int = 96) -> Image:
    """A few blurred patches of colour."""
    patches = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(PILImage.fromarray(patches).resize((width, height), PILImage.Resampling.BICUBIC))


def make_samples(folder: Path) -> list[Sample]:
    samples = []
    for number, prompt in enumerate(PROMPTS):
        path = folder / f"picture-{number}.png"
        PILImage.fromarray(picture(number)).save(path)
        samples.append(Sample(f"picture-{number}", "Pet", prompt, FrameSource(path)))
    return samples


def make_model(tiny: Tiny, folder: Path) -> Model:
    model = MODELS.create(f"diffusers:{folder}")
    native = {"height": tiny.height, "width": tiny.width, "num_frames": tiny.num_frames, "fps": FPS}
    model.configure({**native, **tiny.options})
    return model


def protocol_of(tiny: Tiny) -> Protocol:
    return Protocol(
        num_frames=tiny.num_frames, fps=FPS, height=tiny.height, width=tiny.width,
        interpolation="bilinear", sampling="nearest",
    )  # fmt: skip


def frames_of(model: Model, request: Request) -> Frames:
    (video,) = model.generate([request])
    return video.frames


def image_to_video_classes() -> list[str]:
    """Every class of the installed diffusers that a first frame can be shown to."""
    import diffusers

    from i2vbench.models.diffusers.classes import SIBLINGS, choose_class

    found = []
    for name in sorted(each for each in dir(diffusers) if each.endswith("Pipeline") and each not in SIBLINGS):
        try:
            found.append(choose_class(name, {}, name).name)
        except (UserError, AttributeError, TypeError, ValueError):
            continue
    return found
