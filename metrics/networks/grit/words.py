"""GRiT's text decoder: BERT's layers over the features of a box and the words written for it so far.

A box's 196 features see each other and no word; a word sees them and the words before it. So what the features are in
each layer does not change while words are added, and is kept as keys and values: writing is exact, word by word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.metrics.networks.grit.sizes import Sizes
from i2vbench.metrics.networks.wordpiece import SEP

MOST_TOKENS = 40
"""Of a description, with the token it begins with."""
FEATURES_AT_ONCE = 8
"""Boxes whose features go through the layers together on a CPU. 64 take 8 % longer: the widest tensor is then over
32 MiB, from where on glibc's allocator returns memory to the system each time. On a GPU all do."""
COPIED_FROM = 4
"""Unfinished texts are copied together once they are a quarter. At a half the copy costs more than the next step saves,
and most names are of two or three words."""
FORBIDDEN = -10000.0
"""The logit of the token before, which is not to be repeated; the others' probabilities are of what is left."""
EMBEDDING_EPS = 1e-8
LAYER_EPS = 1e-12


class Written(NamedTuple):
    """What was written for R boxes.

    Attributes:
        tokens: int64 [R, beams, L]: the first token, the words, and as many `SEP` as fill it up.
        log_probabilities: float32 [R, beams]: means over the words, of which the first `SEP` is one.
    """

    tokens: Tensor
    log_probabilities: Tensor


@dataclass(slots=True)
class Memory:
    """Keys and values of R texts.

    Attributes:
        keys: Of each layer [R, heads, M, D]: of a box's features, then of words, then room for more.
        values: As keys.
        features: How many of them are a box's.
        words: How many are words.
    """

    keys: list[Tensor]
    values: list[Tensor]
    features: int
    words: int = 0

    def take(self, rows: Tensor) -> Memory:
        """These texts, in this order; one may come several times."""
        return Memory([x[rows] for x in self.keys], [x[rows] for x in self.values], self.features, self.words)


class TextDecoder(nn.Module):
    """The modules bear the names of the published checkpoint, below `roi_heads.text_decoder.textual`."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.text_width
        self.object_feature_projection = nn.Sequential(nn.Linear(sizes.channels, width), nn.LayerNorm(width))
        self.embedding: Any = nn.ModuleDict(
            {
                "words": nn.Embedding(sizes.vocabulary, width),
                "positions": nn.Embedding(sizes.text_positions, width),
                "layer_norm": nn.LayerNorm(width, eps=EMBEDDING_EPS),
            }
        )
        layers: Any = nn.ModuleList(Layer(width, sizes.text_heads) for _ in range(sizes.text_depth))
        self.transformer = nn.ModuleDict({"encoder": nn.ModuleDict({"layer": layers})})
        self._layers: tuple[Layer, ...] = tuple(layers)  # a tuple is no second name for its modules
        self.output = nn.Linear(width, sizes.vocabulary)

    def tie(self) -> None:
        """Make the output's weight the embedding of words too: they are one tensor under two names."""
        self.embedding["words"].weight = self.output.weight

    def search(self, features: Tensor, begin: int, beams: int = 1, most_tokens: int = MOST_TOKENS) -> Written:
        """Write a description of each box, greedily or with several beams.

        The beams begin with the best first words; each then goes on with its own best word, and they change places as
        their sums do. So no row depends on another: where the published search, which writes for one frame at once,
        gives up because the best first token of every box is `SEP`, this one writes the same nothing.

        Args:
            features: [R, 196, channels], row by row of a box.
            begin: The first token, which tells the task.
            beams: How many descriptions of each box.
            most_tokens: Of each, `begin` included.
        """
        memory = self.remember(features, most_tokens)
        start = torch.full((len(features),), begin, device=features.device)
        sums, best = self.step(memory, start).log_softmax(dim=1).topk(beams)  # [R, beams]
        tokens = torch.full((len(features), beams, most_tokens), SEP, device=features.device)
        tokens[:, :, 0], tokens[:, :, 1] = begin, best
        unfinished = torch.arange(len(features), device=features.device)  # of which `memory` is
        if beams > 1:
            memory = memory.take(unfinished.repeat_interleave(beams))
        length = 2
        while length < most_tokens:
            going = (tokens[unfinished, :, length - 1] != SEP).any(dim=1)
            count = int(going.sum())  # a GPU is waited for here, once a word
            if not count:
                break
            if COPIED_FROM * count <= len(going):
                unfinished = unfinished[going]
                memory = memory.take(going.repeat_interleave(beams).nonzero()[:, 0])
            written = tokens[unfinished, :, :length]  # [r, beams, length]
            word, log_probability = self._next(memory, written[:, :, -1])
            total = sums[unfinished] + log_probability
            if beams > 1:
                total, order = total.sort(dim=1, descending=True, stable=True)
                written, word = written.gather(1, order[..., None].expand_as(written)), word.gather(1, order)
                memory = memory.take((torch.arange(len(order), device=order.device)[:, None] * beams + order).flatten())
            tokens[unfinished, :, :length], tokens[unfinished, :, length] = written, word
            sums[unfinished] = total
            length += 1
        tokens = tokens[:, :, :length]
        ends = (tokens == SEP).sum(dim=2)
        generated = length - ends + ends.clamp(max=1) - 1
        return Written(tokens, sums / generated.clamp(min=1))

    def _next(self, memory: Memory, last: Tensor) -> tuple[Tensor, Tensor]:
        """The best token after each of [r, beams], and its log probability; after `SEP` comes `SEP`, with certainty."""
        logits = self.step(memory, last.flatten())
        logits.scatter_(1, last.flatten()[:, None], FORBIDDEN)
        best, word = logits.max(dim=1)
        log_probability = (best - logits.logsumexp(dim=1)).view_as(last)
        ended = last == SEP
        return word.view_as(last).masked_fill(ended, SEP), log_probability.masked_fill(ended, 0)

    def remember(self, features: Tensor, room: int) -> Memory:
        """Keys and values of boxes' features [R, 196, channels], with room for so many words."""
        rows, count = features.shape[:2]
        layers = self._layers
        shape = rows, layers[0].heads, count + room, self.output.in_features // layers[0].heads
        keys, values = ([features.new_empty(shape) for _ in layers] for _ in range(2))
        memory = Memory(keys, values, count)
        at_once = FEATURES_AT_ONCE if features.device.type == "cpu" else rows
        for start in range(0, rows, at_once):
            some = slice(start, start + at_once)
            x = self.object_feature_projection(features[some])  # [r, 196, C]
            for layer, key, value in zip(layers, keys, values, strict=True):
                key[some, :, :count], value[some, :, :count] = layer.keys_and_values(x)
                if layer is not layers[-1]:  # nothing of the features is wanted after it
                    x = layer(x, key[some, :, :count], value[some, :, :count])
        return memory

    def step(self, memory: Memory, tokens: Tensor) -> Tensor:
        """The logits [R, vocabulary] of what follows one more token [R] of each text, which is remembered."""
        words, positions = self.embedding["words"], self.embedding["positions"]
        x = self.embedding["layer_norm"](words(tokens) + positions.weight[memory.words])[:, None]  # [R, 1, C]
        place = memory.features + memory.words
        for layer, keys, values in zip(self._layers, memory.keys, memory.values, strict=True):
            keys[:, :, place : place + 1], values[:, :, place : place + 1] = layer.keys_and_values(x)
            x = layer(x, keys[:, :, : place + 1], values[:, :, : place + 1])
        memory.words += 1
        logits: Tensor = self.output(x[:, 0])
        return logits


class Layer(nn.Module):
    """BERT's: attention and a wider network, each added to its input and normalised."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        own = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.attention: Any = nn.ModuleDict({"self": own, "output": _added(width, width)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, 4 * width)})
        self.output = _added(4 * width, width)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """[R, L, C] -> [R, L, C], where each of L looks at all keys and values [R, heads, M, D]."""
        query = self._split(self.attention["self"]["query"](x))
        seen = F.scaled_dot_product_attention(query, keys, values).transpose(1, 2).flatten(2)
        x = _add(self.attention["output"], seen, x)
        return _add(self.output, F.gelu(self.intermediate["dense"](x)), x)

    def keys_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[R, L, C] -> [R, heads, L, D] each."""
        own = self.attention["self"]
        return self._split(own["key"](x)), self._split(own["value"](x))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def _added(inputs: int, width: int) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(inputs, width), "LayerNorm": nn.LayerNorm(width, eps=LAYER_EPS)})


def _add(parts: nn.ModuleDict, x: Tensor, to: Tensor) -> Tensor:
    result: Tensor = parts["LayerNorm"](parts["dense"](x).add_(to))
    return result
