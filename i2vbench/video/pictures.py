"""Pictures: reading, resizing, and writing them as PNG."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as PILImage
from PIL import ImageOps, ImageSequence, UnidentifiedImageError

from i2vbench.types import Frames, Image
from i2vbench.video.container import VideoError, check_is_file, one_line

_PICTURES = ("PNG", "JPEG", "MPO", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
"""Pillow's formats that are tried; EPS, for one, would start Ghostscript on the file."""

_RESAMPLING = {
    "lanczos": PILImage.Resampling.LANCZOS,
    "bicubic": PILImage.Resampling.BICUBIC,
    "bilinear": PILImage.Resampling.BILINEAR,
    "box": PILImage.Resampling.BOX,
}


def read_image(path: str | os.PathLike[str]) -> Image:
    """A picture, uint8 [H, W, 3] RGB: turned as its EXIF says, composited over white, the first of an animation.

    Raises:
        VideoError: Not a picture, damaged, larger than Pillow's limit, or with more than 16 bits a channel.
    """
    path = Path(path)
    with _opened(path) as image:
        return _rgb(path, image)


def read_pictures(path: str | os.PathLike[str]) -> list[Image]:
    """Every picture of an animation (GIF, WebP, APNG), each as `read_image` reads one.

    Nothing tells a whole GIF from one that was cut short between two pictures: whoever reads one knows how many
    there must be.

    Raises:
        VideoError: As `read_image`.
    """
    path = Path(path)
    with _opened(path) as image:
        return [_rgb(path, frame) for frame in ImageSequence.Iterator(image)]


@contextmanager
def _opened(path: Path) -> Iterator[PILImage.Image]:
    """A picture file, open; Pillow's errors come out as VideoError."""
    check_is_file(path)
    try:
        PILImage.init()
        with PILImage.open(path, formats=[name for name in _PICTURES if name in PILImage.OPEN]) as image:
            yield image
    except VideoError:
        raise
    except PILImage.DecompressionBombError as error:
        raise VideoError(path, f"has more than {2 * (PILImage.MAX_IMAGE_PIXELS or 0)} pixels") from error
    except UnidentifiedImageError as error:
        raise VideoError(path, f"is not a picture ({', '.join(_PICTURES)} are read)") from error
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, KeyError, ...
        raise VideoError(path, f"is not a readable picture ({one_line(error)})") from error


def resize_and_crop(frames: Frames, height: int, width: int, interpolation: str = "lanczos") -> Frames:
    """Scale frames until they cover height x width, keeping their aspect, and crop the centre; Pillow's resampling.

    Args:
        frames: uint8 [T, H, W, 3].
        height: Pixels, at least 1.
        width: Pixels, at least 1.
        interpolation: "lanczos", "bicubic", "bilinear" or "box".

    Returns:
        uint8 [T, height, width, 3]; `frames` itself when it has that size.

    Raises:
        ValueError: An unknown interpolation, or a size below 1.
    """
    method = resampling(interpolation)
    if height < 1 or width < 1:
        raise ValueError(f"expected a size of at least 1 x 1, got {height} x {width}")
    if frames.shape[1:3] == (height, width):
        return frames
    scale = max(Fraction(height, frames.shape[1]), Fraction(width, frames.shape[2]))
    scaled_height, scaled_width = (math.floor(side * scale + Fraction(1, 2)) for side in frames.shape[1:3])
    top, left = (scaled_height - height) // 2, (scaled_width - width) // 2
    fitted = np.empty((len(frames), height, width, 3), np.uint8)
    for source, target in zip(frames, fitted, strict=True):
        scaled = PILImage.fromarray(source).resize((scaled_width, scaled_height), method)
        target[:] = np.asarray(scaled)[top : top + height, left : left + width]
    return fitted


def encode_png(image: Image) -> bytes:
    """A picture uint8 [H, W, 3] as a PNG file."""
    buffer = io.BytesIO()
    PILImage.fromarray(image).save(buffer, format="PNG", compress_level=1)  # a third of the time, a tenth larger
    return buffer.getvalue()


def encode_jpeg(image: Image, comment: str = "") -> bytes:
    """A picture uint8 [H, W, 3] as a JPEG file, with a comment in it that `jpeg_facts` reads again."""
    buffer = io.BytesIO()
    PILImage.fromarray(image).save(buffer, format="JPEG", quality=82, optimize=True, comment=comment.encode())
    return buffer.getvalue()


def jpeg_facts(path: Path) -> tuple[str, int, int] | None:
    """(comment, height, width) of a JPEG file, from its header alone; None if it is not there, or is none."""
    try:
        with PILImage.open(path, formats=["JPEG"]) as image:
            comment = image.info.get("comment", b"")
            return comment.decode("utf-8", "replace"), image.height, image.width
    except (OSError, SyntaxError):
        return None


def resampling(name: str) -> PILImage.Resampling:
    if name not in _RESAMPLING:
        raise ValueError(f"unknown interpolation '{name}'; expected one of {', '.join(_RESAMPLING)}")
    return _RESAMPLING[name]


def _rgb(path: Path, image: PILImage.Image) -> Image:
    """uint8 [H, W, 3] of an open picture."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):  # 65535 / 255 = 257
        grey = ((np.asarray(upright).astype(np.uint32) + 128) // 257).astype(np.uint8)  # [H, W]
        return np.stack([grey] * 3, axis=-1)  # [H, W, 3]
    if upright.mode in ("I", "F"):
        raise VideoError(path, "has 32 bits a channel, or an unknown scale; save it with 8 or 16 bits")
    if upright.has_transparency_data:
        white = PILImage.new("RGBA", upright.size, "white")
        upright = PILImage.alpha_composite(white, upright.convert("RGBA"))
    return np.array(upright.convert("RGB"))
