"""Positions in time of the temporal attention layers (Appendix A.1, "Positional Embeddings").

The paper describes ordinary rotary embeddings. The published checkpoint was trained with another arrangement, which
`RotaryEmbedding` follows; the paper's is `PerHeadRotaryEmbedding`, for models trained anew.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

PositionKind = Literal["rotary", "sinusoidal", "rotary-per-head"]

BASE = 10000.0


class Positions(nn.Module):
    """How a temporal attention layer tells frames apart: by what it adds to tokens, or does to queries and keys.

    Attributes:
        name: What the checkpoint calls it.
    """

    name: str

    def place(self, tokens: Tensor) -> Tensor:
        """Tokens [b, f, n, C] before they are projected; as they are unless a subclass adds something."""
        return tokens

    def turn(self, x: Tensor) -> Tensor:
        """Queries or keys [b, f, n, C] after they are projected; as they are unless a subclass rotates them."""
        return x


class RotaryEmbedding(Positions):
    """Rotates the first half of the channels, before they are split into heads, by position times frequency.

    Half of the heads therefore carry no position. The frequencies are parameters: the published training updates
    them, so they are read from the checkpoint and never computed.

    Args:
        channels: C, the width of queries and keys over all heads.
    """

    name = "rotary_emb"

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.freqs = nn.Parameter(_frequencies(channels // 2))  # [C/4]

    def turn(self, x: Tensor) -> Tensor:
        """Rotate queries or keys [b, f, n, C] by their frame's position 0 .. f-1."""
        # Angles are rounded to the tensor's own type before their sine is taken, as in training.
        angles = self.angles(x.shape[1]).to(x.dtype)  # [f, R/2]
        rotated = 2 * angles.shape[-1]
        cos, sin = angles.cos()[:, None], angles.sin()[:, None]  # [f, 1, R/2]
        even, odd = x[..., :rotated].unflatten(-1, (-1, 2)).unbind(-1)  # [b, f, n, R/2] each
        turned = torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1).flatten(-2)  # [b, f, n, R]
        return torch.cat((turned, x[..., rotated:]), dim=-1)

    def angles(self, num_frames: int) -> Tensor:
        """[f, R/2], where R channels are rotated."""
        positions = torch.arange(num_frames, device=self.freqs.device, dtype=self.freqs.dtype)
        return positions[:, None] * self.freqs


class PerHeadRotaryEmbedding(RotaryEmbedding):
    """The paper's: every channel of every head is rotated (Su et al., 2024). No published checkpoint has it.

    Args:
        channels: C, the width of queries and keys over all heads.
        heads: Number of heads.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__(channels)
        self.heads = heads
        self.freqs = nn.Parameter(_frequencies(channels // heads))  # [d/2]

    def angles(self, num_frames: int) -> Tensor:
        return super().angles(num_frames).repeat(1, self.heads)  # [f, C/2]


class SinusoidalEmbedding(Positions):
    """The published code's `sinusoidal` variant: a vector per frame, added before the projections.

    Args:
        channels: C.
    """

    name = "pos_enc"

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.dummy = nn.Parameter(torch.zeros(1), requires_grad=False)  # in the checkpoint, and never read

    def place(self, tokens: Tensor) -> Tensor:
        """Add to each token the vector of its frame: (sin, cos) interleaved of position / 10000^(i/C)."""
        pairs = torch.arange(self.channels // 2, device=tokens.device, dtype=torch.float32)
        positions = torch.arange(tokens.shape[1], device=tokens.device, dtype=torch.float32)
        angles = positions[:, None] / BASE ** (pairs / self.channels)  # [f, C/2]
        table = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)  # [f, C]
        return tokens + table[:, None].to(tokens.dtype)


def make_positions(kind: PositionKind, channels: int, heads: int) -> Positions:
    """The embedding that `temp_pos_embedding` of the U-Net's configuration names.

    Raises:
        ValueError: For another name.
    """
    if kind == "rotary":
        return RotaryEmbedding(channels)
    if kind == "rotary-per-head":
        return PerHeadRotaryEmbedding(channels, heads)
    if kind == "sinusoidal":
        return SinusoidalEmbedding(channels)
    raise ValueError(f"temp_pos_embedding '{kind}': expected one of {', '.join(get_args(PositionKind))}")


def _frequencies(width: int) -> Tensor:
    """[width/2]: 10000^(-2i/width)."""
    pairs = torch.arange(0, width, 2, dtype=torch.float32)
    return BASE ** (-pairs / width)
