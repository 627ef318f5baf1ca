"""From an image's tokens to tags, and from tags to the states that a caption is written from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from i2vbench.metrics.networks import wordpiece
from i2vbench.metrics.networks.layers import in_float32
from i2vbench.metrics.networks.tag2text.bert import CrossLayer, Embeddings, Layer, Layers
from i2vbench.metrics.networks.tag2text.sizes import PUBLISHED, Sizes

THRESHOLD = 0.7
"""Of the probability that a tag applies. The original repository has since gone to 0.68 for most."""

REMOVED = (127, 3351, 3265, 3338, 3355, 3359)
"""Never detected: quarter, two, three, four, five, one. The original repository has since added 2961, back."""

BETWEEN = " | "

NUM_PIECES = 40
"""Pieces of the tags' text that are encoded: shorter ones are filled up, longer ones cut, also within a word."""


class TaggingDecoder(nn.Module):
    """One query a tag, each of which looks at the image alone; the layers are the image-tag encoder's first."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self._heads = sizes.tagging_heads
        self.encoder = Layers(*(CrossLayer(sizes.width, sizes.image_width) for _ in range(sizes.tagging_layers)))

    @in_float32
    def asked(self, queries: Tensor) -> Tensor:
        """What the first layer asks of an image, the same of each: queries [tags, C] -> [1, tags, C]."""
        asked: Tensor = self.encoder.layer[0].crossattention.self.query(queries[None])
        return asked

    @in_float32
    def forward(self, queries: Tensor, asked: Tensor, image: Tensor) -> Tensor:
        """[N, tags, C]: what queries [tags, C], and what they ask first, find in images with tokens [N, 145, 1024]."""
        x = queries.expand(len(image), -1, -1)
        known: Tensor | None = asked.expand(len(image), -1, -1)
        for layer in self.encoder.layer:
            x, known = layer.cross(x, layer.crossattention.keys_values(image), self._heads, known), None
        return x


class Scores(nn.Module):
    """A linear map of its own for each tag."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.empty(1, sizes.tags, sizes.width))
        self.b = nn.Parameter(torch.empty(1, sizes.tags))

    @in_float32
    def forward(self, x: Tensor) -> Tensor:
        """[N, tags, C] -> logits [N, tags]."""
        return torch.einsum("ntc,tc->nt", x, self.W[0]) + self.b


def detected(logits: Tensor) -> list[list[int]]:
    """The tags of each image, in the order of their indices: logits [N, tags]."""
    kept = (logits.sigmoid() > THRESHOLD).cpu()
    kept[:, [index for index in REMOVED if index < logits.shape[1]]] = False
    return [row.nonzero().flatten().tolist() for row in kept]


def tag_pieces(texts: Sequence[str], sizes: Sizes = PUBLISHED) -> tuple[Tensor, Tensor]:
    """Word pieces of texts of tags; the tags stand between " | ", and a text without tags is ''.

    Returns:
        Ids, int64 [N, 40], and True for those that are not filled up, bool [N, 40].
    """
    ids = torch.full((len(texts), NUM_PIECES), wordpiece.PAD)
    mask = torch.zeros_like(ids, dtype=torch.bool)
    for row, text in enumerate(texts):
        _, *pieces, end = wordpiece.encode(text, sizes.pieces)
        written = [sizes.encode_id, *pieces[: NUM_PIECES - 2], end]
        ids[row, : len(written)] = torch.tensor(written)
        mask[row, : len(written)] = True
    return ids, mask


class WordEmbeddings(Embeddings):
    """With a table of words that is no other part's."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes.width, sizes.positions)
        self.word_embeddings = nn.Embedding(sizes.vocabulary, sizes.width)


class TagEncoder(nn.Module):
    """The tags' text, beside the image that they were found in."""

    def __init__(self, sizes: Sizes, decoder: TaggingDecoder) -> None:
        super().__init__()
        self._heads = sizes.heads
        self.embeddings = WordEmbeddings(sizes)
        self.encoder = Layers(*(Layer(sizes.width, sizes.image_width) for _ in range(sizes.layers)))
        for own, other in zip(self.encoder.layer, decoder.encoder.layer, strict=False):
            own.crossattention, own.intermediate, own.output = other.crossattention, other.intermediate, other.output

    @in_float32
    def forward(self, ids: Tensor, mask: Tensor, image: Tensor) -> Tensor:
        """States of `tag_pieces` [N, L] in images with tokens [N, 145, 1024]: [N, L, C]."""
        x = self.embeddings(self.embeddings.word_embeddings(ids))  # [N, L, C]
        for layer in self.encoder.layer:
            own = layer.attention.keys_values(x)
            source = layer.crossattention.keys_values(image)
            x = layer(x, own, source, self._heads, mask=mask[:, None, None])
        result: Tensor = x
        return result
