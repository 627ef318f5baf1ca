"""Beam search as transformers 4.33.2 has it, with which the published scores were made.

Later versions divide a score by the length that was generated, without the prompt: another ranking.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import torch
from torch import Tensor

from i2vbench.transfer import put

NEVER = -1e9
"""What all beams but the first start with, since all would say the same."""

Follow = Callable[[list[int], Tensor], Tensor]
"""Logits of what follows, [M, beams, V], for the M images that are left.

Given for each of their M x beams sequences the row that it goes on from, among the M' x beams of the logits before, and
its new last token, int64 [M x beams].
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """How long and how broadly is searched.

    Attributes:
        end: The token that closes a sequence.
        beams: Sequences that are followed.
        min_length: Shorter ones are not closed. The prompt counts, `end` does not.
        max_length: Where all end.
    """

    end: int
    beams: int = 3
    min_length: int = 10
    max_length: int = 30


class Hypothesis(NamedTuple):
    """A closed sequence.

    Attributes:
        ids: With the prompt, without `end`.
        score: Its summed log probability, that of `end` included, over the number of ids.
    """

    ids: list[int]
    score: float


def beam_search(logits: Tensor, follow: Follow, prompt: Sequence[int], rules: Rules) -> list[Hypothesis | None]:
    """The best sequence of each image, found without regard to the others.

    Args:
        logits: Of what follows the prompt, [N, beams, V], the same for each beam.

    Returns:
        None for an image some of whose probabilities are NaN: one logit that is NaN or infinite makes them all so. It
        leaves the others alone.
    """
    searches = [_Search(prompt, rules) for _ in logits]
    left = searches
    for length in range(len(prompt), rules.max_length):
        log_probs = logits.log_softmax(2)
        if length < rules.min_length:
            log_probs[..., rules.end] = -torch.inf  # the others are not made more probable by it
        sums = torch.tensor([search.totals for search in left], dtype=log_probs.dtype)
        log_probs += put(sums, log_probs.device).unsqueeze(2)
        totals, places = log_probs.flatten(1).topk(2 * rules.beams)  # [M, 6]
        parents, tokens = places // logits.shape[2], places % logits.shape[2]
        going, rows = [], []
        for row, (search, *candidates) in enumerate(
            zip(left, totals.tolist(), parents.tolist(), tokens.tolist(), strict=True)
        ):
            if not math.isfinite(candidates[0][0]):  # NaN is the largest to topk
                search.failed = True
                continue
            came_from = search.extend(list(zip(*candidates, strict=True)))
            if not search.done:
                going.append(search)
                rows += [row * rules.beams + parent for parent in came_from]
        left = going
        if not left or length + 1 == rules.max_length:
            break
        last = torch.tensor([ids[-1] for search in left for ids in search.open])
        logits = follow(rows, put(last, logits.device))
    return [search.best() for search in searches]


class _Search:
    """For one image.

    Attributes:
        open: The sequences that are followed.
        totals: Their summed log probabilities.
        done: No open one will be better than those that are closed, as far as it is looked ahead.
        failed: Nothing can be said.
    """

    def __init__(self, prompt: Sequence[int], rules: Rules) -> None:
        self._rules = rules
        self._closed: list[Hypothesis] = []
        self.open = [list(prompt) for _ in range(rules.beams)]
        self.totals = [0.0] + [NEVER] * (rules.beams - 1)
        self.done = self.failed = False

    def extend(self, candidates: Sequence[tuple[float, int, int]]) -> list[int]:
        """Take the next step, and say which open sequence each new one goes on from.

        Args:
            candidates: Summed log probability, the open sequence and its next token, the best first.
        """
        beams = self._rules.beams
        kept: list[tuple[float, int, int]] = []
        for rank, (total, parent, token) in enumerate(candidates):
            if token != self._rules.end:
                kept.append((total, parent, token))
            elif rank < beams:  # an end that is less probable than this many others is dropped
                self._close(self.open[parent], total)
            if len(kept) == beams:
                break
        self.open = [[*self.open[parent], token] for _, parent, token in kept]
        self.totals = [total for total, _, _ in kept]
        if len(self._closed) == beams:
            worst = min(self._closed, key=attrgetter("score"))
            self.done = worst.score >= candidates[0][0] / len(self.open[0])
        return [parent for _, parent, _ in kept]

    def best(self) -> Hypothesis | None:
        """Of the closed ones and the open ones."""
        if self.failed:
            return None
        for ids, total in zip(self.open, self.totals, strict=True):
            self._close(ids, total)  # if the search is done, none of them is good enough
        # Of equally good ones the one closed last.
        return max(reversed(self._closed), key=attrgetter("score"))

    def _close(self, ids: list[int], total: float) -> None:
        new = Hypothesis(ids, total / len(ids))
        if len(self._closed) == self._rules.beams:
            worst = min(self._closed, key=attrgetter("score"))
            if new.score <= worst.score:
                return
            self._closed.remove(worst)
        self._closed.append(new)
