"""The layers of BERT that three parts of the network are made of: post-norm, with attention to another sequence.

No library's fit: the keys come from sequences of another width, encoders attend to them as well, and there are no token
types. One layer's weights serve two parts with different numbers of heads, so these are arguments of the forward pass.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-12
"""Of every layer norm."""
INNER = 4
"""How many times wider a layer is between its last two products."""

KeysValues = tuple[Tensor, Tensor]
"""Of a sequence that is attended to: two of [N, S, C]."""


class Layers(nn.Module):
    """A list with the checkpoint's name."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layer: Any = nn.ModuleList(layers)


class Embeddings(nn.Module):
    """Words and their positions, normalised."""

    def __init__(self, width: int, positions: int) -> None:
        super().__init__()
        self.position_embeddings = nn.Embedding(positions, width)
        self.LayerNorm = nn.LayerNorm(width, eps=EPS)

    def forward(self, words: Tensor, start: int = 0) -> Tensor:
        """Words [R, L, C], the first of them at position `start`, -> [R, L, C]."""
        embedded: Tensor = self.LayerNorm(words + self.position_embeddings.weight[start : start + words.shape[1]])
        return embedded


class Projections(nn.Module):
    def __init__(self, width: int, source_width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(source_width, width)
        self.value = nn.Linear(source_width, width)


class Residual(nn.Module):
    """A product, added to what came before, normalised."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, width)
        self.LayerNorm = nn.LayerNorm(width, eps=EPS)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        normed: Tensor = self.LayerNorm(self.dense(x) + before)
        return normed


class Attention(nn.Module):
    def __init__(self, width: int, source_width: int) -> None:
        super().__init__()
        self.self = Projections(width, source_width)
        self.output = Residual(width, width)

    def keys_values(self, source: Tensor) -> KeysValues:
        """Of what is attended to, [N, S, C']."""
        return self.self.key(source), self.self.value(source)

    def attend(
        self,
        x: Tensor,
        queries: Tensor,
        keys_values: KeysValues,
        heads: int,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """[N, L, C]: x of that shape with what its queries, of the same shape, find added.

        Args:
            mask: True for the keys that are seen, [N, 1, 1, S].
            causal: A query sees the keys up to its own place alone.
        """
        query, key, value = (t.unflatten(2, (heads, -1)).transpose(1, 2) for t in (queries, *keys_values))
        # Where the published code adds -10,000 to a score, nothing: of either the exponential is 0 in float32.
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
        merged: Tensor = self.output(found.transpose(1, 2).flatten(2), x)
        return merged


class Intermediate(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, INNER * width)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.dense(x))


class CrossLayer(nn.Module):
    """Attention to another sequence, then a wider network: all that a layer of the tagging decoder is.

    Args:
        width: C.
        source_width: Of the other sequence.
    """

    def __init__(self, width: int, source_width: int) -> None:
        super().__init__()
        self.crossattention = Attention(width, source_width)
        self.intermediate = Intermediate(width)
        self.output = Residual(INNER * width, width)

    def cross(self, x: Tensor, source: KeysValues, heads: int, queries: Tensor | None = None) -> Tensor:
        """[N, L, C] -> [N, L, C]; `queries` are those of x, where they are there already."""
        attention = self.crossattention
        x = attention.attend(x, attention.self.query(x) if queries is None else queries, source, heads)
        widened: Tensor = self.output(self.intermediate(x), x)
        return widened


class Layer(CrossLayer):
    """The same after attention to its own sequence."""

    def __init__(self, width: int, source_width: int) -> None:
        super().__init__(width, source_width)
        self.attention = Attention(width, width)

    def forward(
        self,
        x: Tensor,
        own: KeysValues,
        source: KeysValues,
        heads: int,
        *,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """[R, L, C] -> [R, L, C].

        Args:
            own: Of its own sequence by `self.attention`, [R, S, C]; S is L, or more where the places before are known.
            source: Of the other sequence, [N, S', C]. R is a multiple of N: rows of one source lie side by side, and
                its keys and values are not repeated for each.
            mask: As `Attention.attend` takes it, for the own sequence; `causal` too.
        """
        x = self.attention.attend(x, self.attention.self.query(x), own, heads, mask, causal)
        # To a source each place looks by itself, so the rows of one are as good as one longer row.
        rows = x.reshape(len(source[0]), -1, x.shape[2])  # [N, R / N * L, C]
        return self.cross(rows, source, heads).view_as(x)
