"""Fine-grained spatial feature conditioning (Section 3.3, equation 3)."""

from __future__ import annotations

import torch
from torch import Tensor

from i2vbench.models.consisti2v.transformer import Attention, Grid, TextAttention, Transformer, TransformerBlock


class SpatialSelfAttention(Attention):
    """Self-attention within a frame, whose keys and values are extended by all positions of the first frame.

    The first frame's own keys and values are used a second time instead of being projected again for every frame, as
    the published code does: 0.10 TFLOPs of a forward pass (Table 3's "S.Cond." overhead).

    Args:
        channels: C.
        heads: Number of heads.
        first_frame: Whether to extend; without it every frame sees itself alone.
    """

    def __init__(self, channels: int, heads: int, first_frame: bool) -> None:
        super().__init__(channels, heads)
        self.first_frame = first_frame

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """[b f, n, C] -> [b f, n, C]."""
        queries, keys, values = self.to_q(tokens), self.to_k(tokens), self.to_v(tokens)  # [b f, n, C]
        if self.first_frame:
            keys, values = (extend_by_first_frame(x, grid.num_frames) for x in (keys, values))  # [b f, 2n, C]
        attended = self.attend(self.split(queries), self.split(keys), self.split(values))  # [b f, n, C]
        return self.to_out[0](attended)


def extend_by_first_frame(x: Tensor, num_frames: int) -> Tensor:
    """[z_i, z_1] of equation (3): each frame's tokens and then the first frame's, [b f, n, C] -> [b f, 2n, C].

    The first frame meets its own tokens twice, which leaves its softmax average as it is.
    """
    frames = x.unflatten(0, (-1, num_frames))  # [b, f, n, C]
    first = frames[:, :1].expand_as(frames)
    return torch.cat((frames, first), dim=2).flatten(0, 1)


def spatial_transformer(
    channels: int, heads: int, text_channels: int, first_frame: bool, groups: int = 32
) -> Transformer:
    """The U-Net's spatial transformer: SD 2.1's, with the first frame in its self-attention."""
    attn1 = SpatialSelfAttention(channels, heads, first_frame)
    attn2 = TextAttention(channels, heads, text_channels)
    return Transformer(channels, TransformerBlock(channels, attn1, attn2), groups)
