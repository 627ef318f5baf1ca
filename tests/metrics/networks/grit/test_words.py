"""GRiT writes what the published search writes."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from i2vbench.metrics.networks.grit import CAPTIONS, OBJECTS, words
from i2vbench.metrics.networks.grit.words import FORBIDDEN, TextDecoder, Written
from i2vbench.metrics.networks.wordpiece import SEP
from tests.metrics.networks.grit.small import SMALL, drawn, network


class TestWords:
    features = drawn(7, 196, SMALL.channels, seed=3)

    def test_word_by_word_is_the_whole_at_once(self) -> None:
        tokens = torch.randint(200, SMALL.vocabulary, (7, 6), generator=torch.Generator().manual_seed(0))
        decoder = network().text
        memory = decoder.remember(self.features, 6)
        by_step = torch.stack([decoder.step(memory, column) for column in tokens.unbind(1)], dim=1)
        torch.testing.assert_close(by_step, whole_logits(decoder, self.features, tokens), rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("copied_from", [1, 4, 10**9])
    @pytest.mark.parametrize("beams", [1, 2, 3])
    def test_the_search_is_the_published_one(
        self, beams: int, copied_from: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(words, "COPIED_FROM", copied_from)
        written = network().text.search(self.features, OBJECTS, beams, 12)
        expected = published_search(network().text, self.features, OBJECTS, beams, 12)
        assert torch.equal(written.tokens, expected.tokens)
        torch.testing.assert_close(written.log_probabilities, expected.log_probabilities, rtol=1e-4, atol=1e-4)
        lengths = (written.tokens != SEP).sum(dim=2)
        assert lengths.min() < lengths.max() - 2, "texts end at different places"

    @pytest.mark.parametrize("beams", [1, 3])
    def test_no_text_depends_on_another(self, beams: int) -> None:
        together = network().text.search(self.features, CAPTIONS, beams, 12)
        for row, features in enumerate(self.features):
            alone = network().text.search(features[None], CAPTIONS, beams, 12)
            length = alone.tokens.shape[2]
            assert torch.equal(together.tokens[row, :, :length], alone.tokens[0])
            assert bool((together.tokens[row, :, length:] == SEP).all())
            torch.testing.assert_close(together.log_probabilities[row], alone.log_probabilities[0])

    def test_no_word_is_written_twice_in_a_row(self) -> None:
        tokens = network().text.search(self.features, OBJECTS).tokens[..., 1:]
        assert not bool(((tokens[..., 1:] == tokens[..., :-1]) & (tokens[..., 1:] != SEP)).any())
        assert tokens.shape[2] < 40


def whole_logits(decoder: TextDecoder, features: Tensor, tokens: Tensor) -> Tensor:
    """Of what follows each token [R, L], without anything kept: [R, L, vocabulary]."""
    seen, length = features.shape[1], tokens.shape[1]
    embedded = decoder.embedding["words"](tokens) + decoder.embedding["positions"].weight[:length]
    x = torch.cat((decoder.object_feature_projection(features), decoder.embedding["layer_norm"](embedded)), dim=1)
    hidden = torch.zeros(seen + length, seen + length)
    hidden[:, seen:] = torch.full((seen + length, length), -math.inf)
    hidden[seen:, seen:] = torch.full((length, length), -math.inf).triu(1)
    for layer in decoder._layers:
        own, split = layer.attention["self"], (layer.heads, x.shape[2] // layer.heads)
        query, key, value = (own[name](x).unflatten(2, split).transpose(1, 2) for name in ("query", "key", "value"))
        shares = (query @ key.mT / math.sqrt(split[1]) + hidden).softmax(-1)
        mixed = layer.attention["output"]["dense"]((shares @ value).transpose(1, 2).flatten(2))
        x = layer.attention["output"]["LayerNorm"](mixed + x)
        wide = layer.output["dense"](F.gelu(layer.intermediate["dense"](x)))
        x = layer.output["LayerNorm"](wide + x)
    logits: Tensor = decoder.output(x[:, seen:])
    return logits


def published_search(decoder: TextDecoder, features: Tensor, begin: int, beams: int, most_tokens: int) -> Written:
    """Every text and beam by itself, with nothing kept; the first words of a text are its beams' beginnings."""
    texts, means = [], []
    for one in features:
        first = whole_logits(decoder, one[None], torch.tensor([[begin]]))[0, -1].log_softmax(0)
        tree = [([begin, int(word)], float(first[word])) for word in first.topk(beams).indices]
        while len(tree[0][0]) < most_tokens:
            grown = []
            for tokens, total in tree:
                if tokens[-1] == SEP:
                    grown.append(([*tokens, SEP], total))
                    continue
                logits = whole_logits(decoder, one[None], torch.tensor([tokens]))[0, -1]
                if len(tokens) > 1:
                    logits[tokens[-1]] = FORBIDDEN
                word = int(logits.argmax())
                grown.append(([*tokens, word], total + float(logits.log_softmax(0)[word])))
            tree = sorted(grown, key=lambda item: -item[1])
        texts.append([tokens for tokens, _ in tree])
        means.append([total / max(1, sum(t != SEP for t in ids) + (SEP in ids) - 1) for ids, total in tree])
    written = torch.tensor(texts)
    ended = (written == SEP).flatten(0, 1).all(dim=0)
    length = int((~ended).sum()) + (1 if ended.any() else 0)
    return Written(written[:, :, :length], torch.tensor(means))
