"""One picture, one prompt, one video: what `i2vbench generate` and `i2vbench reproduce` do with a model."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from i2vbench.errors import NotApplicable, UserError
from i2vbench.fitting import check_frames, check_size, fault_of
from i2vbench.log import plain_warnings
from i2vbench.models.base import Model, Preparation
from i2vbench.profiles import load_profile
from i2vbench.registry import MODELS
from i2vbench.store import folder_name
from i2vbench.texts import clean
from i2vbench.types import FrameSource, Image, ModelInfo, PlannedClip, Request, Sample, Video
from i2vbench.video import resize_and_crop
from i2vbench.weights.places import cache_folder

NUM_FRAMES, HEIGHT, WIDTH, FPS = 16, 256, 256, 8.0
"""What a model without a size, length and rate of its own is asked for."""


@dataclass(frozen=True, slots=True)
class Made:
    """A video and what it cost.

    Attributes:
        video: As the model returned it.
        seconds: For the video alone, without loading the model.
        gpu_bytes: Peak of the GPU memory that torch handed out, weights included; None elsewhere.
    """

    video: Video
    seconds: float
    gpu_bytes: int | None

    @property
    def cost(self) -> str:
        memory = "" if self.gpu_bytes is None else f", {self.gpu_bytes / 2**20:.0f} MiB of GPU memory at the peak"
        return f"{self.seconds:.1f} s{memory}"


def make_model(spec: str, options: Mapping[str, object]) -> Model:
    """A model that makes videos of pictures, configured, not loaded.

    Raises:
        UserError: An unknown model, an option it does not take, or a stand-in that needs a data set.
    """
    with redirect_stdout(sys.stderr):
        model = MODELS.create(spec)
        if model.info.reads or model.info.any_output:
            raise UserError(f"model '{spec}' makes nothing of a picture: it shows videos that are there already")
        if options:
            model.configure(options)
        model.show_progress = sys.stderr.isatty()
    return model


def make_request(
    info: ModelInfo,
    picture: Image,
    prompt: str,
    seed: int,
    *,
    num_frames: int | None = None,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
) -> Request:
    """A request of a picture of any size; frames, size and rate are the model's own where they are not given.

    Raises:
        UserError: For a size or length that the model cannot make.
    """
    height, width = size or (info.height or HEIGHT, info.width or WIDTH)
    num_frames = num_frames or info.num_frames or NUM_FRAMES
    check_size(info, height, width)
    check_frames(info, num_frames)
    return Request(
        sample_id="picture",
        first_frame=resize_and_crop(picture[np.newaxis], height, width)[0],
        prompt=prompt,
        num_frames=num_frames,
        height=height,
        width=width,
        fps=fps or info.fps or FPS,
        seed=seed,
        source_image=picture,
    )


def load(model: Model, request: Request, image: Path, device: str, dtype: str) -> None:
    """Prepare and load a model for one request."""
    protocol = replace(
        load_profile("paper").protocol,
        num_frames=request.num_frames,
        fps=request.fps,
        height=request.height,
        width=request.width,
    )
    sample = Sample(request.sample_id, "picture", request.prompt, FrameSource(image))
    plan = [PlannedClip(sample, request.seed, request.seed)]
    if model.info.needs_gpu and device == "cpu":
        tell(f"note: model '{model.info.name}' is made for a GPU; at full size a clip takes hours on a CPU")
    if model.show_progress:
        tell(f"loading {model.info.name}")
    with redirect_stdout(sys.stderr), plain_messages():
        model.prepare(Preparation(plan, frozenset({sample.id}), protocol, "pyav", model_folder(model.info)))
        model.load(device, dtype)


def model_folder(info: ModelInfo) -> Path:
    """Where a model may keep files of its own that belong to no run."""
    return cache_folder() / "models" / folder_name(info.name)


def make(model: Model, request: Request, device: str) -> Made:
    """The video of one request by a loaded model.

    Raises:
        UserError: Too little memory, or a request that the model has nothing for.
        RuntimeError: The model returned something else than was asked for.
    """
    cuda = device.startswith("cuda")
    if cuda:
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    begun = time.monotonic()
    with redirect_stdout(sys.stderr), plain_messages():
        try:
            (video,) = model.generate([request])
        except NotApplicable as error:
            raise UserError(f"model '{model.info.name}': {error}") from error
    seconds = time.monotonic() - begun
    fault = fault_of(video, request, model.info)
    if fault:
        raise RuntimeError(f"model '{model.info.name}' {fault}")
    return Made(video, seconds, torch.cuda.max_memory_allocated(device) if cuda else None)


@contextmanager
def plain_messages() -> Iterator[None]:
    """Say in a line what a model warns of; and that a GPU is too small, which is no bug."""
    try:
        with plain_warnings(tell):
            yield
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, without importing torch
            raise
        raise UserError("too little GPU memory; try --dtype bf16, a smaller --size, or --device cpu") from error


def tell(line: str) -> None:
    """Say something that is not the result."""
    print(clean(line), file=sys.stderr, flush=True)
