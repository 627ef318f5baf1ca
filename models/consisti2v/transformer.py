"""What the spatial and the temporal transformers of the U-Net share (Section 3.2).

Both have the layout of Stable Diffusion 2.1's: normalisation, projection in, one block of self-attention, attention to
the text and feed-forward, projection out, and a residual around it all. They differ in their attention alone, which
spatial.py and temporal.py define.

Frames stand in the batch, "b f" with b slowest. Only attention needs to know which frames belong together, so tokens
stay [b f, n, C] everywhere else.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers.models.attention import FeedForward
from torch import Tensor, nn

MOST_ROWS = 65_535
"""Rows of a batch that CUDA's fused attention takes: in time, each pixel of each video and pass is one."""


class Grid(NamedTuple):
    """How the tokens of a batch lie: f frames a video, h x w of them a frame."""

    num_frames: int
    height: int
    width: int


KeysValues = tuple[Tensor, Tensor]
"""Keys and values, [b, heads, L, d] each."""

ProjectedText = tuple[KeysValues, ...]
"""The text's keys and values in every attention layer; they do not change over the sampling steps."""


class Attention(nn.Module):
    """Projections of multi-head attention, equations (1) and (2). No bias but in the output.

    Args:
        channels: C.
        heads: Number of heads; d = C / heads.
        context_channels: Width of what keys and values are projected from; C if not given.
    """

    def __init__(self, channels: int, heads: int, context_channels: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context_channels or channels, channels, bias=False)
        self.to_v = nn.Linear(context_channels or channels, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def split(self, x: Tensor) -> Tensor:
        """[N, L, C] -> [N, heads, L, d]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Softmax(Q K^T / sqrt(d)) V over [N, heads, L, d], heads joined: [N, L, C]."""
        rows = [x.split(MOST_ROWS) for x in (queries, keys, values)]
        parts = [F.scaled_dot_product_attention(q, k, v) for q, k, v in zip(*rows, strict=True)]
        attended = parts[0] if len(parts) == 1 else torch.cat(parts)
        return attended.transpose(1, 2).flatten(2)


class TextAttention(Attention):
    """Attention of every token of a video to its text.

    The text is the same for all frames and pixels, so its keys and values are projected once a video (once a
    sampling run, if the caller keeps them) and the video's tokens are one long row of queries. The published code
    projects them once per frame in the spatial layers and once per pixel in the temporal ones: 0.97 TFLOPs of its
    5.44 in a forward pass of 16 frames of 256 x 256.

    Attributes:
        index: This layer's place in a `ProjectedText`; the U-Net sets it.
    """

    index: int

    def project_text(self, text: Tensor) -> KeysValues:
        """[b, L, D] -> keys and values [b, heads, L, d]."""
        return self.split(self.to_k(text)), self.split(self.to_v(text))

    def forward(self, tokens: Tensor, text: ProjectedText, grid: Grid) -> Tensor:
        """[b f, n, C] -> [b f, n, C]."""
        keys, values = text[self.index]
        return self.attend_text(self.to_q(tokens), keys, values)

    def attend_text(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Queries [b f, n, C] to keys and values [b, heads, L, d]: [b f, n, C]."""
        rows = queries.reshape(keys.shape[0], -1, queries.shape[-1])  # [b, f n, C]
        attended = self.attend(self.split(rows), keys, values)  # [b, f n, C]
        return self.to_out[0](attended.reshape(queries.shape))


class TransformerBlock(nn.Module):
    """Self-attention, attention to the text, feed-forward; a residual around each.

    Args:
        channels: C.
        attn1: Self-attention: (tokens, grid) -> tokens.
        attn2: Attention to the text.
    """

    def __init__(self, channels: int, attn1: nn.Module, attn2: TextAttention) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = attn1
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = attn2
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels, activation_fn="geglu")

    def forward(self, tokens: Tensor, text: ProjectedText, grid: Grid) -> Tensor:
        """[b f, n, C] -> [b f, n, C]."""
        tokens = tokens + self.attn1(self.norm1(tokens), grid)
        tokens = tokens + self.attn2(self.norm2(tokens), text, grid)
        return tokens + self.ff(self.norm3(tokens))


class Transformer(nn.Module):
    """A block between two projections, and a residual around it.

    Args:
        channels: C.
        block: The block.
        groups: Of the normalisation, which sees frames one by one.
    """

    def __init__(self, channels: int, block: TransformerBlock, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList([block])
        self.proj_out = nn.Linear(channels, channels)

    def forward(self, hidden: Tensor, text: ProjectedText, num_frames: int) -> Tensor:
        """[b f, C, h, w] -> [b f, C, h, w]."""
        grid = Grid(num_frames, *hidden.shape[-2:])
        tokens = self.norm(hidden).flatten(2).transpose(1, 2)  # [b f, hw, C]
        tokens = self.transformer_blocks[0](self.proj_in(tokens), text, grid)
        tokens = self.proj_out(tokens)
        return hidden + tokens.transpose(1, 2).unflatten(2, hidden.shape[-2:])
