"""The caption decoder: a text transformer that goes on with the prompt, seeing an image through its tags' states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2vbench.metrics.networks import wordpiece
from i2vbench.metrics.networks.layers import in_float32
from i2vbench.metrics.networks.tag2text.bert import EPS, Embeddings, KeysValues, Layer, Layers
from i2vbench.metrics.networks.tag2text.search import Hypothesis, Rules, beam_search
from i2vbench.metrics.networks.tag2text.sizes import PUBLISHED, Sizes
from i2vbench.transfer import put

PROMPT = "a picture of "

RULES = Rules(end=wordpiece.SEP)


def prompt_ids(sizes: Sizes = PUBLISHED) -> list[int]:
    """[DEC] and the prompt's pieces, without the end."""
    return [sizes.decode_id, *wordpiece.encode(PROMPT, sizes.pieces)[1:-1]]


def text_of(ids: Iterable[int], sizes: Sizes = PUBLISHED) -> str:
    """What was said after the prompt, of which as many characters as it has are cut off."""
    return wordpiece.decode(ids, sizes.pieces)[len(PROMPT) :]


@dataclass(slots=True)
class Memory:
    """What need not be computed again.

    Attributes:
        source: By layer, of the states, [N, 40, C]: all beams of an image have one.
        own: By layer, of the R sequences so far, [R, L, C]; empty before the first.
    """

    source: list[KeysValues]
    own: list[KeysValues]

    @property
    def length(self) -> int:
        """L: places that are known."""
        return self.own[0][0].shape[1] if self.own else 0

    def keep(self, rows: list[int], beams: int) -> None:
        """Of the sequences these, in this order; of the images those that they are about, `beams` of each."""
        images = [row // beams for row in rows[::beams]]
        self.own = _select(self.own, rows)
        if len(images) < len(self.source[0][0]):
            self.source = _select(self.source, images)


def _select(layers: list[KeysValues], rows: list[int]) -> list[KeysValues]:
    index = put(torch.tensor(rows), layers[0][0].device)
    return [(keys.index_select(0, index), values.index_select(0, index)) for keys, values in layers]


class CaptionDecoder(nn.Module):
    """BERT's layers, and a linear map to words that is their table as well, under its later name `decoder`."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self._heads = sizes.heads
        layers = (Layer(sizes.width, sizes.width) for _ in range(sizes.layers))
        self.bert: Any = nn.ModuleDict(
            {"embeddings": Embeddings(sizes.width, sizes.positions), "encoder": Layers(*layers)}
        )
        self.cls: Any = nn.ModuleDict({"predictions": Predictions(sizes)})

    @in_float32
    def forward(self, ids: Tensor, states: Tensor) -> Tensor:
        """Logits [R, L, V] of what follows each place of sequences [R, L], R / N of them to each of N states."""
        logits: Tensor = self.cls.predictions(self._read(ids, Memory(self._sources(states), [])))
        return logits

    @in_float32
    def search(self, states: Tensor, prompt: Sequence[int], rules: Rules = RULES) -> list[Hypothesis | None]:
        """The best caption of each image by its tags' states [N, 40, C]; None where a logit is not finite.

        Every place of the states is seen, also where the tags' text was filled up: the published code masks none.
        """
        memory = Memory(self._sources(states), [])
        start = put(torch.tensor([list(prompt)] * len(states)), states.device)
        logits = self.cls.predictions(self._read(start, memory)[:, -1:])  # [N, 1, V]
        memory.own = [(k.repeat_interleave(rules.beams, 0), v.repeat_interleave(rules.beams, 0)) for k, v in memory.own]

        def follow(rows: list[int], tokens: Tensor) -> Tensor:
            memory.keep(rows, rules.beams)
            last: Tensor = self.cls.predictions(self._read(tokens[:, None], memory))  # [R, 1, V]
            return last.view(-1, rules.beams, last.shape[2])

        return beam_search(logits.expand(-1, rules.beams, -1), follow, prompt, rules)

    def _sources(self, states: Tensor) -> list[KeysValues]:
        return [layer.crossattention.keys_values(states) for layer in self.bert.encoder.layer]

    def _read(self, ids: Tensor, memory: Memory) -> Tensor:
        """Features [R, L, C] of the next L tokens of R sequences, which go into the memory."""
        x = self.bert.embeddings(F.embedding(ids, self.cls.predictions.decoder.weight), memory.length)
        before, memory.own = memory.own, []
        for place, layer in enumerate(self.bert.encoder.layer):
            own = layer.attention.keys_values(x)
            if before:
                own = torch.cat((before[place][0], own[0]), 1), torch.cat((before[place][1], own[1]), 1)
            memory.own.append(own)
            x = layer(x, own, memory.source[place], self._heads, causal=not before)
        result: Tensor = x
        return result


class Predictions(nn.Module):
    """Features to words."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.transform: Any = nn.ModuleDict(
            {"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps=EPS)}
        )
        self.decoder = nn.Linear(width, sizes.vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        """[R, L, C] -> logits [R, L, V]."""
        logits: Tensor = self.decoder(self.transform.LayerNorm(F.gelu(self.transform.dense(x))))
        return logits
