"""Tag2Text's beam search finds what its description says, on language models that are tables."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from i2vbench.metrics.networks.tag2text.search import Hypothesis, Rules, _Search, beam_search

END = 0
Model = Callable[[int, list[int]], Tensor]
"""Logits [V] of what follows a sequence about an image."""


class Sequences:
    """What `beam_search` asks a model, answered for whole sequences."""

    def __init__(self, images: int, beams: int, prompt: Sequence[int], model: Model) -> None:
        self._beams, self._model = beams, model
        self._rows = [(image, list(prompt)) for image in range(images) for _ in range(beams)]

    def logits(self) -> Tensor:
        rows = torch.stack([self._model(image, ids) for image, ids in self._rows])
        return rows.view(-1, self._beams, rows.shape[1])

    def follow(self, rows: list[int], tokens: Tensor) -> Tensor:
        extended = [(*self._rows[row], token) for row, token in zip(rows, tokens.tolist(), strict=True)]
        self._rows = [(image, [*ids, token]) for image, ids, token in extended]
        return self.logits()


def search(images: int, model: Model, prompt: Sequence[int], rules: Rules) -> list[Hypothesis]:
    sequences = Sequences(images, rules.beams, prompt, model)
    found = beam_search(sequences.logits(), sequences.follow, prompt, rules)
    return [best for best in found if best is not None]


def random_model(seed: int, size: int, scale: float = 1.0) -> Model:
    @functools.cache
    def table(image: int, ids: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(random.Random(f"{seed} {image} {ids}").randrange(2**31))
        logits = torch.randn(size, generator=generator) * scale
        logits[END] += 0.8 * scale
        return logits

    return lambda image, ids: table(image, tuple(ids))


def scripted(probabilities: dict[tuple[int, ...], dict[int, float]], size: int) -> Model:
    """Probabilities by what follows the prompt (9); what is not said shares the rest."""

    def model(image: int, ids: list[int]) -> Tensor:
        said = probabilities.get(tuple(ids[ids.index(9) + 1 :]), {})
        rest = (1 - sum(said.values())) / (size - len(said))
        return torch.tensor([said.get(token, rest) for token in range(size)]).log()

    return model


def by_the_book(model: Callable[[list[int]], Tensor], prompt: list[int], rules: Rules) -> tuple[list[int], float]:
    """The search for one image, written from its description alone, on lists of sequences."""
    width = rules.beams
    beams: list[tuple[np.float32, list[int]]] = [(np.float32(0), prompt)]
    pool: list[tuple[float, list[int]]] = []
    while True:
        length = len(beams[0][1])
        candidates = []
        for total, ids in beams:
            log_probs = model(ids).log_softmax(0).numpy()
            for token, value in enumerate(log_probs):
                if token != END or length >= rules.min_length:
                    candidates.append((np.float32(value + total), ids, token))
        candidates = sorted(candidates, key=lambda candidate: -candidate[0])[: 2 * width]
        beams = []
        for rank, (total, ids, token) in enumerate(candidates):
            if len(beams) == width:
                break
            if token != END:
                beams.append((total, [*ids, token]))
            elif rank < width:
                pool.append((float(total) / len(ids), ids))
        pool = sorted(pool, key=lambda closed: -closed[0])[:width]
        if len(pool) == width and pool[-1][0] >= float(candidates[0][0]) / (length + 1):
            break
        if length + 1 == rules.max_length:
            pool += [(float(total) / len(ids), ids) for total, ids in beams]
            break
    score, ids = max(pool, key=lambda closed: closed[0])
    return ids, score


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    images=st.integers(1, 3),
    size=st.integers(9, 14),  # one beam has more candidates than are looked at
    beams=st.integers(2, 4),
    prompt=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    more=st.integers(1, 8),
    least=st.integers(0, 8),
    scale=st.sampled_from([0.3, 1.0, 2.5]),
)
def test_it_finds_what_its_description_finds(
    seed: int, images: int, size: int, beams: int, prompt: list[int], more: int, least: int, scale: float
) -> None:
    rules, model = Rules(END, beams, least, len(prompt) + more), random_model(seed, size, scale)
    for image, best in enumerate(search(images, model, prompt, rules)):
        ids, score = by_the_book(functools.partial(model, image), prompt, rules)
        assert best.ids == ids
        assert best.score == pytest.approx(score, abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), least=st.integers(0, 6), scale=st.sampled_from([0.3, 1.0, 2.5]))
def test_with_a_beam_for_every_sequence_it_finds_the_best_of_all(seed: int, least: int, scale: float) -> None:
    prompt, rules = [2, 1], Rules(END, 16, least, 5)
    model = random_model(seed, 3, scale)

    def score(said: tuple[int, ...], ends: bool) -> float:
        ids = [*prompt, *said]
        tokens = [*said, END] if ends else list(said)
        steps = [float(model(0, ids[: len(prompt) + i]).log_softmax(0)[token]) for i, token in enumerate(tokens)]
        return sum(steps) / len(ids)

    every = {
        (*prompt, *said): score(said, ends=len(said) < 3)
        for length in range(4)
        for said in itertools.product((1, 2), repeat=length)
        if length == 3 or len(prompt) + length >= least
    }
    [best] = search(1, model, prompt, rules)
    assert best.score == pytest.approx(max(every.values()), abs=1e-5)
    assert every[tuple(best.ids)] == pytest.approx(best.score, abs=1e-5)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_an_image_is_searched_as_if_it_were_alone(seed: int, images: int) -> None:
    model, rules = random_model(seed, 12, 2.0), Rules(END, 3, 4, 12)
    together = search(images, model, [1, 2], rules)
    for image, best in enumerate(together):
        assert [best] == search(1, lambda _, ids, image=image: model(image, ids), [1, 2], rules)  # type: ignore[misc]


@pytest.mark.parametrize(("ranks", "closed"), [((0, 1, 2), 3), ((2,), 1), ((0, 3), 1), ((1, 4), 1), ((3, 4, 5), 0)])
def test_an_end_counts_among_the_first_three_ranks_alone(ranks: tuple[int, ...], closed: int) -> None:
    # Seen from outside, one that is dropped changes no more than when the search ends.
    one = _Search([9], Rules(END, 3, 0, 9))
    rows = [(-1.0 - rank, rank % 3, END if rank in ranks else 1) for rank in range(6)]
    came_from = one.extend(rows)
    assert len(one._closed) == closed
    assert came_from == [row[1] for row in rows if row[2] != END][:3]
    assert one.open == [[9, 1]] * 3


@pytest.mark.parametrize(("best", "done"), [(-3.0, False), (-3.5, False), (-3.7, True)])
def test_it_goes_on_while_one_longer_sequence_could_be_better_than_the_worst(best: float, done: bool) -> None:
    one = _Search([9], Rules(END, 3, 0, 9))
    one.extend([(-1.0, 0, END), (-1.1, 1, END), (-1.2, 2, END), (-1.3, 0, 1), (-1.4, 1, 2), (-1.5, 2, 3)])
    assert not one.done  # -1.2 over one, against -1.0 over two
    one.extend([(best - rank, 0, 1 + rank) for rank in range(6)])
    assert one.done == done  # against the best over three


def test_no_sequence_closes_before_the_least_length_and_all_end_at_the_largest() -> None:
    def eager(image: int, ids: list[int]) -> Tensor:
        return torch.tensor([9.0, 1.0, 0.5, 0.0, -1.0, -2.0, -3.0])

    def shy(image: int, ids: list[int]) -> Tensor:
        return torch.tensor([-30.0, 1.0, 0.5, 0.0, -1.0, -2.0, -3.0])

    prompt = [2, 3, 4, 5]
    assert len(search(1, eager, prompt, Rules(END))[0].ids) == 10
    assert len(search(1, shy, prompt, Rules(END))[0].ids) == 30
    assert len(search(1, eager, prompt, Rules(END, min_length=0))[0].ids) == 4


@pytest.mark.parametrize(("prompt", "expected"), [([9], [1, 1]), ([8] * 7 + [9], [])])
def test_a_score_is_over_the_length_with_the_prompt(prompt: list[int], expected: list[int]) -> None:
    # Ending at once costs log 0.2; three steps cost log 0.09. Over 1 and 3 ids the longer is better, over 8 and 10 not.
    steps = {(): {END: 0.2, 1: 0.45}, (1,): {1: 0.45}, (1, 1): {END: 0.45}}
    model = scripted(steps, 4000)
    [found] = search(1, model, prompt, Rules(END, 3, 0, len(prompt) + 3))
    assert found.ids == prompt + expected
    total = math.log(0.45**3) if expected else math.log(0.2)
    assert found.score == pytest.approx(total / len(found.ids), abs=1e-5)
