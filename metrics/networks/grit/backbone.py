"""GRiT's vision transformer: ViTDet's plain ViT-B (Li et al., ECCV 2022), with windows and relative positions.

The published attention adds the relative positions to a table of L x L logits. Here they are further entries of query
and key (a key's are 1 at its row and at its column), so that PyTorch's fused kernels apply and nothing of size L x L is
kept: of a frame of 720 x 1280 pixels that would be 620 MB. What windows are padded with is not computed: it is zero
before the layer of queries, keys and values, so its keys and values are that layer's bias; its outputs are not read.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from timm.layers.mlp import Mlp
from torch import Tensor, nn

from i2vbench.metrics.networks.grit.sizes import Sizes
from i2vbench.metrics.networks.layers import FrozenBatchNorm

POSITIONS = 14
"""Rows and columns of the table of absolute positions, which was trained on frames of 224 x 224."""
GLOBAL_EVERY = 3
EPS = 1e-6
"""Of the blocks' layer norms."""
STEM_EPS = 1e-5
ALIGNED = 8
"""Entries of query and key are a multiple of it, as the fused kernels on a GPU want it."""


class VisionTransformer(nn.Module):
    """The modules bear the names of the published checkpoint, below `backbone.bottom_up`."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.empty(1, POSITIONS**2 + 1, sizes.width))
        side = sizes.patch_px >> len(sizes.stem)
        proj = nn.Conv2d((3, *sizes.stem)[-1], sizes.width, side, side)
        self.patch_embed = nn.ModuleDict({"stem": _stem(sizes), "proj": proj})
        windows = [0 if i % GLOBAL_EVERY == GLOBAL_EVERY - 1 else sizes.window for i in range(sizes.depth)]
        self.blocks = nn.ModuleList(Block(sizes, window) for window in windows)
        self._table: tuple[object, Tensor] = (None, torch.empty(0))

    def forward(self, images: Tensor) -> Tensor:
        """[N, 3, H, W], normalised and padded -> [N, H/16, W/16, C]; nothing is normalised after the last block."""
        tokens = self.patch_embed["proj"](self.patch_embed["stem"](images))
        x = tokens.permute(0, 2, 3, 1).contiguous()  # [N, H/16, W/16, C]
        x = x + self._positions(x.shape[1], x.shape[2])
        for block in self.blocks:
            x = block(x)
        return x

    def _positions(self, height: int, width: int) -> Tensor:
        """Those of a grid of tokens, [1, height, width, C]; the last ones are kept."""
        key = (height, width, self.pos_embed.device, self.pos_embed.dtype)
        known, table = self._table
        if self.training or known != key:
            # Without the class token's, which the network has not.
            table = self.pos_embed[:, 1:].mT.unflatten(2, (POSITIONS, POSITIONS))  # [1, C, 14, 14]
            if (height, width) != (POSITIONS, POSITIONS):
                table = F.interpolate(table, (height, width), mode="bicubic", align_corners=False)
            table = table.permute(0, 2, 3, 1).contiguous()
            self._table = None if self.training else key, table
        return table


def _stem(sizes: Sizes) -> nn.Sequential:
    """Convolutions, of which the first of each width halves the frame; of the published network none."""
    layers: list[nn.Module] = []
    for inputs, channels in pairwise((3, *sizes.stem)):
        for number in range(sizes.stem_depth):
            convolution = nn.Conv2d(channels if number else inputs, channels, 3, 1 if number else 2, 1, bias=False)
            layers += convolution, FrozenBatchNorm(channels, STEM_EPS), nn.ReLU(inplace=True)
    return nn.Sequential(*layers)


class Block(nn.Module):
    """Attention and a wider network, each on a layer norm of what it adds to.

    Args:
        window: Tokens along a side of the windows; 0 for all tokens at once.
    """

    def __init__(self, sizes: Sizes, window: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(sizes.width, eps=EPS)
        self.attn = Attention(sizes, window)
        self.norm2 = nn.LayerNorm(sizes.width, eps=EPS)
        self.mlp = Mlp(sizes.width, 4 * sizes.width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, h, w, C] -> [N, h, w, C]."""
        x = x + self.attn(self.norm1(x))
        result: Tensor = x + self.mlp(self.norm2(x))
        return result


class Attention(nn.Module):
    """Multi-head attention in windows, or all over, with a table of relative positions for each axis.

    Args:
        window: As in `Block`.
    """

    def __init__(self, sizes: Sizes, window: int) -> None:
        super().__init__()
        self.heads, self.window = sizes.heads, window
        size = 2 * (window or sizes.grid) - 1
        self.rel_pos_h = nn.Parameter(torch.empty(size, sizes.width // sizes.heads))
        self.rel_pos_w = nn.Parameter(torch.empty(size, sizes.width // sizes.heads))
        self.qkv = nn.Linear(sizes.width, 3 * sizes.width)
        self.proj = nn.Linear(sizes.width, sizes.width)
        self._tables: tuple[object, tuple[Tensor, Tensor, Tensor]] = (None, (torch.empty(0),) * 3)

    def forward(self, x: Tensor) -> Tensor:
        """[N, h, w, C] -> [N, h, w, C]."""
        height, width = x.shape[1:3]
        high, wide = (self.window, self.window) if self.window else (height, width)
        windows = self._windows(x, high, wide)
        seen = torch.empty_like(x)
        # Windows of as many tokens go together: those that the frame fills, and those that its edges cut.
        for top, down, rows in _bands(height, high):
            for left, across, columns in _bands(width, wide):
                query, key, value = windows[:, top : top + down, left : left + across].unbind(3)
                some = self._attend(query[..., :rows, :columns, :], key, value)
                y, x0 = top * high, left * wide
                place = seen[:, y : y + down * rows, x0 : x0 + across * columns]
                place.copy_(some.permute(0, 1, 4, 2, 5, 3, 6).reshape(place.shape))
        result: Tensor = self.proj(seen)
        return result

    def _windows(self, x: Tensor, high: int, wide: int) -> Tensor:
        """Queries, keys and values, [N, down, across, 3, heads, high, wide, C / heads]."""
        height, width = x.shape[1:3]
        qkv = self.qkv(x)
        if height % high or width % wide:
            padded = self.qkv.bias.repeat(len(x), height + -height % high, width + -width % wide, 1)
            padded[:, :height, :width] = qkv
            qkv = padded
        qkv = qkv.unflatten(1, (-1, high)).unflatten(3, (-1, wide)).unflatten(5, (3, self.heads, -1))
        return qkv.permute(0, 1, 3, 5, 6, 2, 4, 7)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Of the first rows and columns of each window: query and result [..., heads, rows, columns, D]."""
        down, across, places = self._relative(*key.shape[-3:-1])
        rows, columns, features = query.shape[-3:]
        windows = query.shape[:3]
        query, key, value = (y.flatten(0, 2) for y in (query, key, value))  # [B, heads, rows, columns, D]
        extra = places.shape[1]
        wanted = query.new_zeros(*query.shape[:-1], features + extra)
        wanted[..., :features] = query * features**-0.5
        # The query as it is, not scaled (as in the published code).
        there = features + down.shape[1]
        wanted[..., features:there] = torch.einsum("bnhwd,hkd->bnhwk", query, down[:rows])
        wanted[..., there : there + across.shape[1]] = torch.einsum("bnhwd,wkd->bnhwk", query, across[:columns])
        key = torch.cat((key.flatten(2, 3), places.expand(*key.shape[:2], -1, -1)), dim=-1)  # [B, heads, L, D + extra]
        value = F.pad(value.flatten(2, 3), (0, extra))
        seen = F.scaled_dot_product_attention(wanted.flatten(2, 3), key, value, scale=1.0)[..., :features]
        return seen.unflatten(2, (rows, columns)).unflatten(0, windows)

    def _relative(self, high: int, wide: int) -> tuple[Tensor, Tensor, Tensor]:
        """Relative positions along both axes, and each key's entries for them; the last ones are kept.

        Returns:
            [high, high, D], [wide, wide, D], and [high * wide, high + wide (filled up to a multiple)].
        """
        key = (high, wide, self.rel_pos_h.device, self.rel_pos_h.dtype)
        known, tables = self._tables
        if self.training or known != key:
            tokens = torch.arange(high * wide, device=self.rel_pos_h.device)
            rows, columns = F.one_hot(tokens // wide, high), F.one_hot(tokens % wide, wide)
            places = F.pad(torch.cat((rows, columns), dim=1), (0, -(high + wide) % ALIGNED)).to(self.rel_pos_h.dtype)
            tables = relative(self.rel_pos_h, high), relative(self.rel_pos_w, wide), places
            self._tables = None if self.training else key, tables
        return tables


def relative(table: Tensor, size: int) -> Tensor:
    """The entries for query i and key j of an axis, [size, size, D].

    Args:
        table: [M, D], for the distances from -(M - 1) / 2 to (M - 1) / 2 for which it was trained. A table for another
            size is resized linearly.
    """
    if len(table) != 2 * size - 1:
        table = F.interpolate(table.T[None], 2 * size - 1, mode="linear", align_corners=False)[0].T
    places = torch.arange(size, device=table.device)
    return table[places[:, None] - places + size - 1]


def _bands(length: int, size: int) -> list[tuple[int, int, int]]:
    """How windows of a size cover an axis: the first window, how many, and how many tokens each has."""
    full, rest = divmod(length, size)
    return [band for band in ((0, full, size), (full, 1, rest)) if band[1] and band[2]]
