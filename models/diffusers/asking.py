"""One request becomes one call of a pipeline, and what comes back becomes frames."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from i2vbench.errors import UserError
from i2vbench.models.diffusers.classes import PipelineClass
from i2vbench.models.diffusers.options import Options
from i2vbench.types import Frames, Image, Request


def call_of(request: Request, cls: PipelineClass, options: Options, *, ask_frames: int, device: str) -> dict[str, Any]:
    """The arguments of the call.

    Args:
        request: What is wanted.
        cls: The pipeline's class.
        options: What its users and authors want beside.
        ask_frames: What its length is asked for by, to have the request's.
        device: Where it runs.
    """
    import torch

    takes, kind = cls.defaults, cls.kind
    call: dict[str, Any] = {**_picture(request, cls, ask_frames), **kind.always, **options.call}
    if "prompt" in takes:
        call["prompt"] = options.prompt.replace("{prompt}", request.prompt) if options.prompt else request.prompt
    if cls.sized:
        call |= {"height": request.height, "width": request.width}
    call[cls.length] = ask_frames
    if cls.rate and cls.rate not in call:
        whole = isinstance(takes[cls.rate], int) and float(request.fps).is_integer()
        call[cls.rate] = int(request.fps) if whole else request.fps
    if kind.seed:
        call[kind.seed] = request.seed
    else:
        place = device if kind.device_noise else "cpu"
        call["generator"] = torch.Generator(place).manual_seed(request.seed)
    return call | {"output_type": "np"}


def _picture(request: Request, cls: PipelineClass, num_frames: int) -> dict[str, Any]:
    """The first frame as the class takes it."""
    from PIL.Image import fromarray

    picture = fromarray(np.array(request.first_frame))
    if cls.kind.picture == "conditions":
        from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

        return {"conditions": [LTX2VideoCondition(frames=picture, index=0, strength=1.0)]}
    if cls.kind.picture == "video":
        return {"video": _clip(request.first_frame)}
    if cls.kind.picture == "inpaint":
        from diffusers.pipelines.easyanimate.pipeline_easyanimate_inpaint import get_image_to_video_latent

        size = (request.height, request.width)
        video, mask = get_image_to_video_latent([picture], None, num_frames, size)
        return {"video": video, "mask_video": mask}
    return {cls.kind.picture: picture}


def _clip(picture: Image) -> Any:
    """A clip of one frame: float32 [1, 1, 3, H, W] in 0..1."""
    import torch

    return torch.tensor(picture).permute(2, 0, 1)[None, None].float() / 255  # [1, 1, 3, H, W]


@contextmanager
def only_this_seed(seed: int, device: str) -> Iterator[None]:
    """Whatever a pipeline draws from the global generators (I2VGen-XL's and EasyAnimate's do) hangs on the seed too."""
    import torch

    cuda = [torch.device(device)] if device.startswith("cuda") else []
    before = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])


def frames_of(output: Any, request: Request, cls: PipelineClass, dtype: str) -> Frames:
    """What a pipeline returned, as uint8 [T, H, W, 3]; of what works in chunks, the frames that were asked for.

    Raises:
        RuntimeError: It is no video, holds numbers that are none, or is of another size or length.
    """
    made = getattr(output, "frames", None)
    made = getattr(output, "video", None) if made is None else made
    values: Any = np.asarray(made) if made is not None else np.zeros(0)
    if values.ndim == 5 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 4 or values.shape[3] != 3 or values.dtype.kind != "f":
        raise RuntimeError(
            f"{cls.name} returned {values.dtype} {list(values.shape)}; expected one clip of floats [T, H, W, 3]"
        )
    if not np.isfinite(values).all():
        share = 1 - float(np.isfinite(values).mean())
        other = {"float16": "float32", "float32": "another size or length"}.get(dtype, "another dtype")
        raise RuntimeError(f"{cls.name} returned a video of which {share:.0%} is no number in {dtype}; try {other}")
    if cls.kind.frames in ("chunks", "sections"):
        values = values[: request.num_frames]
    asked = (request.num_frames, request.height, request.width)
    if values.shape[:3] != asked:
        raise RuntimeError(
            f"{cls.name} was asked for {asked[0]} frames of {asked[1]} x {asked[2]} pixels and returned "
            f"{values.shape[0]} of {values.shape[1]} x {values.shape[2]}: it rounds what it is asked for"
        )
    frames: Frames = (values * 255).round().clip(0, 255).astype(np.uint8)
    return frames


def refuse_unsafe(error: ValueError, model: str) -> None:
    """A prompt or video that a guardrail refuses is no fault of the code.

    Raises:
        UserError: If that is what the error says.
    """
    if "Guardrail" in str(error):
        raise UserError(f"model '{model}': its guardrail refuses the clip: {error}") from error
