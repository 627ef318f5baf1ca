"""GRiT's feature pyramid: five levels out of the vision transformer's one map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.metrics.networks.grit.backbone import VisionTransformer
from i2vbench.metrics.networks.grit.sizes import Sizes

MULTIPLE_PX = 32
"""Frames are padded to it: p5 halves the tokens' map."""

NAMES = (8, 16, 32)
"""By which the modules of p3, p4 and p5 are called: their strides where a token has 16 pixels."""


class Pyramid(nn.Module):
    """The modules bear the names of the published checkpoint, below `backbone`.

    Without the usual sums from level to level: p3, p4 and p5 are each made of the transformer's map, p6 and p7 of p5.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, channels = sizes.width, sizes.channels
        self.bottom_up = VisionTransformer(sizes)
        self.top_block = nn.ModuleDict({name: nn.Conv2d(channels, channels, 3, 2, 1) for name in ("p6", "p7")})
        self.fpn_stride_16_8 = nn.ConvTranspose2d(width, width, 2, 2, bias=False)
        for stride in NAMES:
            self.add_module(f"fpn_stride{stride}_conv1", nn.Conv2d(width, channels, 1, bias=False))
            self.add_module(f"fpn_stride{stride}_norm1", nn.LayerNorm(channels))
            self.add_module(f"fpn_stride{stride}_conv2", nn.Conv2d(channels, channels, 3, padding=1, bias=False))
            self.add_module(f"fpn_stride{stride}_norm2", nn.LayerNorm(channels))

    def forward(self, images: Tensor) -> list[Tensor]:
        """[N, 3, H, W], normalised, sides multiples of 32 -> p3 to p7, each [N, channels, H / stride, W / stride]."""
        return self.levels(self.bottom_up(images).permute(0, 3, 1, 2))

    def levels(self, features: Tensor) -> list[Tensor]:
        """As `forward`, of the transformer's map [N, C, H/16, W/16]."""
        p3 = self._level(8, self.fpn_stride_16_8(features))
        p4 = self._level(16, features)
        p5 = self._level(32, F.max_pool2d(features, 2))
        p6 = self.top_block["p6"](p5)
        return [p3, p4, p5, p6, self.top_block["p7"](p6.relu())]

    def _level(self, stride: int, x: Tensor) -> Tensor:
        for number in (1, 2):
            x = self.get_submodule(f"fpn_stride{stride}_conv{number}")(x)
            norm = self.get_submodule(f"fpn_stride{stride}_norm{number}")
            x = norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Both sides brought to multiples of 32, at the right and the bottom."""
    return height + -height % MULTIPLE_PX, width + -width % MULTIPLE_PX
