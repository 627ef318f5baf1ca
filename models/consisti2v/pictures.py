"""Pictures that come into the pipeline, and videos that go out of it."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
import PIL.Image
from torch import Tensor

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.camera import preprocess
from i2vbench.types import Image
from i2vbench.video import read_image

AnyImage = Image | PIL.Image.Image | Tensor | str | os.PathLike[str]
OutputType = Literal["pil", "np", "pt", "uint8", "latent"]

ONE_IMAGE = (np.ndarray, PIL.Image.Image, Tensor, str, os.PathLike)


def as_array(image: AnyImage) -> Image:
    """A picture as uint8 [H, W, 3]."""
    if isinstance(image, Tensor):
        raise UserError("a camera moves over a picture: expected PIL, uint8 [H, W, 3] or a path, got a tensor")
    if isinstance(image, (str, os.PathLike)):
        return read_image(image)
    array = np.asarray(image.convert("RGB") if isinstance(image, PIL.Image.Image) else image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise UserError(f"first frame: expected a picture uint8 [H, W, 3], got {array.dtype} {list(array.shape)}")
    return array


def as_pixels(image: AnyImage, height: int, width: int) -> Tensor:
    """A picture as the VAE is shown it, float32 [3, height, width] in -1..1."""
    if not isinstance(image, Tensor):
        return preprocess(as_array(image), height, width)
    if image.shape != (3, height, width) or not image.is_floating_point():
        raise UserError(
            f"first frame: expected a float tensor [3, {height}, {width}] in -1..1, got {list(image.shape)}"
        )
    if not image.abs().max() <= 1:  # 0..255, most likely; or NaN, which is in no range
        raise UserError(f"first frame: expected a tensor in -1..1, got values up to {image.abs().max():g}")
    return image.float().cpu()


def as_output(videos: Tensor, output_type: str) -> Any:
    """float32 [b, 3, T, H, W] in 0..1 as `output_type` wants it."""
    if output_type == "pt":
        return videos.transpose(1, 2)  # [b, T, 3, H, W]
    thwc = videos.permute(0, 2, 3, 4, 1).contiguous()  # [b, T, H, W, 3]
    if output_type == "np":
        return thwc.numpy()
    frames = (thwc * 255).byte().numpy()  # cut off, not rounded: what the published files hold
    return frames if output_type == "uint8" else [[PIL.Image.fromarray(frame) for frame in video] for video in frames]
