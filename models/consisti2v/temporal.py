"""The temporal layers (Appendix A.1) and window-based temporal feature conditioning (Section 3.4, equation 4).

Two layers follow their spatial counterparts: a convolution over time after each ResNet block, and a transformer over
time after each spatial transformer. A learnable gate mixes each in (equation 8).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.models.consisti2v.positions import PositionKind, Positions, make_positions
from i2vbench.models.consisti2v.transformer import (
    Attention,
    Grid,
    ProjectedText,
    TextAttention,
    Transformer,
    TransformerBlock,
)

GROUPS = 32  # of the temporal convolutions' normalisation as published, whatever that of the others

# Widths of tensors that the published checkpoint stores and never reads.
TIME_CHANNELS = 512
BIAS_BUCKETS = 32


class Gate:
    """Mixin: z_out = gamma z_spatial + (1 - gamma) z_temporal, gamma in [0, 1] and 1 at initialisation (equation 8).

    The published code clamps the parameter in place at every forward pass. Here a forward changes nothing: it uses
    the clamped value and lets the gradient through, and training clamps after each step (`clamp`), which comes to
    the same.
    """

    alpha: nn.Parameter  # [1]; the checkpoint's name of gamma

    def mix(self, spatial: Tensor, temporal: Tensor) -> Tensor:
        gamma = self.alpha + (self.alpha.clamp(0, 1) - self.alpha).detach()
        return gamma * spatial + (1 - gamma) * temporal

    @torch.no_grad()
    def clamp(self) -> None:
        """Bring the parameter back into [0, 1]; called after an optimiser's step."""
        self.alpha.clamp_(0, 1)


class TemporalConvolution(nn.Module, Gate):
    """A residual block of two convolutions over three frames, mixed in by a gate.

    The paper lets it share its spatial counterpart's architecture. The published one has no time embedding, though
    the checkpoint stores a projection for it, and normalises each frame by itself with eps 1e-6.

    Args:
        channels: C.
        groups: Of its normalisation.
    """

    def __init__(self, channels: int, groups: int = GROUPS) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1))
        self.norm1 = nn.GroupNorm(groups, channels, eps=1e-6)
        self.conv1 = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))
        self.time_emb_proj = nn.Linear(TIME_CHANNELS, channels).requires_grad_(False)  # stored, never used
        self.norm2 = nn.GroupNorm(groups, channels, eps=1e-6)
        self.conv2 = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, hidden: Tensor, num_frames: int) -> Tensor:
        """[b f, C, h, w] -> [b f, C, h, w]."""
        change = self.conv1(_to_video(F.silu(self.norm1(hidden)), num_frames))  # [b, C, f, h, w]
        change = self.conv2(_to_video(F.silu(self.norm2(_to_frames(change))), num_frames))  # [b, C, f, h, w]
        return self.mix(hidden, hidden + _to_frames(change))


class TimeAttention(Attention):
    """Attention over time: projections, and the positions of frames.

    Args:
        channels: C.
        heads: Number of heads.
        positions: How frames are told apart.
        context_channels: As in `Attention`.
    """

    def __init__(self, channels: int, heads: int, positions: PositionKind, context_channels: int | None = None) -> None:
        super().__init__(channels, heads, context_channels)
        embedding = make_positions(positions, channels, heads)
        self._positions = embedding.name
        self.add_module(embedding.name, embedding)
        if positions == "rotary":
            bias = nn.Embedding(BIAS_BUCKETS, heads).requires_grad_(False)  # stored, never used
            self.rotary_bias = nn.ModuleDict({"relative_attention_bias": bias})

    @property
    def positions(self) -> Positions:
        return getattr(self, self._positions)


class TemporalSelfAttention(TimeAttention):
    """Self-attention of a pixel over its frames, extended by a window of the first frame around it (equation 4).

    The window's centre is the pixel's own first-frame token, and both stand at position 0, so the K x K window takes
    that token's place among the keys: f - 1 + K x K of them. Keys and values are projected once a token; the published
    code projects every neighbour again, up to eight times each (0.05 TFLOPs, Table 3's "T.Cond." overhead).

    Args:
        channels: C.
        heads: Number of heads.
        positions: How frames are told apart.
        window: K, odd; 1 sees no neighbours.
    """

    def __init__(self, channels: int, heads: int, positions: PositionKind, window: int) -> None:
        super().__init__(channels, heads, positions)
        self.window = window

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """[b f, hw, C] -> [b f, hw, C]."""
        placed = self.positions.place(tokens.unflatten(0, (-1, grid.num_frames)))  # [b, f, hw, C]
        queries = self.positions.turn(self.to_q(placed))
        keys, values = self.positions.turn(self.to_k(placed)), self.to_v(placed)
        if self.window > 1:
            keys, values = (extend_by_window(x, grid, self.window) for x in (keys, values))  # [b, f-1+KK, hw, C]
        attended = self.attend(*(self.split(_per_pixel(x)) for x in (queries, keys, values)))  # [b hw, f, C]
        frames = attended.unflatten(0, (-1, grid.height * grid.width)).transpose(1, 2)  # [b, f, hw, C]
        return self.to_out[0](frames).flatten(0, 1)


class TemporalTextAttention(TimeAttention, TextAttention):
    """Attention to the text; queries know their frame, text keys do not."""

    def forward(self, tokens: Tensor, text: ProjectedText, grid: Grid) -> Tensor:
        """[b f, hw, C] -> [b f, hw, C]."""
        placed = self.positions.place(tokens.unflatten(0, (-1, grid.num_frames)))  # [b, f, hw, C]
        queries = self.positions.turn(self.to_q(placed))
        keys, values = text[self.index]
        if keys.shape[2] == grid.num_frames:
            # The published code takes a text of exactly f tokens for frames. Its 77 tokens never are.
            joined = keys.transpose(1, 2).flatten(2)[:, :, None]  # [b, L, 1, C]
            keys = self.split(self.positions.turn(joined)[:, :, 0])  # [b, heads, L, d]
        return self.attend_text(queries, keys, values).flatten(0, 1)


class TemporalTransformer(Transformer, Gate):
    """A transformer over time, mixed in by a gate."""

    def __init__(self, channels: int, block: TransformerBlock, groups: int) -> None:
        super().__init__(channels, block, groups)
        self.alpha = nn.Parameter(torch.ones(1))

    def forward(self, hidden: Tensor, text: ProjectedText, num_frames: int) -> Tensor:
        """[b f, C, h, w] -> [b f, C, h, w]."""
        return self.mix(hidden, super().forward(hidden, text, num_frames))


def temporal_transformer(
    channels: int, heads: int, text_channels: int, window: int, positions: PositionKind, groups: int = 32
) -> TemporalTransformer:
    """The U-Net's temporal transformer; window 1 is the ablation without temporal conditioning."""
    attn1 = TemporalSelfAttention(channels, heads, positions, window)
    attn2 = TemporalTextAttention(channels, heads, positions, text_channels)
    return TemporalTransformer(channels, TransformerBlock(channels, attn1, attn2), groups)


def extend_by_window(x: Tensor, grid: Grid, window: int) -> Tensor:
    """Frames 2 .. f of each pixel, and the first frame's window around it: [b, f, hw, C] -> [b, f-1+KK, hw, C].

    Borders are replicated. The window's rows come in order, its centre included.
    """
    first = x[:, 0].unflatten(1, (grid.height, grid.width))  # [b, h, w, C]
    radius = window // 2
    # Slices, not torch's replication padding, whose gradient on a GPU depends on the order of its threads.
    first = torch.cat((*[first[:, :1]] * radius, first, *[first[:, -1:]] * radius), dim=1)
    first = torch.cat((*[first[:, :, :1]] * radius, first, *[first[:, :, -1:]] * radius), dim=2)
    neighbours = [
        first[:, row : row + grid.height, column : column + grid.width].flatten(1, 2)[:, None]  # [b, 1, hw, C]
        for row in range(window)
        for column in range(window)
    ]
    return torch.cat((x[:, 1:], *neighbours), dim=1)


def _per_pixel(x: Tensor) -> Tensor:
    """[b, f, hw, C] -> [b hw, f, C]."""
    return x.transpose(1, 2).flatten(0, 1)


def _to_video(frames: Tensor, num_frames: int) -> Tensor:
    """[b f, C, h, w] -> [b, C, f, h, w]."""
    return frames.unflatten(0, (-1, num_frames)).transpose(1, 2)


def _to_frames(video: Tensor) -> Tensor:
    """[b, C, f, h, w] -> [b f, C, h, w]."""
    return video.transpose(1, 2).flatten(0, 1)
