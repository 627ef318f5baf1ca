"""DINO ViT-B/16, the network of subject consistency: timm's vision transformer, shown pictures of any size.

Matches facebookresearch/dino's `dino_vitb16`. Other sizes than 224 x 224 are not left to timm, which resizes the table
of positions to the number of patches; DINO resizes it by a factor that is a little larger, which shows in the features
(0.02 in a recorded case).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from i2vbench.checkpoints import fill
from i2vbench.metrics.networks.frames import fit_images, normalise
from i2vbench.metrics.networks.layers import in_float32

SIZE_PX = 224
PATCH_PX = 16
GRID = SIZE_PX // PATCH_PX
EXTRA = 0.1
"""Rows and columns that DINO adds to those of the patches before it divides by `GRID`."""
EPS = 1e-6
"""Of every layer norm."""
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the published network; the tiny profile's is smaller."""

    width: int = 768
    layers: int = 12
    heads: int = 12


PUBLISHED = Sizes()


def load(state: Mapping[str, Any], sizes: Sizes = PUBLISHED) -> DINO:
    """The network with the tensors of the published checkpoint, in evaluation mode, without gradients.

    Raises:
        CheckpointError: Naming every key that is missing, left over or of another shape.
    """
    with torch.device("meta"):
        network = DINO(sizes)
    fill(network, state, "DINO ViT-B/16", dtype=torch.float32)
    return network.eval().requires_grad_(False)


def preprocess(frames: Tensor, antialias: bool = False) -> Tensor:
    """The shorter side to 224 (bilinear, not rounded), nothing cropped, ImageNet's mean and deviation.

    Args:
        frames: uint8 [T, H, W, 3] RGB.
        antialias: As torchvision 0.17 and newer does where it is not told.

    Returns:
        float32 [T, 3, h, w] on the same device, the shorter of h and w 224.

    Raises:
        ValueError: For another dtype or shape.
    """

    def resize(planes: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(planes, size, mode="bilinear", align_corners=False, antialias=antialias)

    return normalise(fit_images(frames, SIZE_PX, resize), MEAN, STD)


def look(network: nn.Module, frames: Tensor, antialias: bool = False) -> Tensor:
    """Features of frames, as subject consistency takes them: uint8 [N, H, W, 3] -> [N, 768]."""
    features: Tensor = network(preprocess(frames, antialias))
    return features


class DINO(VisionTransformer):
    """The modules bear the names of the published checkpoint."""

    cls_token: nn.Parameter
    pos_embed: nn.Parameter

    def __init__(self, sizes: Sizes = PUBLISHED) -> None:
        super().__init__(
            img_size=SIZE_PX,
            patch_size=PATCH_PX,
            num_classes=0,
            embed_dim=sizes.width,
            depth=sizes.layers,
            num_heads=sizes.heads,
            norm_layer=partial(nn.LayerNorm, eps=EPS),
            weight_init="skip",
        )
        self._table: tuple[object, Tensor] = (None, torch.empty(0))

    @in_float32
    def forward(self, images: Tensor) -> Tensor:
        """The class token [N, 768], not normalised, of `preprocess`ed images [N, 3, h, w].

        Rows and columns of pixels beyond a multiple of 16 are not seen.
        """
        patches = self.patch_embed.proj(images)  # [N, 768, h // 16, w // 16]
        x = torch.cat((self.cls_token.expand(len(images), -1, -1), patches.flatten(2).mT), dim=1)  # [N, 1 + P, 768]
        x = x + self._positions(*images.shape[-2:])
        for block in self.blocks[:-1]:
            x = block(x)
        last: Any = self.blocks[-1]
        x = (x + last.attn(last.norm1(x)))[:, 0]  # [N, 768]: nothing after this mixes tokens
        return self.norm(x + last.mlp(last.norm2(x)))

    def _positions(self, height: int, width: int) -> Tensor:
        """The table of positions for pictures of this size in pixels, [1, 1 + P, 768]; the last one is kept."""
        rows, columns = height // PATCH_PX, width // PATCH_PX
        # DINO resizes 14 x 14 to itself, by 14.1 / 14, if the picture is no square.
        if rows == columns == GRID and height == width:
            return self.pos_embed
        key = (rows, columns, self.pos_embed.device)
        known, table = self._table
        if known != key:
            grid = self.pos_embed[:, 1:].mT.unflatten(2, (GRID, GRID))  # [1, 768, 14, 14]
            factors = (rows + EXTRA) / GRID, (columns + EXTRA) / GRID
            # By factors, not to a size: where a position is sampled follows from the factor that is given.
            resized = F.interpolate(grid, scale_factor=factors, mode="bicubic", align_corners=False)
            table = torch.cat((self.pos_embed[:, :1], resized.flatten(2).mT), dim=1)
            self._table = key, table
        return table
