"""The parts of Figures 4, 6 and 7 that need no weights: frequency bands, the rows, and the grid they are drawn in."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from i2vbench.types import Frames, Image

if TYPE_CHECKING:
    from torch import Tensor

FIGURE6 = (
    ("", "ConsistI2V"),
    ("no-frameinit", "w/o FrameInit"),
    ("no-frameinit-no-temporal", "w/o F.I.+T.C."),
    ("no-frameinit-no-temporal-no-spatial", "w/o F.I.+T.C.+S.C."),
)
"""Rows of Figure 6, its labels: (variant, label)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of Figure 7.

    Attributes:
        number: As the figure counts its rows.
        tau: Steps of noise that FrameInit adds to the first frame; None is a row without FrameInit.
        d0: Its stop frequency.
    """

    number: int
    tau: int | None = None
    d0: float | None = None

    @property
    def label(self) -> str:
        if self.tau is None or self.d0 is None:
            return f"({self.number}) w/o FrameInit"
        default = "\n(default)" if self.number == 1 else ""
        return f"({self.number}) tau = {self.tau},\nD0 = {self.d0:g}{default}"


FIGURE7 = (
    Setting(1, 850, 0.25),
    Setting(2, 750, 0.5),
    Setting(3, 700, 0.75),
    Setting(4),
    Setting(5, 850, 0.5),
    Setting(6, 750, 0.25),
)
"""Rows of Figure 7. The paper's text says which of tau and D0 moves, and which way, in (2), (3), (5) and (6), and not
how far: these steps are ours. (1) is the default, (5) and (6) move one of the two, (2) and (3) both."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A row of a picture grid: a clip, uint8 [T, H, W, 3], and what stands at its left."""

    label: str
    frames: Frames


def split_bands(latents: Tensor, d_s: float = 0.25, d_t: float = 0.25) -> tuple[Tensor, Tensor]:
    """The low and the high frequencies of a clip's latents, cut by FrameInit's Gaussian filter (Figure 4).

    Args:
        latents: z_0, [..., T, h, w].
        d_s: Stop frequency in space, as a share of the highest.
        d_t: Stop frequency in time.

    Returns:
        Both [..., T, h, w]; they add up to `latents`.
    """
    import torch

    from i2vbench.models.consisti2v.frameinit import low_pass_filter, mix_frequencies

    kept = low_pass_filter(tuple(latents.shape[-3:]), d_s, d_t).to(latents.device)
    low = mix_frequencies(latents, torch.zeros_like(latents), kept)
    return low, latents - low


def decode_bands(frames: Frames, checkpoint: str | None, device: str, dtype: str, seed: int) -> list[Row]:
    """The rows of Figure 4: a clip decoded from its latents, from their high and from their low frequencies.

    Args:
        frames: uint8 [T, H, W, 3].
        checkpoint: Folder or hub name; None is the published one. Only its VAE is read.
        device: As torch names it.
        dtype: As torch names it.
        seed: Of the posterior's noise.

    Raises:
        UserError: No checkpoint there, or a size that has no latents.
    """
    import torch

    from i2vbench.models.consisti2v.checkpoint import find_checkpoint
    from i2vbench.models.consisti2v.components import load_vae
    from i2vbench.models.consisti2v.encoders import decode_latents, encode_frames
    from i2vbench.models.consisti2v.inputs import check_size
    from i2vbench.models.consisti2v.pictures import as_output

    check_size(frames.shape[1], frames.shape[2], len(frames))
    vae = load_vae(find_checkpoint(checkpoint) / "vae", getattr(torch, dtype)).to(device)
    pixels = torch.from_numpy(np.array(frames)).permute(0, 3, 1, 2) / 127.5 - 1  # [T, 3, H, W]
    with torch.no_grad():
        latents = encode_frames(vae, pixels, torch.Generator().manual_seed(seed))  # [T, 4, h, w]
        z0 = latents.transpose(0, 1).float()  # [4, T, h, w]
        low, high = split_bands(z0)
        decoded = as_output(decode_latents(vae, torch.stack([z0, high, low])), "uint8")  # [3, T, H, W, 3]
    labels = ("original latent", "high-frequency\ncomponent", "low-frequency\ncomponent")
    return [Row(label, clip) for label, clip in zip(labels, decoded, strict=True)]


def pick_columns(num_frames: int, columns: int) -> list[int]:
    """Frames to show: `columns` of them, evenly spaced, the first and the last included; all where there are fewer."""
    if num_frames <= columns:
        return list(range(num_frames))
    return [round(i * (num_frames - 1) / max(columns - 1, 1)) for i in range(columns)]


def draw_grid(rows: Sequence[Row], caption: str = "", columns: int = 5, least_side: int = 128) -> Image:
    """Rows of frames with a label at the left of each, frame numbers above and a caption below, on white.

    Args:
        rows: Clips of one size and length.
        caption: One paragraph; broken into lines as the width asks.
        columns: Frames shown of each row (`pick_columns`).
        least_side: Smaller frames are enlarged by a whole factor until their shorter side has so many pixels.

    Returns:
        uint8 [H, W, 3].

    Raises:
        ValueError: Rows of different shapes, or none.
    """
    if not rows or len({row.frames.shape for row in rows}) != 1:
        raise ValueError(f"expected rows of one shape, got {[list(row.frames.shape) for row in rows]}")
    num_frames, height, width, _ = rows[0].frames.shape
    scale = -(-least_side // min(height, width))
    height, width = height * scale, width * scale
    shown = pick_columns(num_frames, columns)
    size = max(14, min(height, width) // 11)
    font = ImageFont.load_default(size)
    gap, margin = max(2, size // 6), size
    labels = [_plain(row.label) for row in rows]
    label_width = max(_text_size(label, font)[0] for label in labels) + size
    left, top = margin + label_width, margin + 2 * size
    body_width = len(shown) * (width + gap) - gap
    lines = _wrap(_plain(caption), font, body_width)
    below = (size + _text_size(lines, font)[1]) if lines else 0
    bottom = top + len(rows) * (height + gap) - gap
    picture = PILImage.new("RGB", (left + body_width + margin, bottom + below + margin), "white")
    draw = ImageDraw.Draw(picture)
    for column, frame in enumerate(shown):
        x = left + column * (width + gap)
        draw.text((x + width / 2, top - size / 2), f"frame {frame + 1}", fill="black", font=font, anchor="ms")
        for line, row in enumerate(rows):
            cell = PILImage.fromarray(row.frames[frame]).resize((width, height), PILImage.Resampling.NEAREST)
            picture.paste(cell, (x, top + line * (height + gap)))
    for line, label in enumerate(labels):
        y = top + line * (height + gap) + height / 2
        draw.multiline_text((margin, y), label, fill="black", font=font, anchor="lm")
    if lines:
        middle = left + body_width / 2
        draw.multiline_text(
            (middle, bottom + 3 * size / 4), lines, fill="black", font=font, anchor="ma", align="center"
        )
    return np.asarray(picture)


def _plain(text: str) -> str:
    """The text in the letters that Pillow's own font has: ASCII; accents are dropped, other letters become "?"."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return bare.encode("ascii", "replace").decode()


def _text_size(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> tuple[int, int]:
    """(width, height) in pixels of a text of one or more lines."""
    box = ImageDraw.Draw(PILImage.new("L", (1, 1))).multiline_textbbox((0, 0), text, font=font)
    return round(box[2]), round(box[3])


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text's words in lines of at most `width` pixels; a longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        if lines and _text_size(f"{lines[-1]} {word}", font)[0] <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)
